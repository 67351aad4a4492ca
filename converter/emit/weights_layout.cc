// Order and offsets of the weights segment.
#include "converter/emit/weights_layout.h"

#include <cstddef>

#include "runtime/memory/arena.h"

namespace earshot::emit {
namespace {

struct TensorUse {
  bool is_seen = false;
  bool is_read_in_place = false;
};

// Whether the op only reads this operand to pack it.
bool IsPacked(const ir::Op& op, size_t operand) {
  const bool is_dense =
      std::holds_alternative<ir::Linear>(op.attributes) || std::holds_alternative<ir::Conv1d>(op.attributes);
  return is_dense && operand >= 1;
}

class OrderFinder {
 public:
  explicit OrderFinder(const ir::Graph& graph) : graph_(graph), uses_(graph.tensors.size()) {}

  std::vector<int> Find() {
    for (const ir::Method& method : graph_.methods) {
      for (const ir::Op& op : method.ops) Visit(method, op);
    }
    std::vector<int> order;
    for (size_t i = 0; i < uses_.size(); ++i) {
      if (!uses_[i].is_seen) order.push_back(static_cast<int>(i));  // no op reads it: mel filters
    }
    for (const bool in_place : {true, false}) {
      for (const int tensor : by_use_) {
        if (uses_[static_cast<size_t>(tensor)].is_read_in_place == in_place) order.push_back(tensor);
      }
    }
    return order;
  }

 private:
  void Visit(const ir::Method& method, const ir::Op& op) {
    for (size_t operand = 0; operand < op.inputs.size(); ++operand) {
      const ir::Value& value = method.values[static_cast<size_t>(op.inputs[operand])];
      const ir::Value& base =
          value.kind == ir::ValueKind::kView ? method.values[static_cast<size_t>(value.base)] : value;
      if (base.kind != ir::ValueKind::kConstant) continue;
      TensorUse& use = uses_[static_cast<size_t>(base.tensor)];
      if (!use.is_seen) by_use_.push_back(base.tensor);
      use.is_seen = true;
      use.is_read_in_place = use.is_read_in_place || !IsPacked(op, operand);
    }
  }

  const ir::Graph& graph_;
  std::vector<TensorUse> uses_;
  std::vector<int> by_use_;
};

}  // namespace

WeightsLayout LayOutWeights(const ir::Graph& graph) {
  WeightsLayout layout;
  layout.file_order = OrderFinder(graph).Find();
  layout.placements.resize(graph.tensors.size());
  uint64_t end = 0;
  for (const int index : layout.file_order) {
    const ir::Tensor& tensor = graph.tensors[static_cast<size_t>(index)];
    TensorPlacement& placement = layout.placements[static_cast<size_t>(index)];
    placement.data_offset = end;
    end += AlignUp(tensor.data.size());
    if (tensor.scales.empty()) continue;
    placement.scales_offset = end;
    end += AlignUp(tensor.scales.size());
  }
  layout.segment_bytes = end;
  return layout;
}

}  // namespace earshot::emit
