// What the x86 kernels of dense layers share: from exact sums to results. For files of 64-bit x86 only.
#ifndef EARSHOT_RUNTIME_KERNELS_DENSE_INT8_AVX512_INL_H_
#define EARSHOT_RUNTIME_KERNELS_DENSE_INT8_AVX512_INL_H_

#include <immintrin.h>

#include <cstdint>

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

}  // namespace earshot::kernels

#endif  // EARSHOT_RUNTIME_KERNELS_DENSE_INT8_AVX512_INL_H_
