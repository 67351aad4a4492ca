// The list of passes, and the verifier between them.
#include "converter/passes/pipeline.h"

#include "converter/ir/verifier.h"

namespace earshot::passes {
namespace {

// Order matters where one pass hides a pattern from another: a norm must be folded before an activation hides
// the layer before it, the scale while q still has a Linear of its own, and a Linear must have its activation
// before it can be half of a feed-forward layer. What derives a method from another one comes last: two
// methods share their weights, which no pass rewrites then.
constexpr Pass kPipeline[] = {
    {"fold batch norm", FoldBatchNorm},
    {"fold attention scale", FoldAttentionScale},
    {"fuse activation", FuseActivation},
    {"fuse linear siblings", FuseLinearSiblings},
    {"fuse feed-forward", FuseFeedForward},
    {"attend in place", AttendInPlace},
    {"eliminate dead nodes", EliminateDeadNodes},
    {"add beams", AddBeams},
    {"add windows", AddWindows},
};

}  // namespace

std::span<const Pass> Pipeline() { return kPipeline; }

Status RunPasses(ir::Graph& graph, std::span<const Pass> passes) {
  if (const Status status = ir::Verify(graph); !status.ok()) {
    return status.WithContext("the graph as imported");
  }
  for (const Pass& pass : passes) {
    if (const Status status = pass.run(graph); !status.ok()) {
      return status.WithContext("pass \"%s\"", pass.name);
    }
    if (const Status status = ir::Verify(graph); !status.ok()) {
      return Status::Error(StatusCode::kInternal, "pass \"%s\" left a broken graph: %s", pass.name,
                           status.message());
    }
  }
  return Status::Ok();
}

}  // namespace earshot::passes
