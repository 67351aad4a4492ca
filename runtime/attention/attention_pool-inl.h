// Pooled keys and values: means of groups of rows (AttentionPattern::PoolLength).
#include <cstddef>
#include <cstdint>
#include <type_traits>

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

// to[channel] = mean over the rows [group.begin, group.end) of `rows`, which begin at row 0.
template <class T>
void PoolRows(const KeyRows<T>& rows, const RowGroup& group, float* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), dim = rows.matrix.cols;
  const float inverse_count = 1.0f / static_cast<float>(group.end - group.begin);
  const auto factor = [&](int64_t i) {
    if constexpr (std::is_same_v<T, int8_t>) return hn::Set(d, inverse_count * rows.Scale(i));
    return hn::Set(d, inverse_count);
  };
  int64_t channel = 0;
  for (; channel + lanes <= dim; channel += lanes) {
    auto sum = hn::Zero(d);
    for (int64_t i = group.begin; i < group.end; ++i)
      sum = hn::MulAdd(factor(i), kn::LoadFloat(d, rows(i) + channel), sum);
    hn::StoreU(sum, d, to + channel);
  }
  const size_t rest = static_cast<size_t>(dim - channel);
  if (rest == 0) return;
  auto sum = hn::Zero(d);
  for (int64_t i = group.begin; i < group.end; ++i)
    sum = hn::MulAdd(factor(i), kn::LoadFloatN(d, rows(i) + channel, rest), sum);
  hn::StoreN(sum, d, to + channel, rest);
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_POOL_INL_H_
