// The rules that shape inference dispatches to, and what they share.
#ifndef EARSHOT_CONVERTER_IR_OP_RULES_H_
#define EARSHOT_CONVERTER_IR_OP_RULES_H_

#include <cstdint>
#include <span>

#include "converter/ir/dim.h"
#include "converter/ir/graph.h"
#include "converter/ir/shape_inference.h"
#include "runtime/core/status.h"

namespace earshot::ir {

// Bound on kernel, stride and padding of a convolution, far above any use: keeps the arithmetic on lengths
// from overflowing.
constexpr int64_t kMaxWindow = 1 << 16;

// The operands of one op, with the checks that all rules share.
class Operands {
 public:
  Operands(const Method& method, std::span<const int> inputs) : method_(method), inputs_(inputs) {}

  const Value& operator[](size_t index) const { return method_.values[static_cast<size_t>(inputs_[index])]; }
  bool Has(size_t index) const { return index < inputs_.size(); }

  Status ExpectCount(size_t fewest, size_t most) const {
    if (inputs_.size() >= fewest && inputs_.size() <= most) return Status::Ok();
    return Status::Error(StatusCode::kInternal, "it has %zu operands, not %zu to %zu", inputs_.size(), fewest,
                         most);
  }

  Status ExpectRows(size_t index, const char* role, const Dim& rows) const {
    return ExpectLength(role, "rows", (*this)[index].rows, rows);
  }

  Status ExpectCols(size_t index, const char* role, const Dim& cols) const {
    return ExpectLength(role, "columns", (*this)[index].cols, cols);
  }

  // A vector that is applied to every row.
  Status ExpectRowVector(size_t index, const char* role, const Dim& cols) const {
    EARSHOT_RETURN_IF_ERROR(ExpectType(index, role, DType::kF32));
    EARSHOT_RETURN_IF_ERROR(ExpectRows(index, role, Dim::Fixed(1)));
    return ExpectCols(index, role, cols);
  }

  Status ExpectType(size_t index, const char* role, DType type) const {
    const DType actual = (*this)[index].dtype;
    if (actual == type) return Status::Ok();
    return Status::Error(StatusCode::kInternal, "%s is of type %s, not %s", role, DTypeName(actual),
                         DTypeName(type));
  }

  // A weight matrix may be stored in any of the types of weights.
  Status ExpectWeightType(size_t index) const {
    if ((*this)[index].dtype != DType::kI32) return Status::Ok();
    return Status::Error(StatusCode::kInternal, "the weight is of type i32");
  }

 private:
  Status ExpectLength(const char* role, const char* axis, const Dim& actual, const Dim& expected) const {
    if (SameLength(actual, expected)) return Status::Ok();
    return Status::Error(StatusCode::kInternal, "%s has %s %s, not %s", role,
                         DimText(actual, method_.symbols).c_str(), axis,
                         DimText(expected, method_.symbols).c_str());
  }

  const Method& method_;
  std::span<const int> inputs_;
};

// A length that is a plain number; -1 where it depends on a symbol.
int64_t FixedLength(const Dim& dim);

// kInternal unless both numbers of channels make `groups` equal parts.
struct Channels {
  int64_t in = 0;
  int64_t out = 0;
};
Status CheckChannels(Channels channels, int64_t groups);

// Shape of the result.
Result<MatrixShape> Infer(const ScaleShift&, const Operands& operands);
Result<MatrixShape> Infer(const Binary&, const Operands& operands);
Result<MatrixShape> Infer(const Unary&, const Operands& operands);
Result<MatrixShape> Infer(const Normalize& normalize, const Operands& operands);
Result<MatrixShape> Infer(const Softmax& softmax, const Operands& operands);
Result<MatrixShape> Infer(const Reduce& reduce, const Operands& operands);
Result<MatrixShape> Infer(const ArgMax& arg_max, const Operands& operands);
Result<MatrixShape> Infer(const MatMul& product, const Operands& operands);
Result<MatrixShape> Infer(const Conv2d& conv, const Operands& operands);
Result<MatrixShape> Infer(const Rotary& rotary, const Operands& operands);
Result<MatrixShape> Infer(const Lstm&, const Operands& operands);
Result<MatrixShape> Infer(const RelativeShift& shift, const Operands& operands);
Result<MatrixShape> Infer(const LinearAttention& attention, const Operands& operands);
Result<MatrixShape> Infer(const ReplaceRows&, const Operands& operands);
Result<MatrixShape> Infer(const ScatterAdd& scatter, const Operands& operands);
Result<MatrixShape> Infer(const MixBlocks& mix, const Operands& operands);
Result<MatrixShape> Infer(const RankedSoftmax& ranked, const Operands& operands);
Result<MatrixShape> Infer(const BucketSort& sort, const Operands& operands);
Result<MatrixShape> Infer(const TopRows& top, const Operands& operands);
Result<MatrixShape> Infer(const ClusterAttention& attention, const Operands& operands);
Result<MatrixShape> Infer(const DropListed&, const Operands& operands);

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_OP_RULES_H_
