// Compiled for 64-bit x86 only: dense layers by AVX-512 VNNI. A lane sums up one output; its instruction
// multiplies bytes without a sign by bytes with one, so those of the rows are moved up by 128, and their zero
// point with them.
#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/core/x86_features.h"
#include "runtime/kernels/dense_int8.h"
#include "runtime/kernels/dense_int8_avx512-inl.h"

namespace earshot::kernels {
namespace {

constexpr size_t kRows = 6;  // 24 sums, 4 vectors of weights and one of inputs are in registers
constexpr int64_t kStepBytes = kX86Layout.panel * kX86Layout.step;
static_assert(kStepBytes == int64_t{sizeof(__m512i)});

// kCount rows from `row` on by kWide panels from `first` on.
template <size_t kCount, size_t kWide>
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void MultiplyBlockAvx512(const DenseInt8Job& job,
                                                                                const int32_t*, int64_t row,
                                                                                int64_t first) {
  const size_t panel_bytes = DenseInt8PanelBytes(kX86Layout, job.in.cols);
  const int8_t* weights = ColumnsOfPanelAvx512(job, panel_bytes, first).panel.weights;
  const __m512i moved_up = _mm512_set1_epi8(-128);
  const int8_t* in[kCount];
  __m512i sums[kCount][kWide];
#pragma GCC unroll 6
  for (size_t m = 0; m < kCount; ++m) {
    in[m] = job.in.Row(row + static_cast<int64_t>(m));
#pragma GCC unroll 4
    for (size_t n = 0; n < kWide; ++n) sums[m][n] = _mm512_setzero_si512();
  }
  for (int64_t step = DenseInt8Steps(kX86Layout, job.in.cols); step > 0; --step) {
    __m512i w[kWide];
#pragma GCC unroll 4
    for (size_t n = 0; n < kWide; ++n) {
      _mm_prefetch(weights + n * panel_bytes + kPrefetchBytesAvx512, _MM_HINT_T0);
      w[n] = _mm512_loadu_si512(weights + n * panel_bytes);
    }
    weights += kStepBytes;
#pragma GCC unroll 6
    for (size_t m = 0; m < kCount; ++m) {
      const __m512i a = _mm512_xor_si512(FourInputsAvx512(in[m]), moved_up);
      in[m] += kX86Layout.step;
#pragma GCC unroll 4
      for (size_t n = 0; n < kWide; ++n) sums[m][n] = _mm512_dpbusd_epi32(sums[m][n], a, w[n]);
    }
  }
  StoreBlockAvx512(job, row, first, sums, 128);
}

// Rows for which tiles of AMX are worth their while, full or not.
constexpr int64_t kFewRows = 3;

template <size_t kWide>
constexpr BlockAvx512 kBlocks[kRows] = {MultiplyBlockAvx512<1, kWide>, MultiplyBlockAvx512<2, kWide>,
                                        MultiplyBlockAvx512<3, kWide>, MultiplyBlockAvx512<4, kWide>,
                                        MultiplyBlockAvx512<5, kWide>, MultiplyBlockAvx512<6, kWide>};

void MultiplyDenseInt8X86(const DenseInt8Job& job) {
  if (job.out.rows >= kFewRows && HasAmxInt8()) return MultiplyDenseInt8Amx(job);
  MultiplyDenseInt8Avx512(job);
}

}  // namespace

void MultiplyDenseInt8Avx512(const DenseInt8Job& job) {
  MultiplyPanels(job, nullptr, kBlocks<kPanelsAvx512>, kBlocks<1>);
}

DenseInt8Kernel DenseInt8KernelOfCpu(int64_t weight_bits) {
  if (!HasAvx512Vnni()) return {};
  if (weight_bits == 4) return {.layout = kX86Int4Layout, .multiply = &MultiplyDenseInt4Avx512};
  return {.layout = kX86Layout, .multiply = &MultiplyDenseInt8X86};
}

}  // namespace earshot::kernels
