// Fold attention scale: softmax((x Wq^T + bq) K^T * s) = softmax((x (s Wq)^T + s bq) K^T), so the scale of
// the scores costs nothing at run time. For Whisper s = 1/8, exact in every float format.
//
// Only where q is an activation of its own that nothing but the attention reads, made by a Linear without an
// activation function whose weights nothing else uses; otherwise the scale stays with the attention.
#include <cstddef>
#include <vector>

#include "converter/passes/pass.h"
#include "converter/passes/uses.h"

namespace earshot::passes {
namespace {

// The Linear that makes `q` and may be scaled, or nullptr.
const ir::Op* ScalableLinear(const ir::Method& method, const std::vector<ValueUses>& value_uses,
                             const std::vector<int>& tensor_uses, int q) {
  const ValueUses& uses = value_uses[static_cast<size_t>(q)];
  const bool is_own = method.values[static_cast<size_t>(q)].kind == ir::ValueKind::kActivation &&
                      uses.num_readers == 1 && uses.num_writers == 1 && uses.num_views == 0;
  if (!is_own) return nullptr;
  const ir::Op& op = method.ops[static_cast<size_t>(uses.last_writer)];
  const auto* linear = std::get_if<ir::Linear>(&op.attributes);
  if (linear == nullptr || linear->activation != ir::Activation::kNone) return nullptr;
  for (size_t operand = 1; operand < op.inputs.size(); ++operand) {
    const int tensor = OperandTensor(method, op, operand);
    if (tensor == ir::kNone || tensor_uses[static_cast<size_t>(tensor)] != 1) return nullptr;
  }
  return &op;
}

}  // namespace

Status FoldAttentionScale(ir::Graph& graph) {
  const std::vector<int> tensor_uses = CountTensorUses(graph);
  for (ir::Method& method : graph.methods) {
    const std::vector<ValueUses> value_uses = CountValueUses(method);
    for (ir::Op& op : method.ops) {
      auto* attention = std::get_if<ir::Attention>(&op.attributes);
      if (attention == nullptr || attention->scale == 1.0f) continue;
      const ir::Op* linear = ScalableLinear(method, value_uses, tensor_uses, op.inputs[0]);
      if (linear == nullptr) continue;
      for (size_t operand = 1; operand < linear->inputs.size(); ++operand) {
        const int tensor = OperandTensor(method, *linear, operand);
        for (float& weight : graph.tensors[static_cast<size_t>(tensor)].values) weight *= attention->scale;
      }
      attention->scale = 1.0f;
    }
  }
  return Status::Ok();
}

}  // namespace earshot::passes
