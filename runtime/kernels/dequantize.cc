// Quantized weights back to f32: embedding rows, and weights that no int8 kernel takes.
#include <cstddef>

#include "runtime/core/dtype.h"
#include "runtime/kernels/kernels.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/dequantize.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void DequantizeBytes(const int8_t* in, float scale, std::span<float> out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di32;
  const hn::Rebind<int8_t, decltype(d)> di8;
  const size_t lanes = hn::Lanes(d);
  const auto scales = hn::Set(d, scale);
  size_t i = 0;
  for (; i + lanes <= out.size(); i += lanes) {
    hn::StoreU(hn::Mul(hn::ConvertTo(d, hn::PromoteTo(di32, hn::LoadU(di8, in + i))), scales), d, &out[i]);
  }
  const size_t rest = out.size() - i;
  if (rest == 0) return;
  const auto tail = hn::PromoteTo(di32, hn::LoadN(di8, in + i, rest));
  hn::StoreN(hn::Mul(hn::ConvertTo(d, tail), scales), d, &out[i], rest);
}

void DequantizeNibbles(const uint8_t* in, const uint16_t* scales, std::span<float> out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di32;
  const hn::Rebind<uint8_t, decltype(d)> du8;
  const hn::FixedTag<uint8_t, 16> du8x16;
  constexpr size_t kBlock = kI4BlockElems;
  static_assert(kBlock == 32);  // a block is one vector of 16 bytes
  const size_t lanes = hn::Lanes(d);
  alignas(16) uint8_t nibbles[kBlock];
  for (size_t block = 0; block < out.size() / kBlock; ++block) {
    const auto pairs = hn::LoadU(du8x16, in + block * (kBlock / 2));
    const auto low = hn::And(pairs, hn::Set(du8x16, uint8_t{15}));
    const auto high = hn::ShiftRight<4>(pairs);
    hn::Store(hn::InterleaveLower(low, high), du8x16, nibbles);
    hn::Store(hn::InterleaveUpper(du8x16, low, high), du8x16, nibbles + 16);
    const auto scale = hn::Set(d, BFloat16ToFloat(scales[block]));
    for (size_t i = 0; i < kBlock; i += lanes) {
      const auto value = hn::Sub(hn::PromoteTo(di32, hn::LoadU(du8, nibbles + i)), hn::Set(di32, 8));
      hn::StoreU(hn::Mul(hn::ConvertTo(d, value), scale), d, &out[block * kBlock + i]);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(DequantizeBytes);
HWY_EXPORT(DequantizeNibbles);

void DequantizeI8(const int8_t* in, float scale, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(DequantizeBytes)(in, scale, out);
}
void DequantizeI4(const uint8_t* in, const uint16_t* scales, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(DequantizeNibbles)(in, scales, out);
}

}  // namespace earshot::kernels
#endif  // HWY_ONCE
