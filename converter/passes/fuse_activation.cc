// Fuse activation: a Linear or Conv1d whose result only feeds an Activate applies the function itself, so the
// result is written once instead of three times through memory.
//
// The producer takes over the place the Activate wrote to. That moves the write forward, so nothing between
// the two may touch that memory.
#include <cstddef>
#include <vector>

#include "converter/ir/dim.h"
#include "converter/passes/pass.h"
#include "converter/passes/uses.h"

namespace earshot::passes {
namespace {

// Gives the op this activation function if it can have one and has none yet.
bool SetActivation(ir::Op& op, ir::Activation activation) {
  const auto set = [activation](auto& current, auto none) {
    if (current != none) return false;
    current = static_cast<decltype(none)>(activation);
    return true;
  };
  if (auto* linear = std::get_if<ir::Linear>(&op.attributes))
    return set(linear->activation, ir::Activation::kNone);
  if (auto* conv = std::get_if<ir::Conv1d>(&op.attributes))
    return set(conv->activation, ir::Activation::kNone);
  if (auto* image = std::get_if<ir::Conv2d>(&op.attributes))
    return set(image->activation, fb::Activation::None);
  return false;
}

bool SameShape(const ir::Value& a, const ir::Value& b) {
  return ir::SameLength(a.rows, b.rows) && ir::SameLength(a.cols, b.cols) && a.dtype == b.dtype;
}

// Fuses op `index`, an Activate, into its producer if it may.
bool TryFuse(ir::Method& method, const std::vector<ValueUses>& uses, size_t index) {
  const ir::Op& activate = method.ops[index];
  const int in = activate.inputs[0];
  const int out = activate.outputs[0];
  const ValueUses& in_uses = uses[static_cast<size_t>(in)];
  const ir::Value& in_value = method.values[static_cast<size_t>(in)];
  const bool is_private = in_value.kind == ir::ValueKind::kActivation && in_uses.num_readers == 1 &&
                          in_uses.num_writers == 1 && in_uses.num_views == 0;
  if (!is_private || !SameShape(in_value, method.values[static_cast<size_t>(out)])) return false;
  const int producer = in_uses.last_writer;
  if (IsTouched(method, {producer, static_cast<int>(index)}, BaseOf(method, out))) return false;
  const ir::Activation activation = std::get<ir::Activate>(activate.attributes).activation;
  if (!SetActivation(method.ops[static_cast<size_t>(producer)], activation)) return false;
  method.ops[static_cast<size_t>(producer)].outputs[0] = out;
  return true;
}

}  // namespace

Status FuseActivation(ir::Graph& graph) {
  for (ir::Method& method : graph.methods) {
    const std::vector<ValueUses> uses = CountValueUses(method);
    std::vector<bool> removed(method.ops.size(), false);
    for (size_t i = 0; i < method.ops.size(); ++i) {
      if (std::holds_alternative<ir::Activate>(method.ops[i].attributes)) {
        removed[i] = TryFuse(method, uses, i);
      }
    }
    RemoveOps(method, removed);
  }
  return Status::Ok();
}

}  // namespace earshot::passes
