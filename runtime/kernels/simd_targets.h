// Which SIMD instruction sets our Highway code is compiled for. Include before any hwy header, in every file
// that has one: a set that differed between files would let the tests exercise less than what ships.
//
// Each target is a copy of all kernels, so only those that change the speed of f32 code are kept:
// x86: SSE2 (the baseline), SSE4, AVX2, AVX3 (AVX-512 of Skylake). The AVX-512 sets after it only add integer
// and bf16 instructions. ARM: NEON as every 64-bit core has it. HWY_NEON adds AES only. SVE vectors have no
// compile-time size and cannot be held in arrays, as the attention micro-kernel does; the boards we serve
// have none, and cores with SVE run NEON as well.
#ifndef EARSHOT_RUNTIME_KERNELS_SIMD_TARGETS_H_
#define EARSHOT_RUNTIME_KERNELS_SIMD_TARGETS_H_

#ifdef HWY_DISABLED_TARGETS
#error "simd_targets.h must come before any hwy header"
#endif
#define HWY_DISABLED_TARGETS                                                                                \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_NEON | HWY_NEON_BF16 | HWY_SVE | HWY_SVE2 | \
   HWY_SVE_256 | HWY_SVE2_128)

#endif  // EARSHOT_RUNTIME_KERNELS_SIMD_TARGETS_H_
