// Peak loops on every SIMD target.
#include "runtime/kernels/peak.h"

#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/peak.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

int64_t MultiplyAddsF32(int64_t rounds, float* result) {
  constexpr size_t kChains = 10;  // enough to hide the latency of any core we know
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.999f), addend = hn::Set(d, 0.001f);
  hn::Vec<decltype(d)> sums[kChains];
  for (size_t i = 0; i < kChains; ++i) sums[i] = hn::Set(d, static_cast<float>(i));
  for (int64_t round = 0; round < rounds; ++round) {
    HWY_UNROLL(10)
    for (size_t i = 0; i < kChains; ++i) sums[i] = hn::MulAdd(sums[i], factor, addend);
  }
  for (size_t i = 1; i < kChains; ++i) sums[0] = hn::Add(sums[0], sums[i]);
  *result = hn::ReduceSum(d, sums[0]);
  return rounds * static_cast<int64_t>(kChains * hn::Lanes(d));
}

uint32_t SumWords(std::span<const uint32_t> words) {
  constexpr size_t kVectors = 8;  // two cache lines of the narrowest target, eight of the widest
  const hn::ScalableTag<uint32_t> d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> sums[kVectors];
  for (size_t i = 0; i < kVectors; ++i) sums[i] = hn::Zero(d);
  size_t begin = 0;
  for (; begin + kVectors * lanes <= words.size(); begin += kVectors * lanes) {
    HWY_UNROLL(8)
    for (size_t i = 0; i < kVectors; ++i)
      sums[i] = hn::Add(sums[i], hn::LoadU(d, words.data() + begin + i * lanes));
  }
  for (size_t i = 1; i < kVectors; ++i) sums[0] = hn::Add(sums[0], sums[i]);
  uint32_t sum = hn::ReduceSum(d, sums[0]);
  for (; begin < words.size(); ++begin) sum += words[begin];
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(MultiplyAddsF32);
HWY_EXPORT(SumWords);

int64_t MultiplyAddsF32(int64_t rounds, float* result) {
  return HWY_DYNAMIC_DISPATCH(MultiplyAddsF32)(rounds, result);
}

uint32_t SumWords(std::span<const uint32_t> words) { return HWY_DYNAMIC_DISPATCH(SumWords)(words); }

}  // namespace earshot::kernels
#endif  // HWY_ONCE
