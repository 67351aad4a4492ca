// Operand rules of every op, one function each.
#include "converter/ir/shape_inference.h"

#include <string>
#include <utility>

#include "converter/ir/dim.h"

namespace earshot::ir {
namespace {

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
int64_t FixedLength(const Dim& dim) {
  const Dim simple = Simplify(dim);
  return simple.symbol == kNone ? simple.addend : -1;
}

Result<MatrixShape> Infer(const Linear&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 3));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectWeightType(1));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "the weight", operands[0].cols));
  const Dim out_cols = operands[1].rows;
  if (operands.Has(2)) EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(2, "the bias", out_cols));
  return MatrixShape{operands[0].rows, out_cols};
}

Result<MatrixShape> Infer(const Conv1d& conv, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 3));
  if (conv.kernel < 1 || conv.kernel > kMaxWindow || conv.stride < 1 || conv.stride > kMaxWindow ||
      conv.padding < 0 || conv.padding > kMaxWindow) {
    return Status::Error(StatusCode::kInternal,
                         "kernel %lld, stride %lld and padding %lld are no convolution",
                         static_cast<long long>(conv.kernel), static_cast<long long>(conv.stride),
                         static_cast<long long>(conv.padding));
  }
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectWeightType(1));
  const int64_t channels = FixedLength(operands[0].cols);
  if (channels < 0) return Status::Error(StatusCode::kInternal, "the input has no fixed number of channels");
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "the weight", Dim::Fixed(conv.kernel * channels)));
  const Dim out_cols = operands[1].rows;
  if (operands.Has(2)) EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(2, "the bias", out_cols));
  const int64_t offset = 2 * conv.padding - conv.kernel + conv.stride;
  return MatrixShape{AddAndDivide(operands[0].rows, offset, conv.stride), out_cols};
}

Result<MatrixShape> Infer(const LayerNorm&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 3));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(1, "gamma", operands[0].cols));
  if (operands.Has(2)) EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(2, "beta", operands[0].cols));
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const Add&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 2));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the first operand", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(1, "the second operand", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "the second operand", operands[0].cols));
  if (FixedLength(operands[1].rows) != 1) {
    EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(1, "the second operand", operands[0].rows));
  }
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const Embedding&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 2));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the ids", DType::kI32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(0, "the ids", Dim::Fixed(1)));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectWeightType(1));
  return MatrixShape{operands[0].rows, operands[1].cols};
}

Result<MatrixShape> Infer(const Attention& attention, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(3, 5));
  const bool has_int8_keys = operands[1].dtype == DType::kI8;
  const size_t num_operands = has_int8_keys ? 5 : 3;
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(num_operands, num_operands));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "q", DType::kF32));
  if (!has_int8_keys && operands[1].dtype != DType::kF16)
    EARSHOT_RETURN_IF_ERROR(operands.ExpectType(1, "k", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(2, "v", operands[1].dtype));
  const int64_t heads = attention.num_heads;
  const int64_t kv_heads = attention.num_kv_heads;
  const int64_t width = FixedLength(operands[0].cols);
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0 || width < heads || width % heads != 0) {
    return Status::Error(StatusCode::kInternal, "%lld heads and %lld key heads do not fit %lld columns",
                         static_cast<long long>(heads), static_cast<long long>(kv_heads),
                         static_cast<long long>(width));
  }
  const size_t num_patterns = attention.heads.size();
  const bool has_patterns = attention.pattern == PatternKind::kHeads;
  if (has_patterns ? num_patterns != 1 && std::cmp_not_equal(num_patterns, heads) : num_patterns != 0)
    return Status::Error(StatusCode::kInternal, "it has %zu patterns of heads for %lld heads", num_patterns,
                         static_cast<long long>(heads));
  const Dim kv_cols = Dim::Fixed(width / heads * kv_heads);
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "k", kv_cols));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(2, "v", kv_cols));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(2, "v", operands[1].rows));
  for (size_t i = 3; i < num_operands; ++i) {
    EARSHOT_RETURN_IF_ERROR(operands.ExpectType(i, "the scales", DType::kF32));
    EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(i, "the scales", operands[1].rows));
    EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(i, "the scales", Dim::Fixed(kv_heads)));
  }
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const Activate&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 1));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const FeedForward&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(5, 5));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  for (const size_t weight : {size_t{1}, size_t{3}})
    EARSHOT_RETURN_IF_ERROR(operands.ExpectWeightType(weight));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "the first weight", operands[0].cols));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(2, "the first bias", operands[1].rows));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(3, "the second weight", operands[1].rows));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(4, "the second bias", operands[3].rows));
  return MatrixShape{operands[0].rows, operands[3].rows};
}

struct KindName {
  const char* operator()(const Linear&) const { return "linear"; }
  const char* operator()(const Conv1d&) const { return "conv1d"; }
  const char* operator()(const LayerNorm&) const { return "layer norm"; }
  const char* operator()(const Add&) const { return "add"; }
  const char* operator()(const Embedding&) const { return "embedding"; }
  const char* operator()(const Attention&) const { return "attention"; }
  const char* operator()(const Activate&) const { return "activate"; }
  const char* operator()(const FeedForward&) const { return "feed-forward"; }
};

}  // namespace

Result<MatrixShape> InferOutputShape(const Method& method, const Attributes& attributes,
                                     std::span<const int> inputs) {
  const Operands operands(method, inputs);
  return std::visit([&operands](const auto& kind) { return Infer(kind, operands); }, attributes);
}

const char* OpKindName(const Attributes& attributes) { return std::visit(KindName(), attributes); }

}  // namespace earshot::ir
