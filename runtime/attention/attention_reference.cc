// The specification of Attend: one query row after the other, softmax in double precision. Allocates; for
// tests.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "runtime/attention/attention.h"
#include "runtime/attention/attention_job.h"

namespace earshot {
namespace {

double Widen(float x) { return x; }
double Widen(Float16 x) { return ToFloat(x); }
double Widen(int8_t x) { return x; }

// The factor of a row of K or V: 1 but for 8-bit integers.
template <class T>
double ScaleOf(const Matrix<const float>& scales, int64_t row) {
  return std::is_same_v<T, int8_t> ? double{*scales.Row(row)} : 1.0;
}

// What a query sees: a row of K and V or of the ring of past ones, or the mean of several.
struct VisibleKey {
  attention::RowGroup rows;
  float log2_count;
  bool is_past = false;
};

VisibleKey KeyAt(const AttentionPattern& pattern, const QueryBlock& block, const KeyRange& range,
                 int64_t position, std::span<const int32_t> order) {
  switch (range.source) {
    case KeySource::kPooled:
      return {attention::GroupOf(position, block.num_keys, pattern.PoolLength(block.head)), range.log2_count};
    case KeySource::kPast:
      return {{position, position + 1}, range.log2_count, true};
    case KeySource::kListed:
      order = block.listed;
      break;
    case KeySource::kKeys:
      break;
  }
  const int64_t row = order.empty() ? position : order[static_cast<size_t>(position)];
  return {{row, row + 1}, range.log2_count};
}

std::vector<VisibleKey> VisibleKeys(const AttentionPattern& pattern, const QueryBlock& block,
                                    std::span<const int32_t> order) {
  std::vector<VisibleKey> keys;
  for (int64_t i = 0; i < pattern.NumRanges(block); ++i) {
    const KeyRange range = pattern.Range(block, i);
    KeyLimits limits = {range.begin, range.end};
    if (!range.exact) pattern.RowLimits(block, i, {&limits, 1});
    for (int64_t position = range.begin; position < range.end; position += range.step) {
      if (position < limits.begin || position >= limits.end) continue;
      keys.push_back(KeyAt(pattern, block, range, position, order));
    }
  }
  return keys;
}

// Mean of a channel over some rows of K or V.
template <class T>
double Mean(const Matrix<const T>& matrix, const Matrix<const float>& scales, const attention::RowGroup& rows,
            int64_t col) {
  double sum = 0.0;
  for (int64_t row = rows.begin; row < rows.end; ++row)
    sum += ScaleOf<T>(scales, row) * Widen(matrix.Row(row)[col]);
  return sum / static_cast<double>(rows.end - rows.begin);
}

template <class T>
void AttendRow(const attention::AttentionHead<T>& head, int64_t row, std::span<const VisibleKey> keys) {
  const float* q = head.q.Row(row);
  float* out = head.out.Row(row);
  std::vector<double> weights;
  double largest = -std::numeric_limits<double>::infinity();
  for (const VisibleKey& key : keys) {
    double score = 0.0;
    const Matrix<const T>& k = key.is_past ? head.past_k : head.k;
    for (int64_t d = 0; d < head.k.cols; ++d)
      score += static_cast<double>(q[d]) * Mean(k, head.k_scales, key.rows, d);
    weights.push_back(score * static_cast<double>(head.scale) +
                      static_cast<double>(key.log2_count) * std::log(2.0));
    largest = std::max(largest, weights.back());
  }
  double sum = 0.0;
  for (double& weight : weights) sum += weight = std::exp(weight - largest);
  if (head.log_sums.data != nullptr) *head.log_sums.Row(row) = static_cast<float>(largest + std::log(sum));
  for (int64_t d = 0; d < head.v.cols; ++d) {
    double mean = 0.0;
    for (size_t i = 0; i < keys.size(); ++i) {
      const Matrix<const T>& v = keys[i].is_past ? head.past_v : head.v;
      mean += weights[i] / sum * Mean(v, head.v_scales, keys[i].rows, d);
    }
    out[d] = static_cast<float>(mean);
  }
}

template <class T>
void AttendAllRows(const AttentionParams& params, const AttentionOperands<T>& operands) {
  const FullPattern full;
  AttentionParams with_pattern = params;
  if (params.side_by_side) {
    with_pattern.side_by_side = false;
    for (int64_t row = 0; row < operands.q.rows; ++row)
      AttendAllRows(with_pattern, attention::SequenceOf(operands, row));
    return;
  }
  if (params.pattern == nullptr) with_pattern.pattern = &full;
  const int64_t num_queries = operands.q.rows;
  for (int64_t index = 0; index < params.shape.num_heads; ++index) {
    const attention::AttentionHead<T> head = attention::MakeHead(with_pattern, operands, index);
    for (int64_t position = 0; position < num_queries; ++position) {
      const QueryBlock block = head.Block(position, position + 1);
      AttendRow(head, head.QueryRow(position), VisibleKeys(*head.pattern, block, head.order.keys));
    }
  }
}

}  // namespace

void AttendReference(const AttentionParams& params, const AttentionOperands<float>& operands) {
  AttendAllRows(params, operands);
}
void AttendReference(const AttentionParams& params, const AttentionOperands<Float16>& operands) {
  AttendAllRows(params, operands);
}
void AttendReference(const AttentionParams& params, const AttentionOperands<int8_t>& operands) {
  AttendAllRows(params, operands);
}

}  // namespace earshot
