// What the x86 kernels of dense layers share: from exact sums to results. For files of 64-bit x86 only.
#ifndef EARSHOT_RUNTIME_KERNELS_DENSE_INT8_AVX512_INL_H_
#define EARSHOT_RUNTIME_KERNELS_DENSE_INT8_AVX512_INL_H_

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/kernels/dense_int8.h"
#include "runtime/kernels/dense_int8_panel.h"

namespace earshot::kernels {

// A panel and the columns of the result that it makes.
struct PanelColumnsAvx512 {
  DenseInt8Panel panel;
  int64_t column;  // of the result
  __mmask16 mask;  // columns that the result has
};

// The layouts differ in the weights of a panel only.
static_assert(kX86Int4Layout.panel == kX86Layout.panel);

inline PanelColumnsAvx512 ColumnsOfPanelAvx512(const DenseInt8Job& job, size_t panel_bytes, int64_t index) {
  const int64_t column = index * kX86Layout.panel, columns = job.out.cols - column;
  const auto mask = static_cast<__mmask16>(columns >= kX86Layout.panel ? 0xFFFF : (1u << columns) - 1);
  return {{job.panels + static_cast<size_t>(index) * panel_bytes, kX86Layout.panel}, column, mask};
}

// Sums of products with bytes around `zero_point`, to row `row` of the result.
__attribute__((target("avx512f"), always_inline)) inline void StoreRowAvx512(
    const DenseInt8Job& job, const PanelColumnsAvx512& columns, int64_t row, __m512i sums,
    int32_t zero_point) {
  const DenseInt8Panel& panel = columns.panel;
  const __m512i shift = _mm512_mullo_epi32(_mm512_loadu_si512(panel.sums), _mm512_set1_epi32(zero_point));
  const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(sums, shift)),
                                      _mm512_set1_ps(job.quantization[row].scale));
  const __m512 result = _mm512_fmadd_ps(scaled, _mm512_loadu_ps(panel.scales), _mm512_loadu_ps(panel.bias));
  _mm512_mask_storeu_ps(job.out.Row(row) + columns.column, columns.mask, result);
}

constexpr int64_t kPanelsAvx512 = 4;  // at once
// Weights of each panel are fetched so many bytes before they are multiplied: a few hundred nanoseconds.
constexpr int64_t kPrefetchBytesAvx512 = 1024;

__attribute__((target("avx512f"), always_inline)) inline __m512i FourInputsAvx512(const int8_t* in) {
  int32_t word;
  std::memcpy(&word, in, sizeof(word));
  return _mm512_set1_epi32(word);
}

// The sums of kCount rows by kWide panels. extra_zero_point: by how much more the inputs were moved up.
template <size_t kCount, size_t kWide>
__attribute__((target("avx512f"), always_inline)) inline void StoreBlockAvx512(
    const DenseInt8Job& job, int64_t row, int64_t first, const __m512i (&sums)[kCount][kWide],
    int32_t extra_zero_point) {
  const size_t panel_bytes = DenseInt8PanelBytes(job.layout, job.in.cols);
#pragma GCC unroll 4
  for (size_t n = 0; n < kWide; ++n) {
    const PanelColumnsAvx512 columns =
        ColumnsOfPanelAvx512(job, panel_bytes, first + static_cast<int64_t>(n));
#pragma GCC unroll 6
    for (size_t m = 0; m < kCount; ++m) {
      const int64_t of_row = row + static_cast<int64_t>(m);
      StoreRowAvx512(job, columns, of_row, sums[m][n],
                     job.quantization[of_row].zero_point + extra_zero_point);
    }
  }
}

// Multiplies rows from `row` on, as many as the place of the function in its list tells, by panels from
// `first` on. shifts: of the rows of the job, for functions that want some.
using BlockAvx512 = void (*)(const DenseInt8Job& job, const int32_t* shifts, int64_t row, int64_t first);

// All rows by all panels, four at once or one. All rows read the panels again from the first-level cache.
template <size_t kRows>
void MultiplyPanels(const DenseInt8Job& job, const int32_t* shifts, const BlockAvx512 (&by_four)[kRows],
                    const BlockAvx512 (&by_one)[kRows]) {
  const int64_t panels = (job.out.cols + job.layout.panel - 1) / job.layout.panel;
  for (int64_t panel = 0; panel < panels;) {
    const bool are_four = panel + kPanelsAvx512 <= panels;
    const BlockAvx512(&blocks)[kRows] = are_four ? by_four : by_one;
    constexpr auto kStep = static_cast<int64_t>(kRows);
    for (int64_t row = 0; row < job.out.rows; row += kStep)
      blocks[std::min(kStep, job.out.rows - row) - 1](job, shifts, row, panel);
    panel += are_four ? kPanelsAvx512 : 1;
  }
}

}  // namespace earshot::kernels

#endif  // EARSHOT_RUNTIME_KERNELS_DENSE_INT8_AVX512_INL_H_
