// Compiled for 64-bit x86 only: dense layers with weights of 4 bits by AVX-512 VNNI. What is stored has no
// sign, as the instruction wants its first operand, so that the rows stay as they are:
//   sum (w - 8) (x - zero_point) = sum w x - zero_point sum w - 8 sum (x - zero_point).
#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/kernels/dense_int8.h"
#include "runtime/kernels/dense_int8_avx512-inl.h"

namespace earshot::kernels {
namespace {

constexpr size_t kRows = 4;  // 16 sums; 4 vectors of weights are taken apart into 8
constexpr int64_t kStepBytes = kX86Int4Layout.panel * kX86Int4Layout.step / 2;
static_assert(kStepBytes == int64_t{sizeof(__m512i)});
constexpr int64_t kShiftedRows = 32;  // whose shifts are found at once

// 8 sum (x - zero_point) of a row.
int32_t ShiftOf(const DenseInt8Job& job, int64_t row) {
  int32_t sum = 0;
  for (int64_t k = 0; k < job.in.cols; ++k) sum += job.in.Row(row)[k];
  return 8 * (sum - job.quantization[row].zero_point * static_cast<int32_t>(job.in.cols));
}

// kCount rows from `row` on by kWide panels from `first` on.
template <size_t kCount, size_t kWide>
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void MultiplyInt4BlockAvx512(const DenseInt8Job& job,
                                                                                    const int32_t* shifts,
                                                                                    int64_t row,
                                                                                    int64_t first) {
  const size_t panel_bytes = DenseInt8PanelBytes(kX86Int4Layout, job.in.cols);
  const int8_t* weights = ColumnsOfPanelAvx512(job, panel_bytes, first).panel.weights;
  const __m512i low_nibbles = _mm512_set1_epi8(15);
  const int8_t* in[kCount];
  __m512i sums[kCount][kWide];
#pragma GCC unroll 4
  for (size_t m = 0; m < kCount; ++m) {
    in[m] = job.in.Row(row + static_cast<int64_t>(m));
    const __m512i begin = _mm512_set1_epi32(-shifts[row + static_cast<int64_t>(m)]);
#pragma GCC unroll 4
    for (size_t n = 0; n < kWide; ++n) sums[m][n] = begin;
  }
  for (int64_t step = DenseInt8Steps(kX86Int4Layout, job.in.cols); step > 0; --step) {
    __m512i low[kWide], high[kWide];
#pragma GCC unroll 4
    for (size_t n = 0; n < kWide; ++n) {
      _mm_prefetch(weights + n * panel_bytes + kPrefetchBytesAvx512, _MM_HINT_T0);
      const __m512i both = _mm512_loadu_si512(weights + n * panel_bytes);
      low[n] = _mm512_and_si512(both, low_nibbles);
      high[n] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low_nibbles);
    }
    weights += kStepBytes;
#pragma GCC unroll 4
    for (size_t m = 0; m < kCount; ++m) {
      const __m512i a = FourInputsAvx512(in[m]), b = FourInputsAvx512(in[m] + 4);
      in[m] += kX86Int4Layout.step;
#pragma GCC unroll 4
      for (size_t n = 0; n < kWide; ++n) {
        sums[m][n] = _mm512_dpbusd_epi32(sums[m][n], low[n], a);
        sums[m][n] = _mm512_dpbusd_epi32(sums[m][n], high[n], b);
      }
    }
  }
  StoreBlockAvx512(job, row, first, sums, 0);
}

template <size_t kWide>
constexpr BlockAvx512 kBlocks[kRows] = {MultiplyInt4BlockAvx512<1, kWide>, MultiplyInt4BlockAvx512<2, kWide>,
                                        MultiplyInt4BlockAvx512<3, kWide>, MultiplyInt4BlockAvx512<4, kWide>};

}  // namespace

void MultiplyDenseInt4Avx512(const DenseInt8Job& job) {
  for (int64_t begin = 0; begin < job.out.rows; begin += kShiftedRows) {
    const int64_t rows = std::min(kShiftedRows, job.out.rows - begin);
    int32_t shifts[kShiftedRows];
    for (int64_t row = 0; row < rows; ++row) shifts[row] = ShiftOf(job, begin + row);
    DenseInt8Job part = job;
    part.in = job.in.Rows(begin, rows);
    part.quantization += begin;
    part.out = job.out.Rows(begin, rows);
    MultiplyPanels(part, shifts, kBlocks<kPanelsAvx512>, kBlocks<1>);
  }
}

}  // namespace earshot::kernels
