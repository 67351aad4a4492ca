// Pooled keys and values: means of groups of rows (AttentionPattern::PoolLength).
#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "runtime/attention/attention_job.h"
#include "runtime/kernels/load_float-inl.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep

#if defined(EARSHOT_RUNTIME_ATTENTION_ATTENTION_POOL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_ATTENTION_ATTENTION_POOL_INL_H_
#undef EARSHOT_RUNTIME_ATTENTION_ATTENTION_POOL_INL_H_
#else
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_POOL_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace kn = earshot::kernels::HWY_NAMESPACE;

// to[channel] = mean over the rows of the group.
template <class T>
void PoolRows(const Matrix<const T>& rows, const RowGroup& group, float* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto inverse_count = hn::Set(d, 1.0f / static_cast<float>(group.end - group.begin));
  int64_t channel = 0;
  for (; channel + lanes <= rows.cols; channel += lanes) {
    auto sum = hn::Zero(d);
    for (int64_t i = group.begin; i < group.end; ++i)
      sum = hn::Add(sum, kn::LoadFloat(d, rows.Row(i) + channel));
    hn::StoreU(hn::Mul(sum, inverse_count), d, to + channel);
  }
  const size_t rest = static_cast<size_t>(rows.cols - channel);
  if (rest == 0) return;
  auto sum = hn::Zero(d);
  for (int64_t i = group.begin; i < group.end; ++i)
    sum = hn::Add(sum, kn::LoadFloatN(d, rows.Row(i) + channel, rest));
  hn::StoreN(hn::Mul(sum, inverse_count), d, to + channel, rest);
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_POOL_INL_H_
