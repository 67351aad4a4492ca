// Attend in place: attention writes its result over its queries where nobody reads those any more. With Q, K
// and V fused into one matrix, the queries are some of its columns, and the result needs no memory of its
// own.
#include <cstddef>

#include "converter/ir/dim.h"
#include "converter/passes/pass.h"
#include "converter/passes/uses.h"

namespace earshot::passes {
namespace {

// Whether an op from `begin` on reads or writes memory of the base of `value`.
bool IsUsedFrom(const ir::Method& method, size_t begin, int value) {
  const OpRange rest = {static_cast<int>(begin), static_cast<int>(method.ops.size())};
  return IsTouched(method, rest, BaseOf(method, value));
}

// K or V may share a matrix with Q, but no columns.
bool SharesColumns(const ir::Method& method, int a, int b) {
  if (BaseOf(method, a) != BaseOf(method, b)) return false;
  const ir::Value& left = method.values[static_cast<size_t>(a)];
  const ir::Value& right = method.values[static_cast<size_t>(b)];
  if (left.kind != ir::ValueKind::kView || right.kind != ir::ValueKind::kView) return true;
  const int64_t left_end = left.col_begin + ir::Simplify(left.cols).addend;
  const int64_t right_end = right.col_begin + ir::Simplify(right.cols).addend;
  return left.col_begin < right_end && right.col_begin < left_end;
}

bool MayAttendInPlace(const ir::Method& method, const std::vector<ValueUses>& uses, size_t index) {
  const ir::Op& op = method.ops[index];
  const int q = op.inputs[0], out = op.outputs[0];
  const ir::Value& q_memory = method.values[static_cast<size_t>(BaseOf(method, q))];
  const ir::Value& result = method.values[static_cast<size_t>(out)];
  const ValueUses& out_uses = uses[static_cast<size_t>(out)];
  const bool is_private = result.kind == ir::ValueKind::kActivation && out_uses.num_views == 0 &&
                          out_uses.num_writers == 1 && result.dtype == q_memory.dtype;
  if (q_memory.kind != ir::ValueKind::kActivation || !is_private) return false;
  for (size_t i = 1; i < op.inputs.size(); ++i) {
    if (SharesColumns(method, q, op.inputs[i])) return false;
  }
  return !IsUsedFrom(method, index + 1, q);
}

}  // namespace

Status AttendInPlace(ir::Graph& graph) {
  for (ir::Method& method : graph.methods) {
    const std::vector<ValueUses> uses = CountValueUses(method);
    for (size_t i = 0; i < method.ops.size(); ++i) {
      ir::Op& op = method.ops[i];
      if (!std::holds_alternative<ir::Attention>(op.attributes) || !MayAttendInPlace(method, uses, i))
        continue;
      const int q = op.inputs[0], out = op.outputs[0];
      op.outputs[0] = q;
      for (size_t j = i + 1; j < method.ops.size(); ++j) {
        for (int& input : method.ops[j].inputs) input = input == out ? q : input;
      }
    }
  }
  return Status::Ok();
}

}  // namespace earshot::passes
