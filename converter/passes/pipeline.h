// The passes in the order they run.
#ifndef EARSHOT_CONVERTER_PASSES_PIPELINE_H_
#define EARSHOT_CONVERTER_PASSES_PIPELINE_H_

#include <span>

#include "converter/ir/graph.h"
#include "converter/passes/pass.h"
#include "runtime/core/status.h"

namespace earshot::passes {

// Every pass of a conversion, in order. Static storage.
std::span<const Pass> Pipeline();

// Verifies the graph, then runs each pass and verifies its result. Errors name the pass; a graph that a pass
// broke is kInternal.
Status RunPasses(ir::Graph& graph, std::span<const Pass> passes);

}  // namespace earshot::passes

#endif  // EARSHOT_CONVERTER_PASSES_PIPELINE_H_
