// A rewrite of the graph that keeps what it computes.
#ifndef EARSHOT_CONVERTER_PASSES_PASS_H_
#define EARSHOT_CONVERTER_PASSES_PASS_H_

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::passes {

// `run` gets a graph that the IR verifier accepts and leaves such a graph. After an error, whose message
// names the op, the graph is in no defined state.
struct Pass {
  const char* name;
  Status (*run)(ir::Graph& graph);
};

// One file each; the file says what is rewritten and under which conditions.
Status FoldBatchNorm(ir::Graph& graph);
Status FoldAttentionScale(ir::Graph& graph);
Status FuseActivation(ir::Graph& graph);
Status FuseLinearSiblings(ir::Graph& graph);
Status FuseFeedForward(ir::Graph& graph);
Status AttendInPlace(ir::Graph& graph);
Status EliminateDeadNodes(ir::Graph& graph);
Status AddBeams(ir::Graph& graph);
Status AddWindows(ir::Graph& graph);

}  // namespace earshot::passes

#endif  // EARSHOT_CONVERTER_PASSES_PASS_H_
