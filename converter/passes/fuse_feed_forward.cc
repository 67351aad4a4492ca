// Fuse feed-forward: two Linears, the first with an activation, whose hidden rows nobody else reads, become
// one FeedForward. The runtime computes it in tiles of rows: the hidden rows, the widest of a transformer,
// then need no memory of their own.
//
// Both must have a bias. The first moves to the place of the second, so its operand must still be there.
#include <cstddef>
#include <utility>
#include <vector>

#include "converter/passes/pass.h"
#include "converter/passes/uses.h"

namespace earshot::passes {
namespace {

const ir::Linear* BiasedLinear(const ir::Op& op) {
  return op.inputs.size() == 3 && op.outputs.size() == 1 ? std::get_if<ir::Linear>(&op.attributes) : nullptr;
}

bool IsF32(const ir::Method& method, int value) {
  return method.values[static_cast<size_t>(value)].dtype == DType::kF32;
}

// Fuses op `index` with the Linear that makes its input, if it may; returns the index of that one or kNone.
int TryFuse(ir::Method& method, const std::vector<ValueUses>& uses, size_t index) {
  ir::Op& narrow = method.ops[index];
  const ir::Linear* second = BiasedLinear(narrow);
  if (second == nullptr || second->activation != ir::Activation::kNone || second->is_ranked ||
      !IsF32(method, narrow.outputs[0]))
    return ir::kNone;
  const int hidden = narrow.inputs[0];
  const ValueUses& hidden_uses = uses[static_cast<size_t>(hidden)];
  const bool is_private = method.values[static_cast<size_t>(hidden)].kind == ir::ValueKind::kActivation &&
                          hidden_uses.num_readers == 1 && hidden_uses.num_writers == 1 &&
                          hidden_uses.num_views == 0;
  if (!is_private) return ir::kNone;
  const int producer = hidden_uses.last_writer;
  const ir::Op& widen = method.ops[static_cast<size_t>(producer)];
  const ir::Linear* first = BiasedLinear(widen);
  if (first == nullptr || first->activation == ir::Activation::kNone) return ir::kNone;
  const int in = BaseOf(method, widen.inputs[0]);
  for (int i = producer + 1; i < static_cast<int>(index); ++i) {
    for (const int output : method.ops[static_cast<size_t>(i)].outputs) {
      if (BaseOf(method, output) == in) return ir::kNone;
    }
  }
  // Tiles of the result are written while later rows of the input are still to be read.
  if (BaseOf(method, narrow.outputs[0]) == in) return ir::kNone;
  narrow.attributes = ir::FeedForward{.activation = first->activation};
  narrow.name = JoinNames({widen.name, narrow.name});
  narrow.inputs = {widen.inputs[0], widen.inputs[1], widen.inputs[2], narrow.inputs[1], narrow.inputs[2]};
  return producer;
}

}  // namespace

Status FuseFeedForward(ir::Graph& graph) {
  for (ir::Method& method : graph.methods) {
    const std::vector<ValueUses> uses = CountValueUses(method);
    std::vector<bool> removed(method.ops.size(), false);
    for (size_t i = 0; i < method.ops.size(); ++i) {
      const int fused = TryFuse(method, uses, i);
      if (fused != ir::kNone) removed[static_cast<size_t>(fused)] = true;
    }
    RemoveOps(method, removed);
  }
  return Status::Ok();
}

}  // namespace earshot::passes
