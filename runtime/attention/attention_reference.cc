// The specification of Attend: one query row after the other, softmax in double precision. Allocates; for
// tests.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/attention/attention.h"
#include "runtime/attention/attention_job.h"

namespace earshot {
namespace {

double Widen(float x) { return x; }
double Widen(Float16 x) { return ToFloat(x); }

// What a query sees: a row of K and V, or the mean of several.
struct VisibleKey {
  attention::RowGroup rows;
  float log2_count;
};

VisibleKey KeyAt(const AttentionPattern& pattern, const QueryBlock& block, const KeyRange& range,
                 int64_t position, std::span<const int32_t> order) {
  if (range.pooled)
    return {attention::GroupOf(position, block.num_keys, pattern.PoolLength(block.head)), range.log2_count};
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

template <class T>
double Mean(const Matrix<const T>& matrix, const attention::RowGroup& rows, int64_t col) {
  double sum = 0.0;
  for (int64_t row = rows.begin; row < rows.end; ++row) sum += Widen(matrix.Row(row)[col]);
  return sum / static_cast<double>(rows.end - rows.begin);
}

template <class T>
void AttendRow(float scale, const float* q, const Matrix<const T>& k, const Matrix<const T>& v,
               std::span<const VisibleKey> keys, float* out) {
  std::vector<double> weights;
  double largest = -std::numeric_limits<double>::infinity();
  for (const VisibleKey& key : keys) {
    double score = 0.0;
    for (int64_t d = 0; d < k.cols; ++d) score += static_cast<double>(q[d]) * Mean(k, key.rows, d);
    weights.push_back(score * static_cast<double>(scale) +
                      static_cast<double>(key.log2_count) * std::log(2.0));
    largest = std::max(largest, weights.back());
  }
  double sum = 0.0;
  for (double& weight : weights) sum += weight = std::exp(weight - largest);
  for (int64_t d = 0; d < v.cols; ++d) {
    double mean = 0.0;
    for (size_t i = 0; i < keys.size(); ++i) mean += weights[i] / sum * Mean(v, keys[i].rows, d);
    out[d] = static_cast<float>(mean);
  }
}

template <class T>
void AttendAllRows(const AttentionParams& params, const AttentionOperands<T>& operands) {
  const FullPattern full;
  const AttentionPattern& pattern = params.pattern == nullptr ? full : *params.pattern;
  const int64_t head_dim = params.shape.head_dim;
  const int64_t num_queries = operands.q.rows;
  const int64_t num_keys = operands.k.rows;
  for (int64_t head = 0; head < params.shape.num_heads; ++head) {
    const int64_t kv_head = head / (params.shape.num_heads / params.shape.num_kv_heads);
    const Matrix<const T> k = operands.k.Columns(kv_head * head_dim, head_dim);
    const Matrix<const T> v = operands.v.Columns(kv_head * head_dim, head_dim);
    const AttentionOrder order = pattern.Order(head, num_queries, num_keys);
    for (int64_t position = 0; position < num_queries; ++position) {
      const QueryBlock block = {head, position, position + 1, num_queries, num_keys};
      const std::vector<VisibleKey> keys = VisibleKeys(pattern, block, order.keys);
      const int64_t row = order.queries.empty() ? position : order.queries[static_cast<size_t>(position)];
      AttendRow(params.scale, operands.q.Row(row) + head * head_dim, k, v, keys,
                operands.out.Row(row) + head * head_dim);
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

}  // namespace earshot
