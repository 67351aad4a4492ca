// CountWork: bytes by where an operand lies, multiply-adds by the type of the op.
#include "runtime/ops/op_work.h"

#include <algorithm>

#include "runtime/attention/attention_int8.h"
#include "runtime/core/dtype.h"
#include "runtime/ops/head_patterns.h"

namespace earshot {
namespace {

using flatbuffers::uoffset_t;

fb::ValueKind KindOfMemory(const fb::Method& method, int32_t index) {
  const fb::Value& value = *method.values()->Get(static_cast<uoffset_t>(index));
  return value.kind() == fb::ValueKind::View ? KindOfMemory(method, value.base()) : value.kind();
}

// `rows` of the matrix, in bytes.
int64_t BytesOf(const MatrixView& view, int64_t rows) {
  return static_cast<int64_t>(DTypeBytes(view.dtype, static_cast<uint64_t>(rows * view.cols)));
}

int64_t ScaleBytes(const MatrixView& weight, int64_t rows) {
  constexpr int64_t kF32Bytes = 4, kBf16Bytes = 2;
  if (weight.dtype == DType::kI8) return rows * kF32Bytes;
  if (weight.dtype == DType::kI4) return rows * weight.cols / kI4BlockElems * kBf16Bytes;
  return 0;
}

bool IsQuantized(const MatrixView& view) { return view.dtype == DType::kI8 || view.dtype == DType::kI4; }

// Whether only the leading half of int8 weights is read (runtime/ops/ranked_linear.h).
bool ReadsHalf(const fb::Op& op, const MatrixView& weight, bool ranks_nearly) {
  const fb::Linear* linear = op.attributes_as_Linear();
  return ranks_nearly && linear != nullptr && linear->ranked() && weight.dtype == DType::kI8;
}

void CountBytes(const fb::Method& method, const fb::Op& op, const OpOperands& operands, bool ranks_nearly,
                OpWork& work) {
  const bool looks_up = op.attributes_type() == fb::OpAttributes::Embedding;
  for (size_t i = 0; i < operands.num_inputs; ++i) {
    const MatrixView& in = operands.inputs[i];
    switch (KindOfMemory(method, op.inputs()->Get(static_cast<uoffset_t>(i)))) {
      case fb::ValueKind::Constant: {
        const int64_t rows_read = looks_up ? operands.inputs[0].rows : in.rows;
        const int64_t halves = ReadsHalf(op, in, ranks_nearly) ? 1 : 2;
        work.weight_bytes += BytesOf(in, rows_read) * halves / 2 + ScaleBytes(in, rows_read);
        break;
      }
      case fb::ValueKind::State:
        work.state_bytes += BytesOf(in, in.rows);
        break;
      default:
        work.activation_bytes += BytesOf(in, in.rows);
    }
  }
  for (size_t i = 0; i < operands.num_outputs; ++i) {
    work.activation_bytes += BytesOf(operands.outputs[i], operands.outputs[i].rows);
  }
}

// Pairs of a query and a key that it sees, of all heads. Listed keys and the past count in full.
int64_t AttendedPairs(const fb::Attention& attention, const OpOperands& operands) {
  const int64_t num_queries = operands.inputs[0].rows, num_keys = operands.inputs[1].rows;
  const int64_t num_heads = attention.num_heads();
  if (attention.side_by_side()) return num_heads * num_keys;
  switch (attention.pattern()) {
    case fb::PatternKind::Full:
      break;
    case fb::PatternKind::Causal:  // the last query sees all keys, each one before it a key less
      return num_heads * (num_queries * num_keys - num_queries * (num_queries - 1) / 2);
    case fb::PatternKind::Heads: {
      int64_t pairs = 0;
      for (const fb::HeadPattern* head : *attention.heads())
        pairs += CountPairs(*head, num_queries, num_keys);
      if (attention.heads()->size() == 1) pairs *= num_heads;
      const size_t beside =
          operands.inputs[1].dtype == DType::kI8 ? 5 : 3;  // K, V and their scales come before
      for (size_t i = beside; i < operands.num_inputs; ++i)
        pairs += num_heads * num_queries * operands.inputs[i].rows;
      return pairs;
    }
  }
  return num_heads * num_queries * num_keys;
}

void CountMultiplyAdds(const fb::Op& op, const OpOperands& operands, OpWork& work) {
  const MatrixView& out = operands.outputs[0];
  if (const fb::Attention* attention = op.attributes_as_Attention(); attention != nullptr) {
    // Each pair costs a product for every channel of the head in q k^T, and one in the weighted sum of v.
    const int64_t head_dim = out.cols / static_cast<int64_t>(attention->num_heads());
    work.multiply_adds = 2 * AttendedPairs(*attention, operands) * head_dim;
    // The choice that the op itself makes (ops/attention.cc).
    if (attention->arithmetic() == fb::AttentionArithmetic::Int8 && operands.inputs[1].dtype != DType::kI8 &&
        Int8AttentionIsFaster())
      work.arithmetic = Arithmetic::kI8;
  } else if (op.attributes_type() == fb::OpAttributes::FeedForward) {
    const MatrixView& widen = operands.inputs[1];
    const MatrixView& narrow = operands.inputs[3];
    work.multiply_adds = out.rows * (widen.rows * widen.cols + narrow.rows * narrow.cols);
    if (IsQuantized(widen) && IsQuantized(narrow)) work.arithmetic = Arithmetic::kI8;
  } else if (op.attributes_type() == fb::OpAttributes::Linear ||
             op.attributes_type() == fb::OpAttributes::Conv1d ||
             op.attributes_type() == fb::OpAttributes::Conv2d) {
    const MatrixView& weight = operands.inputs[1];
    work.multiply_adds = out.rows * out.cols * weight.cols;
    if (IsQuantized(weight)) work.arithmetic = Arithmetic::kI8;
  } else if (const fb::MatMul* product = op.attributes_as_MatMul(); product != nullptr) {
    const MatrixView& a = operands.inputs[0];
    const int64_t inner = product->transpose_a() ? a.rows : a.cols;
    const bool is_cut =
        product->a_layout() == (product->transpose_a() ? fb::GroupLayout::Rows : fb::GroupLayout::Columns);
    work.multiply_adds = out.rows * out.cols * (is_cut ? inner / product->groups() : inner);
  } else if (const fb::LinearAttention* linear = op.attributes_as_LinearAttention(); linear != nullptr) {
    // Per head: the products of keys and values, and those of queries and the sums.
    const MatrixView& k = operands.inputs[1];
    work.multiply_adds = (k.rows + out.rows) * k.cols * (out.cols / linear->num_heads());
  }
}

}  // namespace

OpWork CountWork(const fb::Method& method, const fb::Op& op, const OpOperands& operands, bool ranks_nearly) {
  OpWork work;
  CountBytes(method, op, operands, ranks_nearly, work);
  CountMultiplyAdds(op, operands, work);
  return work;
}

}  // namespace earshot
