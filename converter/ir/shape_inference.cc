// Operand rules of every op, one function each.
#include "converter/ir/shape_inference.h"

#include <algorithm>
#include <string>
#include <utility>

#include "converter/ir/dim.h"
#include "converter/ir/op_rules.h"

namespace earshot::ir {
namespace {

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
      conv.padding < 0 || conv.padding > kMaxWindow || conv.dilation < 1 || conv.dilation > kMaxWindow ||
      conv.groups < 1 || conv.padding_end < -1 || conv.padding_end > kMaxWindow) {
    return Status::Error(StatusCode::kInternal,
                         "kernel %lld, stride %lld and padding %lld are no convolution",
                         static_cast<long long>(conv.kernel), static_cast<long long>(conv.stride),
                         static_cast<long long>(conv.padding));
  }
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectWeightType(1));
  const int64_t channels = FixedLength(operands[0].cols), out_channels = FixedLength(operands[1].rows);
  if (channels < 0) return Status::Error(StatusCode::kInternal, "the input has no fixed number of channels");
  EARSHOT_RETURN_IF_ERROR(CheckChannels({channels, out_channels}, conv.groups));
  EARSHOT_RETURN_IF_ERROR(
      operands.ExpectCols(1, "the weight", Dim::Fixed(conv.kernel * (channels / conv.groups))));
  const Dim out_cols = operands[1].rows;
  if (operands.Has(2)) EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(2, "the bias", out_cols));
  const int64_t padding = conv.padding + (conv.padding_end < 0 ? conv.padding : conv.padding_end);
  const int64_t offset = padding - (conv.kernel - 1) * conv.dilation - 1 + conv.stride;
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
  EARSHOT_RETURN_IF_ERROR(operands.ExpectWeightType(1));
  const int64_t parts = FixedLength(operands[0].cols), table_cols = FixedLength(operands[1].cols);
  if (parts != 1 && (parts < 1 || table_cols % parts != 0 || operands[1].dtype != DType::kF32)) {
    return Status::Error(StatusCode::kInternal, "%lld columns of ids do not cut %lld columns of f32",
                         static_cast<long long>(parts), static_cast<long long>(table_cols));
  }
  return MatrixShape{operands[0].rows, operands[1].cols};
}

bool HasListedKeys(const Attention& attention) {
  return std::ranges::any_of(attention.heads, [](const HeadPattern& head) {
    return std::ranges::find(head.selections, SelectionKind::kListed, &KeySelection::kind) !=
           head.selections.end();
  });
}

// The operands behind q, k, v and their scales, from operand `index` on.
Status ExpectKeysBeside(const Attention& attention, const Operands& operands, size_t index) {
  if (HasListedKeys(attention)) {
    EARSHOT_RETURN_IF_ERROR(operands.ExpectType(index, "the list of keys", DType::kI32));
    EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(index, "the list of keys", Dim::Fixed(1)));
    ++index;
  }
  if (!attention.past) return Status::Ok();
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(1, "k, beside the past,", operands[0].rows));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(1, "k, beside the past,", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(index, "the past", DType::kF32));
  return operands.ExpectCols(index, "the past", Dim::Fixed(2 * FixedLength(operands[1].cols)));
}

Result<MatrixShape> Infer(const Attention& attention, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(3, 7));
  const bool has_int8_keys = operands[1].dtype == DType::kI8;
  const size_t num_keys_operands = has_int8_keys ? 5 : 3;
  const size_t num_operands =
      num_keys_operands + (HasListedKeys(attention) ? 1 : 0) + (attention.past ? 1 : 0);
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(num_operands, num_operands));
  EARSHOT_RETURN_IF_ERROR(ExpectKeysBeside(attention, operands, num_keys_operands));
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
  for (size_t i = 3; i < num_keys_operands; ++i) {
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
  template <class Table>
  const char* operator()(const Table&) const {
    return fb::EnumNameOpAttributes(fb::OpAttributesTraits<typename Table::TableType>::enum_value);
  }
};

}  // namespace

Result<MatrixShape> InferOutputShape(const Method& method, const Attributes& attributes,
                                     std::span<const int> inputs) {
  const Operands operands(method, inputs);
  return std::visit([&operands](const auto& kind) { return Infer(kind, operands); }, attributes);
}

bool UpdatesState(const Attributes& attributes) {
  const auto* attention = std::get_if<Attention>(&attributes);
  return std::holds_alternative<Lstm>(attributes) || std::holds_alternative<LinearAttention>(attributes) ||
         (attention != nullptr && attention->past);
}

DType ResultType(const Attributes& attributes) {
  const bool is_index = std::holds_alternative<ArgMax>(attributes) ||
                        std::holds_alternative<BucketSort>(attributes) ||
                        std::holds_alternative<TopRows>(attributes);
  return is_index ? DType::kI32 : DType::kF32;
}

const char* OpKindName(const Attributes& attributes) { return std::visit(KindName(), attributes); }

}  // namespace earshot::ir
