// Which SIMD instruction sets our Highway code is compiled for. Include before any hwy header, in every file
// that has one.
//
// Each target is a copy of all kernels of a file, so only those that change its speed are kept:
// x86: SSE2 (the baseline), SSE4, AVX2, AVX3 (AVX-512 of Skylake). The AVX-512 sets after it only add integer
// and bf16 instructions. A file with 8-bit products defines HWY_WANT_AVX3_DL (Highway's own switch) before it
// includes this header and gets AVX3_DL too (AVX-512 of Ice Lake, with VNNI: four times the products per
// instruction). ARM: NEON as every 64-bit core has it. HWY_NEON adds AES only. SVE vectors have no
// compile-time size and cannot be held in arrays, as the attention micro-kernel does; the boards we serve
// have none, and cores with SVE run NEON as well.
//
// Highway dispatches each file to the best set that the CPU and that file have. So tests, which must exercise
// all that ships, take the wider choice, and for one target after the other forbid those that are better,
// instead of all others (tests/kernels/kernel_testing.h).
#ifndef EARSHOT_RUNTIME_KERNELS_SIMD_TARGETS_H_
#define EARSHOT_RUNTIME_KERNELS_SIMD_TARGETS_H_

#ifdef HWY_DISABLED_TARGETS
#error "simd_targets.h must come before any hwy header"
#endif
#define HWY_DISABLED_TARGETS                                                                                \
  (HWY_SSSE3 | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_NEON | HWY_NEON_BF16 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | \
   HWY_SVE2_128)

#endif  // EARSHOT_RUNTIME_KERNELS_SIMD_TARGETS_H_
