// Attention for few queries (decoding): their ranges of keys, tile by tile.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "hwy/highway.h"
#include "runtime/attention/attention_few_int8-inl.h"
#include "runtime/attention/attention_few_keys-inl.h"
#include "runtime/attention/attention_job.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep

#if defined(EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INL_H_
#undef EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INL_H_
#else
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {

// A range, and what each query sees of it.
struct FewRange {
  KeyRange range;
  KeyLimits limits[kMaxFewQueries];
};

// A tile of keys serves all queries while it is in the cache.
template <class T>
void AttendFewRange(const Workspace& work, const FewRange& seen_range, const KeyRows<T>& keys,
                    const KeyRows<T>& values, const Matrix<const float>& q) {
  const KeyRange& range = seen_range.range;
  const int64_t num_keys = NumKeys(range);
  for (int64_t begin = 0; begin < num_keys; begin += kFewTileKeys) {
    for (int64_t row = 0; row < q.rows; ++row) {
      const KeyInterval seen = Clip(range, num_keys, seen_range.limits[row]);
      const int64_t first = std::max<int64_t>(begin, seen.begin);
      const int64_t count = std::min<int64_t>(begin + kFewTileKeys, seen.end) - first;
      if (count > 0)
        AttendKeys(work, row, KeyRun<T>{keys.From(first), values.From(first), count, range.log2_count},
                   q.cols);
    }
  }
}

template <class T>
void LoadFewQueries(const AttentionHead<T>& head, const Workspace& work) {
  constexpr float kLog2E = 1.44269504f;
  const int64_t padded_dim = RoundUp(head.q.cols, 16);
  for (int64_t row = 0; row < head.q.rows; ++row) {
    const float* from = head.q.Row(head.QueryRow(row));
    for (int64_t i = 0; i < padded_dim; ++i) {
      work.q[row * padded_dim + i] = i < head.q.cols ? from[i] * (head.scale * kLog2E) : 0.0f;
      work.o[row * padded_dim + i] = 0.0f;
    }
    work.max[row] = -std::numeric_limits<float>::max();  // finite: -inf minus it must not be NaN
    work.sum[row] = 0.0f;
    if constexpr (std::is_same_v<T, int8_t>) RoundFewQuery(head.q.cols, row, work);
  }
}

// Attends all queries of a head, at most kMaxFewQueries.
template <class T>
void AttendFew(const AttentionHead<T>& head, const Workspace& work) {
  const int64_t num_rows = head.q.rows;
  LoadFewQueries(head, work);
  const QueryBlock block = head.Block(0, num_rows);
  const int64_t num_ranges = head.pattern->NumRanges(block);
  for (int64_t index = 0; index < num_ranges; ++index) {
    FewRange seen = {.range = head.pattern->Range(block, index), .limits = {}};
    const KeyRange& range = seen.range;
    for (KeyLimits& row : seen.limits) row = {range.begin, range.end};
    if (!range.exact) head.pattern->RowLimits(block, index, {seen.limits, static_cast<size_t>(num_rows)});
    if (range.source == KeySource::kPooled) {
      AttendFewRange(work, seen, head.PooledKeys(range), head.PooledValues(range), head.q);
    } else {
      AttendFewRange(work, seen, head.Keys(range), head.Values(range), head.q);
    }
  }
  const int64_t padded_dim = RoundUp(head.q.cols, 16);
  for (int64_t row = 0; row < num_rows; ++row) {
    const float inverse = work.sum[row] > 0.0f ? 1.0f / work.sum[row] : 0.0f;
    float* to = head.out.Row(head.QueryRow(row));
    for (int64_t i = 0; i < head.q.cols; ++i) to[i] = work.o[row * padded_dim + i] * inverse;
    if (head.log_sums.data != nullptr)
      *head.log_sums.Row(head.QueryRow(row)) = LogSum(work.max[row], work.sum[row]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INL_H_
