// Compiled for 64-bit ARM only. 16-bit factors are split into two bytes, so that dot products of bytes take
// them exactly: a third of the instructions of widening keys and values to 16 bits.
#include <arm_neon.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/attention/few_products.h"

namespace earshot::attention {
namespace {

constexpr int kHighShift = 7;

struct Halves {
  int8x8_t high;
  int8x8_t low;
};

// x = 128 * high + low with low in [-64, 63].
inline Halves Split(int16x8_t x) {
  const int8x8_t high = vrshrn_n_s16(x, kHighShift);
  return {high, vsub_s8(vmovn_s16(x), vshl_n_s8(high, kHighShift))};
}

inline int32x4_t Join(int32x4_t high, int32x4_t low) { return vaddq_s32(vshlq_n_s32(high, kHighShift), low); }

struct FourRows {
  const int8_t* row[4];
};

// Calls visit(i, rows) for four rows at a time; the last row is repeated to fill them.
template <class Visit>
__attribute__((target("arch=armv8.2-a+dotprod"), always_inline)) inline void ForFourRows(const ByteRows& rows,
                                                                                         const Visit& visit) {
  const int8_t* row = rows.first;
  int64_t i = 0;
  for (; i + 4 <= rows.count; i += 4, row += 4 * rows.stride) {
    const int8_t* const second = row + rows.stride;
    const int8_t* const third = second + rows.stride;
    visit(i, FourRows{row, second, third, third + rows.stride});
  }
  if (i == rows.count) return;
  const auto at = [&](int64_t j) { return row + std::min(j, rows.count - 1 - i) * rows.stride; };
  visit(i, FourRows{row, at(1), at(2), at(3)});
}

// Four vectors of 16 channels, one for each row: four bytes of each channel side by side, four channels in
// each.
struct Quads {
  explicit Quads(const FourRows& rows, int64_t channel) {
    const int8x16_t r0 = vld1q_s8(rows.row[0] + channel), r1 = vld1q_s8(rows.row[1] + channel);
    const int8x16_t r2 = vld1q_s8(rows.row[2] + channel), r3 = vld1q_s8(rows.row[3] + channel);
    const int16x8_t low01 = vreinterpretq_s16_s8(vzip1q_s8(r0, r1));
    const int16x8_t low23 = vreinterpretq_s16_s8(vzip1q_s8(r2, r3));
    const int16x8_t high01 = vreinterpretq_s16_s8(vzip2q_s8(r0, r1));
    const int16x8_t high23 = vreinterpretq_s16_s8(vzip2q_s8(r2, r3));
    quad[0] = vreinterpretq_s8_s16(vzip1q_s16(low01, low23));
    quad[1] = vreinterpretq_s8_s16(vzip2q_s16(low01, low23));
    quad[2] = vreinterpretq_s8_s16(vzip1q_s16(high01, high23));
    quad[3] = vreinterpretq_s8_s16(vzip2q_s16(high01, high23));
  }
  int8x16_t quad[4];
};

// sums of kVecs * 16 channels from `channel` on.
template <size_t kVecs>
__attribute__((target("arch=armv8.2-a+dotprod"))) void SumNeonDot(const int16_t* weights,
                                                                  const ByteRows& rows, int64_t channel,
                                                                  int32_t* sums) {
  int32x4_t high[kVecs * 4], low[kVecs * 4];
  for (size_t n = 0; n < kVecs * 4; ++n) high[n] = low[n] = vdupq_n_s32(0);
  ForFourRows(rows, [&](int64_t i, const FourRows& four)
                        __attribute__((target("arch=armv8.2-a+dotprod"), always_inline)) {
                          const Halves factors = Split(vcombine_s16(vld1_s16(weights + i), vdup_n_s16(0)));
#pragma GCC unroll 4
                          for (size_t n = 0; n < kVecs; ++n) {
                            const Quads quads(four, channel + static_cast<int64_t>(n) * 16);
#pragma GCC unroll 4
                            for (size_t j = 0; j < 4; ++j) {
                              high[n * 4 + j] =
                                  vdotq_lane_s32(high[n * 4 + j], quads.quad[j], factors.high, 0);
                              low[n * 4 + j] = vdotq_lane_s32(low[n * 4 + j], quads.quad[j], factors.low, 0);
                            }
                          }
                        });
  for (size_t n = 0; n < kVecs * 4; ++n) vst1q_s32(sums + channel + n * 4, Join(high[n], low[n]));
}

// A query in two bytes a channel.
struct Factors {
  int8_t high[kMaxFewChannels];
  int8_t low[kMaxFewChannels];
};

// For heads of kVecs * 16 channels, or of any where kVecs is 0. A known number keeps the factors in
// registers: half of the instructions.
template <size_t kVecs>
__attribute__((target("arch=armv8.2-a+dotprod"))) void MultiplyRowsNeonDot(const Factors& factors,
                                                                           const ByteRows& rows,
                                                                           float* sums) {
  const int64_t dim = kVecs == 0 ? rows.dim : static_cast<int64_t>(kVecs) * 16;
  ForFourRows(rows, [&](int64_t i, const FourRows& four)
                        __attribute__((target("arch=armv8.2-a+dotprod"), always_inline)) {
                          int32x4_t high[4], low[4];
                          for (size_t j = 0; j < 4; ++j) high[j] = low[j] = vdupq_n_s32(0);
#pragma GCC unroll 4
                          for (int64_t channel = 0; channel < dim; channel += 16) {
                            const int8x16_t high_factor = vld1q_s8(factors.high + channel),
                                            low_factor = vld1q_s8(factors.low + channel);
#pragma GCC unroll 4
                            for (size_t j = 0; j < 4; ++j) {
                              const int8x16_t key = vld1q_s8(four.row[j] + channel);
                              high[j] = vdotq_s32(high[j], key, high_factor);
                              low[j] = vdotq_s32(low[j], key, low_factor);
                            }
                          }
                          const int32x4_t first = vpaddq_s32(Join(high[0], low[0]), Join(high[1], low[1]));
                          const int32x4_t second = vpaddq_s32(Join(high[2], low[2]), Join(high[3], low[3]));
                          vst1q_f32(sums + i, vcvtq_f32_s32(vpaddq_s32(first, second)));
                        });
}

}  // namespace

void MultiplyKeysNeonDot(const int16_t* q, const ByteRows& rows, float* sums) {
  Factors factors;
  for (int64_t channel = 0; channel < rows.dim; channel += 8) {
    const Halves halves = Split(vld1q_s16(q + channel));
    vst1_s8(factors.high + channel, halves.high);
    vst1_s8(factors.low + channel, halves.low);
  }
  if (rows.dim == 64) return MultiplyRowsNeonDot<4>(factors, rows, sums);
  MultiplyRowsNeonDot<0>(factors, rows, sums);
}

void SumValuesNeonDot(const int16_t* weights, const ByteRows& rows, int32_t* sums) {
  int64_t channel = 0;
  for (; channel + 32 <= rows.dim; channel += 32) SumNeonDot<2>(weights, rows, channel, sums);
  if (channel < rows.dim) SumNeonDot<1>(weights, rows, channel, sums);
}

}  // namespace earshot::attention
