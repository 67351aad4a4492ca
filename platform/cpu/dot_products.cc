// One loop for each instruction set; cpuinfo says which the processor has.
#include "platform/cpu/dot_products.h"

#include <cpuinfo.h>

#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace earshot {
namespace {

[[maybe_unused]] constexpr int64_t kProductsPerLane = 4;

// The chains of each loop hide the latency of the instruction, and leave the compiler registers to spare.

#if defined(__x86_64__)

__attribute__((target("avx512f,avx512vnni"))) int64_t RunAvx512Vnni(int64_t rounds, int32_t* result) {
  constexpr size_t kChains = 14;
  const __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);
  __m512i sums[kChains];
  for (size_t i = 0; i < kChains; ++i) sums[i] = _mm512_set1_epi32(static_cast<int>(i));
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 14
    for (size_t i = 0; i < kChains; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
  }
  for (size_t i = 1; i < kChains; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  *result = _mm512_cvtsi512_si32(sums[0]);
  return rounds * static_cast<int64_t>(kChains) * 16 * kProductsPerLane;
}

__attribute__((target("avx2,avxvnni"))) int64_t RunAvxVnni(int64_t rounds, int32_t* result) {
  constexpr size_t kChains = 10;
  const __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(2);
  __m256i sums[kChains];
  for (size_t i = 0; i < kChains; ++i) sums[i] = _mm256_set1_epi32(static_cast<int>(i));
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 10
    for (size_t i = 0; i < kChains; ++i) sums[i] = _mm256_dpbusd_avx_epi32(sums[i], a, b);
  }
  for (size_t i = 1; i < kChains; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  *result = _mm256_cvtsi256_si32(sums[0]);
  return rounds * static_cast<int64_t>(kChains) * 8 * kProductsPerLane;
}

#elif defined(__aarch64__)

__attribute__((target("arch=armv8.2-a+dotprod"))) int64_t RunNeonDot(int64_t rounds, int32_t* result) {
  constexpr size_t kChains = 14;
  const int8x16_t a = vdupq_n_s8(1), b = vdupq_n_s8(2);
  int32x4_t sums[kChains];
  for (size_t i = 0; i < kChains; ++i) sums[i] = vdupq_n_s32(static_cast<int32_t>(i));
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 14
    for (size_t i = 0; i < kChains; ++i) sums[i] = vdotq_s32(sums[i], a, b);
  }
  for (size_t i = 1; i < kChains; ++i) sums[0] = vaddq_s32(sums[0], sums[i]);
  *result = vgetq_lane_s32(sums[0], 0);
  return rounds * static_cast<int64_t>(kChains) * 4 * kProductsPerLane;
}

#endif

}  // namespace

DotProducts FindDotProducts() {
#if defined(__x86_64__)
  if (cpuinfo_has_x86_avx512vnni()) return {"AVX-512 VNNI", RunAvx512Vnni};
  if (cpuinfo_has_x86_avxvnni()) return {"AVX-VNNI", RunAvxVnni};
#elif defined(__aarch64__)
  if (cpuinfo_has_arm_neon_dot()) return {"NEON dot product", RunNeonDot};
#endif
  return {nullptr, nullptr};
}

}  // namespace earshot
