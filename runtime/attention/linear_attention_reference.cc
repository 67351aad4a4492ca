// AttendLinearReference: row by row, as the definition says it.
#include <algorithm>

#include "runtime/attention/linear_attention.h"
#include "runtime/attention/linear_attention_head.h"

namespace earshot {
namespace {

void AddKey(const LinearHead& head, int64_t row) {
  const float* key = head.k.Row(row);
  const float* value = head.v.Row(row);
  for (int64_t d = 0; d < head.k.cols; ++d) {
    float* sum = head.sums.Row(d);
    for (int64_t e = 0; e < head.v.cols; ++e) sum[e] += key[d] * value[e];
    sum[head.v.cols] += key[d];
  }
}

float Divisor(const LinearAttentionParams& params, const LinearHead& head, const float* query) {
  if (params.normalizer == LinearNormalizer::kNone) return 1.0f;
  const float key_epsilon = params.normalizer == LinearNormalizer::kKeyEpsilon ? params.epsilon : 0.0f;
  float sum = 0.0f;
  for (int64_t d = 0; d < head.q.cols; ++d) sum += query[d] * (head.sums.Row(d)[head.v.cols] + key_epsilon);
  if (params.normalizer == LinearNormalizer::kAddEpsilon) return sum + params.epsilon;
  return params.normalizer == LinearNormalizer::kFloor ? std::max(sum, params.epsilon) : sum;
}

void AttendRow(const LinearAttentionParams& params, const LinearHead& head, int64_t row) {
  const float* query = head.q.Row(row);
  float* out = head.out.Row(row);
  std::fill_n(out, head.out.cols, 0.0f);
  for (int64_t d = 0; d < head.q.cols; ++d) {
    const float* sum = head.sums.Row(d);
    for (int64_t e = 0; e < head.out.cols; ++e) out[e] += query[d] * sum[e];
  }
  const float divisor = Divisor(params, head, query);
  for (int64_t e = 0; e < head.out.cols; ++e) out[e] /= divisor;
}

void AttendHead(const LinearAttentionParams& params, const LinearHead& head) {
  if (params.is_causal && params.blindspot == 1) {
    for (int64_t row = 0; row < head.q.rows; ++row) {
      AddKey(head, row);
      AttendRow(params, head, row);
    }
    return;
  }
  if (params.is_causal) {
    for (int64_t begin = 0; begin < head.q.rows; begin += params.blindspot) {
      const int64_t end = std::min(begin + params.blindspot, head.q.rows);
      for (int64_t row = begin; row < end; ++row) AttendRow(params, head, row);
      for (int64_t row = begin; row < end; ++row) AddKey(head, row);
    }
    return;
  }
  for (int64_t row = 0; row < head.k.rows; ++row) AddKey(head, row);
  for (int64_t row = 0; row < head.q.rows; ++row) AttendRow(params, head, row);
}

}  // namespace

void AttendLinearReference(const LinearAttentionParams& params, const LinearAttentionOperands& operands,
                           const ThreadPool&) {
  for (int64_t head = 0; head < params.num_heads; ++head)
    AttendHead(params, LinearHeadOf(params, operands, head));
}

}  // namespace earshot
