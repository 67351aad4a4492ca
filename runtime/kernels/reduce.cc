// Reductions of one row: the largest element, the logarithm of a sum of exponentials.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/reduce.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "runtime/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Larger of both, `best` where x is NaN: the order of the operands of hn::Max does not settle that on every
// target.
template <class V>
HWY_INLINE V Larger(V best, V x) {
  return hn::IfThenElse(hn::Gt(x, best), x, best);
}

HWY_INLINE float LargestOf(const float* in, size_t count) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto best0 = lowest, best1 = lowest, best2 = lowest, best3 = lowest;
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    best0 = Larger(best0, hn::LoadU(d, in + i));
    best1 = Larger(best1, hn::LoadU(d, in + i + lanes));
    best2 = Larger(best2, hn::LoadU(d, in + i + 2 * lanes));
    best3 = Larger(best3, hn::LoadU(d, in + i + 3 * lanes));
  }
  for (; i + lanes <= count; i += lanes) best0 = Larger(best0, hn::LoadU(d, in + i));
  if (i < count) {
    const auto tail = hn::LoadN(d, in + i, count - i);
    best1 = Larger(best1, hn::IfThenElse(hn::FirstN(d, count - i), tail, lowest));
  }
  return hn::ReduceMax(d, hn::Max(hn::Max(best0, best1), hn::Max(best2, best3)));
}

// Position of the first element equal to value; count if there is none.
HWY_INLINE size_t FirstEqual(const float* in, size_t count, float value) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto wanted = hn::Set(d, value);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const intptr_t found = hn::FindFirstTrue(d, hn::Eq(hn::LoadU(d, in + i), wanted));
    if (found >= 0) return i + static_cast<size_t>(found);
  }
  while (i < count && in[i] != value) ++i;
  return i;
}

// Keeps the chunk with the largest element and looks for its position in that chunk only.
MaxResult MaxOf(std::span<const float> in) {
  constexpr size_t kChunk = 1024;
  float best = -std::numeric_limits<float>::infinity();
  size_t best_begin = 0;
  for (size_t begin = 0; begin < in.size(); begin += kChunk) {
    const float largest = LargestOf(&in[begin], std::min(kChunk, in.size() - begin));
    if (largest > best) {
      best = largest;
      best_begin = begin;
    }
  }
  if (best == -std::numeric_limits<float>::infinity()) return {best, 0};
  const size_t index =
      best_begin + FirstEqual(&in[best_begin], std::min(kChunk, in.size() - best_begin), best);
  return {in[index], static_cast<int64_t>(index)};
}

float LogSumExpOf(std::span<const float> in) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  float largest = -std::numeric_limits<float>::infinity();
  if (!in.empty()) largest = LargestOf(in.data(), in.size());
  if (std::isinf(largest)) return largest;
  const auto offset = hn::Set(d, largest);
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= in.size(); i += 2 * lanes) {
    sum0 = hn::Add(sum0, Exp(d, hn::Sub(hn::LoadU(d, &in[i]), offset)));
    sum1 = hn::Add(sum1, Exp(d, hn::Sub(hn::LoadU(d, &in[i + lanes]), offset)));
  }
  for (; i < in.size(); i += lanes) {
    const size_t rest = std::min(lanes, in.size() - i);
    const auto terms = Exp(d, hn::Sub(hn::LoadN(d, &in[i], rest), offset));
    sum0 = hn::Add(sum0, hn::IfThenElseZero(hn::FirstN(d, rest), terms));
  }
  return largest + std::log(hn::ReduceSum(d, hn::Add(sum0, sum1)));
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(MaxOf);
HWY_EXPORT(LogSumExpOf);

MaxResult Max(std::span<const float> in) { return HWY_DYNAMIC_DISPATCH(MaxOf)(in); }
float LogSumExp(std::span<const float> in) { return HWY_DYNAMIC_DISPATCH(LogSumExpOf)(in); }

}  // namespace earshot::kernels
#endif  // HWY_ONCE
