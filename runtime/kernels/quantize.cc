// Activations to 8 bits, for caches that are kept in them.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/quantize.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE float LargestMagnitude(const float* in, size_t count) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  auto largest = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) largest = hn::Max(largest, hn::Abs(hn::LoadU(d, in + i)));
  if (i < count) largest = hn::Max(largest, hn::Abs(hn::LoadN(d, in + i, count - i)));
  return hn::ReduceMax(d, largest);
}

HWY_INLINE float QuantizeGroup(const float* in, size_t count, int8_t* out) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<int8_t, decltype(d)> di8;
  const size_t lanes = hn::Lanes(d);
  const float magnitude = std::max(kSmallestMagnitude, LargestMagnitude(in, count));
  const auto inverse = hn::Set(d, 127.0f / magnitude);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto rounded = hn::NearestInt(hn::Mul(hn::LoadU(d, in + i), inverse));
    hn::StoreU(hn::DemoteTo(di8, rounded), di8, out + i);
  }
  if (i < count) {
    const auto rounded = hn::NearestInt(hn::Mul(hn::LoadN(d, in + i, count - i), inverse));
    hn::StoreN(hn::DemoteTo(di8, rounded), di8, out + i, count - i);
  }
  return magnitude / 127.0f;
}

void QuantizeAllGroups(Matrix<const float> in, const QuantizedGroups& out) {
  const int64_t group = in.cols / out.scales.cols;
  for (int64_t row = 0; row < in.rows; ++row) {
    for (int64_t i = 0; i < out.scales.cols; ++i) {
      out.scales.Row(row)[i * out.scale_stride] = QuantizeGroup(
          in.Row(row) + i * group, static_cast<size_t>(group), out.values.Row(row) + i * out.group_stride);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(QuantizeAllGroups);

void QuantizeGroups(Matrix<const float> in, const QuantizedGroups& out) {
  HWY_DYNAMIC_DISPATCH(QuantizeAllGroups)(in, out);
}

}  // namespace earshot::kernels
#endif  // HWY_ONCE
