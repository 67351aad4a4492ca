// Moving rows into tiles: transposed (queries, keys), as they are (values), and back (outputs). 4 x 4 blocks
// are transposed in registers, so that a tile costs about one instruction per element.
#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "runtime/kernels/load_float-inl.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep

#if defined(EARSHOT_RUNTIME_ATTENTION_ATTENTION_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_ATTENTION_ATTENTION_PACK_INL_H_
#undef EARSHOT_RUNTIME_ATTENTION_ATTENTION_PACK_INL_H_
#else
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_PACK_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace kn = earshot::kernels::HWY_NAMESPACE;

using D4 = hn::FixedTag<float, 4>;
using V4 = hn::Vec<D4>;

// Four channels from `channel` on of row i, zeros behind the last channel or row.
template <class Rows>
HWY_INLINE V4 LoadFour(const Rows& rows, int64_t i, int64_t num_rows, int64_t channel, int64_t dim) {
  const D4 d;
  if (i >= num_rows) return hn::Zero(d);
  const auto* row = rows(i) + channel;
  if (channel + 4 <= dim) return kn::LoadFloat(d, row);
  return kn::LoadFloatN(d, row, static_cast<size_t>(dim - channel));
}

// Columns of a vector made of row[0], row[4], row[8], ... (four floats from each): as many rows as D has
// lanes, every fourth of them.
template <class D, class T>
HWY_INLINE hn::Vec<D> LoadBlocks(D d, const T* const* row, int64_t channel) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return kn::LoadFloat(d, row[0] + channel);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, LoadBlocks(half, row + hn::MaxLanes(half), channel),
                       LoadBlocks(half, row, channel));
  }
}

// Transposes the 4 x 4 matrix in every 128-bit block. Pairs of floats move as 64-bit integers: 32-bit ARM has
// no vectors of doubles.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void TransposeBlocks(D d, V& r0, V& r1, V& r2, V& r3) {
  const hn::Repartition<uint64_t, D> du64;
  const auto low01 = hn::BitCast(du64, hn::InterleaveLower(d, r0, r1));
  const auto low23 = hn::BitCast(du64, hn::InterleaveLower(d, r2, r3));
  const auto high01 = hn::BitCast(du64, hn::InterleaveUpper(d, r0, r1));
  const auto high23 = hn::BitCast(du64, hn::InterleaveUpper(d, r2, r3));
  r0 = hn::BitCast(d, hn::InterleaveLower(du64, low01, low23));
  r1 = hn::BitCast(d, hn::InterleaveUpper(du64, low01, low23));
  r2 = hn::BitCast(d, hn::InterleaveLower(du64, high01, high23));
  r3 = hn::BitCast(d, hn::InterleaveUpper(du64, high01, high23));
}

// Four rows, any number of channels.
template <class Rows>
HWY_INLINE void PackFourTransposed(const Rows& rows, int64_t i, int64_t num_rows, int64_t channel,
                                   int64_t dim, float scale, float* HWY_RESTRICT out, int64_t stride) {
  const D4 d;
  for (; channel < dim; channel += 4) {
    V4 r[4];
    for (int64_t j = 0; j < 4; ++j)
      r[j] = hn::Mul(hn::Set(d, scale), LoadFour(rows, i + j, num_rows, channel, dim));
    TransposeBlocks(d, r[0], r[1], r[2], r[3]);
    for (int64_t j = 0; j < 4 && channel + j < dim; ++j)
      hn::StoreU(r[j], d, out + (channel + j) * stride + i);
  }
}

// out[channel * stride + i] = scale * rows(i)[channel] for i < padded_rows (a multiple of 4), zeros from
// num_rows on.
template <class Rows>
void PackTransposed(const Rows& rows, int64_t num_rows, int64_t padded_rows, int64_t dim, float scale,
                    float* HWY_RESTRICT out, int64_t stride) {
  const hn::ScalableTag<float> d;
  constexpr int64_t kWidth = static_cast<int64_t>(hn::MaxLanes(d));
  const auto factor = hn::Set(d, scale);
  const int64_t whole_channels = dim / 4 * 4;
  int64_t i = 0;
  for (; i + kWidth <= num_rows; i += kWidth) {
    decltype(rows(0)) row[kWidth];
    for (int64_t j = 0; j < kWidth; ++j) row[j] = rows(i + j);
    for (int64_t channel = 0; channel < whole_channels; channel += 4) {
      auto r0 = hn::Mul(factor, LoadBlocks(d, row, channel));
      auto r1 = hn::Mul(factor, LoadBlocks(d, row + 1, channel));
      auto r2 = hn::Mul(factor, LoadBlocks(d, row + 2, channel));
      auto r3 = hn::Mul(factor, LoadBlocks(d, row + 3, channel));
      TransposeBlocks(d, r0, r1, r2, r3);
      float* to = out + channel * stride + i;
      hn::StoreU(r0, d, to);
      hn::StoreU(r1, d, to + stride);
      hn::StoreU(r2, d, to + 2 * stride);
      hn::StoreU(r3, d, to + 3 * stride);
    }
    for (int64_t j = 0; j < kWidth; j += 4)
      PackFourTransposed(rows, i + j, num_rows, whole_channels, dim, scale, out, stride);
  }
  for (; i < padded_rows; i += 4) PackFourTransposed(rows, i, num_rows, 0, dim, scale, out, stride);
}

// out[i * stride + channel] = rows(i)[channel], zeros for dim <= channel < stride.
template <class Rows>
void PackRows(const Rows& rows, int64_t num_rows, int64_t dim, float* HWY_RESTRICT out, int64_t stride) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < num_rows; ++i) {
    const auto* row = rows(i);
    float* to = out + i * stride;
    int64_t channel = 0;
    for (; channel + lanes <= dim; channel += lanes)
      hn::StoreU(kn::LoadFloat(d, row + channel), d, to + channel);
    if (channel == stride) continue;
    const auto tail = kn::LoadFloatN(d, row + channel, static_cast<size_t>(dim - channel));
    hn::StoreN(tail, d, to + channel, static_cast<size_t>(stride - channel));
  }
}

// rows(i)[channel] = in[channel * stride + i] for i < num_rows, channel < dim. in holds whole blocks of 4
// x 4.
template <class Rows>
void UnpackTransposed(const float* HWY_RESTRICT in, int64_t stride, int64_t dim, const Rows& rows,
                      int64_t num_rows) {
  const D4 d;
  for (int64_t i = 0; i < num_rows; i += 4) {
    for (int64_t channel = 0; channel < dim; channel += 4) {
      const float* from = in + channel * stride + i;
      V4 r[4] = {hn::LoadU(d, from), hn::LoadU(d, from + stride), hn::LoadU(d, from + 2 * stride),
                 hn::LoadU(d, from + 3 * stride)};
      TransposeBlocks(d, r[0], r[1], r[2], r[3]);
      const size_t count = static_cast<size_t>(dim - channel < 4 ? dim - channel : 4);
      for (int64_t j = 0; j < 4 && i + j < num_rows; ++j) hn::StoreN(r[j], d, rows(i + j) + channel, count);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_PACK_INL_H_
