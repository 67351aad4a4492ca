// Loading and storing vectors of floats from and to f32 or f16 memory, and loading 8-bit integers as floats:
// kernels that take any of these element types use these.
#include "hwy/highway.h"
#include "runtime/core/float16.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep

#if defined(EARSHOT_RUNTIME_KERNELS_LOAD_FLOAT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_KERNELS_LOAD_FLOAT_INL_H_
#undef EARSHOT_RUNTIME_KERNELS_LOAD_FLOAT_INL_H_
#else
#define EARSHOT_RUNTIME_KERNELS_LOAD_FLOAT_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Widens f16 bits, infinities and NaN included (Highway's emulation for x86 without F16C turns those into
// finite numbers).
template <class D>
HWY_INLINE hn::Vec<D> FloatFromHalfBits(D d, hn::Vec<hn::Rebind<uint16_t, D>> bits) {
#if HWY_TARGET == HWY_SSE2 || HWY_TARGET == HWY_SSE4
  const hn::RebindToUnsigned<D> du;
  const auto wide = hn::PromoteTo(du, bits);
  const auto magnitude = hn::ShiftLeft<13>(hn::And(wide, hn::Set(du, 0x7FFFu)));
  const auto sign = hn::ShiftLeft<16>(hn::And(wide, hn::Set(du, 0x8000u)));
  // Read as a float, the shifted bits are 2^112 too small, denormals too.
  const auto scaled = hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f));
  const auto special = hn::Gt(hn::BitCast(d, magnitude), hn::BitCast(d, hn::Set(du, 0x0F7FFFFFu)));
  const auto exponent = hn::IfThenElseZero(special, hn::BitCast(d, hn::Set(du, 0x7F800000u)));
  return hn::Or(hn::Or(scaled, exponent), hn::BitCast(d, sign));
#else
  const hn::Rebind<hwy::float16_t, D> df16;
  return hn::PromoteTo(d, hn::BitCast(df16, bits));
#endif
}

template <class D>
HWY_INLINE hn::Vec<D> LoadFloat(D d, const float* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> LoadFloat(D d, const Float16* from) {
  const hn::Rebind<uint16_t, D> du16;
  return FloatFromHalfBits(d, hn::LoadU(du16, &from->bits));
}
template <class D>
HWY_INLINE hn::Vec<D> LoadFloat(D d, const int8_t* from) {
  const hn::RebindToSigned<D> di32;
  const hn::Rebind<int8_t, D> di8;
  return hn::ConvertTo(d, hn::PromoteTo(di32, hn::LoadU(di8, from)));
}

// The first `count` elements, then zeros. Touches no memory beyond them.
template <class D>
HWY_INLINE hn::Vec<D> LoadFloatN(D d, const float* from, size_t count) {
  return hn::LoadN(d, from, count);
}
template <class D>
HWY_INLINE hn::Vec<D> LoadFloatN(D d, const Float16* from, size_t count) {
  const hn::Rebind<uint16_t, D> du16;
  return FloatFromHalfBits(d, hn::LoadN(du16, &from->bits, count));
}
template <class D>
HWY_INLINE hn::Vec<D> LoadFloatN(D d, const int8_t* from, size_t count) {
  const hn::RebindToSigned<D> di32;
  const hn::Rebind<int8_t, D> di8;
  return hn::ConvertTo(d, hn::PromoteTo(di32, hn::LoadN(di8, from, count)));
}

template <class D>
HWY_INLINE hn::Vec<hn::Rebind<uint16_t, D>> HalfBitsFromFloat(D, hn::Vec<D> value) {
  const hn::Rebind<hwy::float16_t, D> df16;
  const hn::Rebind<uint16_t, D> du16;
  return hn::BitCast(du16, hn::DemoteTo(df16, value));
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_KERNELS_LOAD_FLOAT_INL_H_
