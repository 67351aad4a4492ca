// Conversion between f32 and f16 matrices.
#include <cstddef>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/convert.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "runtime/kernels/load_float-inl.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void NarrowRows(Matrix<const float> in, Matrix<Float16> out) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<uint16_t, decltype(d)> du16;
  const size_t lanes = hn::Lanes(d);
  const size_t cols = static_cast<size_t>(in.cols);
  for (int64_t row = 0; row < in.rows; ++row) {
    const float* from = in.Row(row);
    Float16* to = out.Row(row);
    size_t i = 0;
    for (; i + lanes <= cols; i += lanes) {
      hn::StoreU(HalfBitsFromFloat(d, hn::LoadU(d, from + i)), du16, &to[i].bits);
    }
    const size_t rest = cols - i;
    if (rest != 0) hn::StoreN(HalfBitsFromFloat(d, hn::LoadN(d, from + i, rest)), du16, &to[i].bits, rest);
  }
}

void WidenRows(Matrix<const Float16> in, Matrix<float> out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const size_t cols = static_cast<size_t>(in.cols);
  for (int64_t row = 0; row < in.rows; ++row) {
    const Float16* from = in.Row(row);
    float* to = out.Row(row);
    size_t i = 0;
    for (; i + lanes <= cols; i += lanes) hn::StoreU(LoadFloat(d, from + i), d, to + i);
    const size_t rest = cols - i;
    if (rest != 0) hn::StoreN(LoadFloatN(d, from + i, rest), d, to + i, rest);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(NarrowRows);
HWY_EXPORT(WidenRows);

void ConvertToF16(Matrix<const float> in, Matrix<Float16> out) { HWY_DYNAMIC_DISPATCH(NarrowRows)(in, out); }
void ConvertToF32(Matrix<const Float16> in, Matrix<float> out) { HWY_DYNAMIC_DISPATCH(WidenRows)(in, out); }

}  // namespace earshot::kernels
#endif  // HWY_ONCE
