// Compiled for 64-bit ARM only. A dot product by a lane takes one of eight factors from a register, so that a
// step of 24 of them loads five vectors.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/attention/quad_products.h"

namespace earshot::attention {
namespace {

template <QuadSide kSide, int kRow>
__attribute__((target("arch=armv8.2-a+dotprod"), always_inline)) inline int32x4_t NeonDot(int32x4_t sum,
                                                                                          uint8x16_t b,
                                                                                          int8x16_t a) {
  if constexpr (kSide == QuadSide::kKeys) {
    return vdotq_laneq_s32(sum, vreinterpretq_s8_u8(b), a, kRow % 4);
  } else {
    return vreinterpretq_s32_u32(
        vdotq_laneq_u32(vreinterpretq_u32_s32(sum), b, vreinterpretq_u8_s8(a), kRow % 4));
  }
}

template <QuadSide kSide, size_t kVecs, size_t... kRow>
__attribute__((target("arch=armv8.2-a+dotprod"))) void MultiplyNeonDot(const QuadProducts& job,
                                                                       std::index_sequence<kRow...>) {
  int32x4_t sum[kDotRows][kVecs];
  for (size_t n = 0; n < kVecs; ++n) ((sum[kRow][n] = vdupq_n_s32(0)), ...);
  const int8_t* a = job.a;
  const uint8_t* b = job.b;
#pragma GCC unroll 2
  for (size_t k = 0; k < job.steps; ++k) {
    const int8x16_t factors[2] = {vld1q_s8(a), vld1q_s8(a + 16)};
#pragma GCC unroll 3
    for (size_t n = 0; n < kVecs; ++n) {
      const uint8x16_t column = vld1q_u8(b + n * 16);
      ((sum[kRow][n] = NeonDot<kSide, static_cast<int>(kRow)>(sum[kRow][n], column, factors[kRow / 4])), ...);
    }
    a += job.a_step_bytes;
    b += kDotPanel * 4;
  }
#pragma GCC unroll 3
  for (size_t n = 0; n < kVecs; ++n) (vst1q_s32(job.c + kRow * kDotPanel + n * 4, sum[kRow][n]), ...);
}

template <QuadSide kSide>
void MultiplyVecs(size_t num_vecs, const QuadProducts& job) {
  constexpr auto kRows = std::make_index_sequence<kDotRows>();
  if (num_vecs == 3) return MultiplyNeonDot<kSide, 3>(job, kRows);
  if (num_vecs == 2) return MultiplyNeonDot<kSide, 2>(job, kRows);
  MultiplyNeonDot<kSide, 1>(job, kRows);
}

}  // namespace

void MultiplyQuadsNeonDot(QuadSide side, size_t num_vecs, const QuadProducts& job) {
  if (side == QuadSide::kKeys) return MultiplyVecs<QuadSide::kKeys>(num_vecs, job);
  MultiplyVecs<QuadSide::kValues>(num_vecs, job);
}

}  // namespace earshot::attention
