// Rewrites the states and every value that stands for one.
#include "converter/quantize/narrow_states.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "converter/ir/graph_builder.h"
#include "converter/quantize/name_patterns.h"

namespace earshot::quantize {
namespace {

// The state that a value stands for or is a part of; kNone for other values.
int StateOf(const ir::Method& method, int index) {
  const ir::Value& value = method.values[static_cast<size_t>(index)];
  if (value.kind == ir::ValueKind::kView) return StateOf(method, value.base);
  return value.kind == ir::ValueKind::kState ? value.state : ir::kNone;
}

void SetType(ir::Graph& graph, int state, DType dtype) {
  graph.states[static_cast<size_t>(state)].dtype = dtype;
  for (ir::Method& method : graph.methods) {
    for (size_t i = 0; i < method.values.size(); ++i) {
      if (StateOf(method, static_cast<int>(i)) == state) method.values[i].dtype = dtype;
    }
  }
}

bool IsResultOfLinear(const ir::Op& op, const std::vector<int>& operands, size_t operand) {
  return &operands == &op.outputs && operand == 0 && std::holds_alternative<ir::Linear>(op.attributes);
}

bool IsKeyOrValue(const ir::Op& op, const std::vector<int>& operands, size_t operand) {
  return &operands == &op.inputs && (operand == 1 || operand == 2) &&
         std::holds_alternative<ir::Attention>(op.attributes);
}

// Columns of a head of the K and V in `state`; 0 unless linear ops write it, attention reads it, all agree on
// the width, and no part of the state cuts a head.
class HeadWidth {
 public:
  HeadWidth(const ir::Graph& graph, int state) : state_(state) {
    for (const ir::Method& method : graph.methods) {
      for (const ir::Op& op : method.ops) Visit(method, op);
    }
    for (const ir::Method& method : graph.methods) {
      for (size_t i = 0; i < method.values.size() && width_ > 0; ++i) {
        const ir::Value& value = method.values[i];
        if (StateOf(method, static_cast<int>(i)) != state_) continue;
        fits_ = fits_ && value.col_begin % width_ == 0 && value.cols.addend % width_ == 0;
      }
    }
  }

  int64_t cols() const { return fits_ ? width_ : 0; }

 private:
  void Visit(const ir::Method& method, const ir::Op& op) {
    for (const auto* operands : {&op.inputs, &op.outputs}) {
      for (size_t i = 0; i < operands->size(); ++i) {
        if (StateOf(method, (*operands)[i]) != state_) continue;
        if (IsKeyOrValue(op, *operands, i)) {
          const int64_t cols = method.values[static_cast<size_t>((*operands)[i])].cols.addend;
          const int64_t width = cols / std::get<ir::Attention>(op.attributes).num_kv_heads;
          fits_ = fits_ && (width_ == 0 || width_ == width);
          width_ = width;
        } else if (!IsResultOfLinear(op, *operands, i)) {
          fits_ = false;
        }
      }
    }
  }

  int state_;
  int64_t width_ = 0;
  bool fits_ = true;
};

// The value of `method` that stands for `state`, which may be new there.
int ValueOfState(ir::Method& method, const ir::Graph& graph, int state) {
  for (size_t i = 0; i < method.values.size(); ++i) {
    if (method.values[i].kind == ir::ValueKind::kState && method.values[i].state == state)
      return static_cast<int>(i);
  }
  const ir::State& source = graph.states[static_cast<size_t>(state)];
  ir::Value value;
  value.name = source.name;
  value.kind = ir::ValueKind::kState;
  value.dtype = source.dtype;
  value.rows = ir::Dim::Fixed(source.rows);
  value.cols = ir::Dim::Fixed(source.cols);
  value.state = state;
  method.values.push_back(std::move(value));
  return static_cast<int>(method.values.size()) - 1;
}

// The part of the scales that belongs to `part` of the state.
int ScalesOf(ir::Method& method, int part, int scales, int64_t head_cols) {
  ir::Value value = method.values[static_cast<size_t>(part)];
  if (value.kind != ir::ValueKind::kView) return scales;
  value.name += ".scales";
  value.dtype = DType::kF32;
  value.base = scales;
  value.cols = ir::Dim::Fixed(value.cols.addend / head_cols);
  value.col_begin /= head_cols;
  method.values.push_back(std::move(value));
  return static_cast<int>(method.values.size()) - 1;
}

void AddScales(ir::Graph& graph, int state, int64_t head_cols) {
  const ir::State narrow = graph.states[static_cast<size_t>(state)];
  const int scales =
      ir::AddState(graph, narrow.name + "_scales", DType::kF32, narrow.rows, narrow.cols / head_cols);
  for (ir::Method& method : graph.methods) {
    for (ir::Op& op : method.ops) {
      const auto is_part = [&](int value) { return StateOf(method, value) == state; };
      for (auto* operands : {&op.inputs, &op.outputs}) {
        for (size_t i = 0, count = operands->size(); i < count; ++i) {
          if (!is_part((*operands)[i])) continue;
          const int base = ValueOfState(method, graph, scales);
          operands->push_back(ScalesOf(method, (*operands)[i], base, head_cols));
        }
      }
    }
  }
}

}  // namespace

void KeepStatesInInt8(ir::Graph& graph, const std::vector<std::string>& patterns) {
  for (int state = 0, count = static_cast<int>(graph.states.size()); state < count; ++state) {
    if (!MatchesAny(graph.states[static_cast<size_t>(state)].name, patterns)) continue;
    const int64_t head_cols = HeadWidth(graph, state).cols();
    if (head_cols == 0) continue;
    SetType(graph, state, DType::kI8);
    AddScales(graph, state, head_cols);
    // Each head reads its own keys alone.
    graph.states[static_cast<size_t>(state)].panel_cols = head_cols;
    graph.states.back().panel_cols = 1;
  }
}

void KeepStatesInF16(ir::Graph& graph, const std::vector<std::string>& patterns) {
  for (size_t state = 0; state < graph.states.size(); ++state) {
    const int index = static_cast<int>(state);
    const bool is_named = MatchesAny(graph.states[state].name, patterns);
    if (is_named && graph.states[state].dtype == DType::kF32 && HeadWidth(graph, index).cols() > 0)
      SetType(graph, index, DType::kF16);
  }
}

}  // namespace earshot::quantize
