// Compiled for ARM only, 32 and 64 bits.
#include <arm_neon.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/core/arm_features.h"
#include "runtime/kernels/dense_int8.h"
#include "runtime/kernels/dense_int8_panel.h"

namespace earshot::kernels {
namespace {

constexpr int64_t kRows = 2;
constexpr int64_t kPanelOutputs = kNeonLayout.panel;
constexpr size_t kPanel = kPanelOutputs;
constexpr size_t kStep = kNeonLayout.step;
constexpr size_t kQuads = kPanel / 4;

template <size_t kCount>
using Sums = int32x4_t[kCount][kPanel];

constexpr bool kIs64Bit = sizeof(void*) == 8;

// Functions with instructions that 64 bits alone have are templates: their names are looked up when they are
// needed.
template <class Vector>
inline int16x8_t MultiplyHighHalves(int16x8_t sum, Vector a, Vector b) {
  if constexpr (kIs64Bit) {
    return vmlal_high_s8(sum, a, b);
  } else {
    return vmlal_s8(sum, vget_high_s8(a), vget_high_s8(b));
  }
}

// The sums of the elements of four vectors.
template <class Vector>
inline int32x4_t AddUp(Vector a, Vector b, Vector c, Vector d) {
  if constexpr (kIs64Bit) {
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
  } else {
    const auto halve = [](Vector v) { return vadd_s32(vget_low_s32(v), vget_high_s32(v)); };
    return vcombine_s32(vpadd_s32(halve(a), halve(b)), vpadd_s32(halve(c), halve(d)));
  }
}

// Columns that are multiplied at a time: enough products that none waits for the one before it on a core that
// runs in order.
template <size_t kCount>
constexpr size_t kGroup = std::min<size_t>(kPanel, (kIs64Bit ? 8 : 4) / kCount);

template <size_t kCount>
inline void MultiplyGroup(const int8x16_t (&a)[kCount], const int8_t* weights, size_t column,
                          Sums<kCount>& sums) {
  int8x16_t w[kGroup<kCount>];
  int16x8_t products[kGroup<kCount>][kCount];
#pragma GCC unroll 8
  for (size_t n = 0; n < kGroup<kCount>; ++n) w[n] = vld1q_s8(weights + n * kStep);
#pragma GCC unroll 8
  for (size_t n = 0; n < kGroup<kCount>; ++n) {
#pragma GCC unroll 2
    for (size_t m = 0; m < kCount; ++m) products[n][m] = vmull_s8(vget_low_s8(a[m]), vget_low_s8(w[n]));
  }
#pragma GCC unroll 8
  for (size_t n = 0; n < kGroup<kCount>; ++n) {
#pragma GCC unroll 2
    for (size_t m = 0; m < kCount; ++m) products[n][m] = MultiplyHighHalves(products[n][m], a[m], w[n]);
  }
#pragma GCC unroll 8
  for (size_t n = 0; n < kGroup<kCount>; ++n) {
#pragma GCC unroll 2
    for (size_t m = 0; m < kCount; ++m)
      sums[m][column + n] = vpadalq_s16(sums[m][column + n], products[n][m]);
  }
}

template <size_t kCount>
inline void MultiplyPanel(Matrix<const int8_t> rows, const int8_t* weights, Sums<kCount>& sums) {
  const int8_t* in[kCount];
#pragma GCC unroll 2
  for (size_t m = 0; m < kCount; ++m) {
    in[m] = rows.data + m * static_cast<size_t>(rows.stride);
#pragma GCC unroll 8
    for (size_t n = 0; n < kPanel; ++n) sums[m][n] = vdupq_n_s32(0);
  }
  for (int64_t step = DenseInt8Steps(kNeonLayout, rows.cols); step > 0; --step) {
    int8x16_t a[kCount];
#pragma GCC unroll 2
    for (size_t m = 0; m < kCount; ++m) {
      a[m] = vld1q_s8(in[m]);
      in[m] += kStep;
    }
#pragma GCC unroll 4
    for (size_t n = 0; n < kPanel; n += kGroup<kCount>)
      MultiplyGroup<kCount>(a, weights + n * kStep, n, sums);
    weights += kPanel * kStep;
  }
}

inline float32x4_t Dequantize(int32x4_t sum, const RowQuantization& row, const DenseInt8Panel& panel,
                              size_t column) {
  const int32x4_t centred = vmlsq_n_s32(sum, vld1q_s32(panel.sums + column), row.zero_point);
  const float32x4_t scaled = vmulq_n_f32(vcvtq_f32_s32(centred), row.scale);
  return vfmaq_f32(vld1q_f32(panel.bias + column), scaled, vld1q_f32(panel.scales + column));
}

// All of the panel, or `columns` of them.
inline void StoreRow(const float32x4_t (&values)[kQuads], int64_t columns, float* out) {
  if (columns == kPanelOutputs) {
#pragma GCC unroll 2
    for (size_t quad = 0; quad < kQuads; ++quad) vst1q_f32(out + quad * 4, values[quad]);
    return;
  }
  float whole[kPanel];
  for (size_t quad = 0; quad < kQuads; ++quad) vst1q_f32(whole + quad * 4, values[quad]);
  std::copy_n(whole, columns, out);
}

// kCount rows from the first of the job, and the columns of one panel.
template <size_t kCount>
inline void MultiplyRows(const DenseInt8Job& job, const DenseInt8Panel& panel, int64_t column) {
  Sums<kCount> sums;
  MultiplyPanel<kCount>(job.in, panel.weights, sums);
#pragma GCC unroll 2
  for (size_t m = 0; m < kCount; ++m) {
    float32x4_t values[kQuads];
#pragma GCC unroll 2
    for (size_t quad = 0; quad < kQuads; ++quad) {
      const int32x4_t* of_quad = sums[m] + quad * 4;
      const int32x4_t sum = AddUp(of_quad[0], of_quad[1], of_quad[2], of_quad[3]);
      values[quad] = Dequantize(sum, job.quantization[m], panel, quad * 4);
    }
    float* out = job.out.Row(static_cast<int64_t>(m)) + column;
    StoreRow(values, std::min(kPanelOutputs, job.out.cols - column), out);
  }
}

DenseInt8Job WithoutRows(const DenseInt8Job& job, int64_t count) {
  DenseInt8Job rest = job;
  rest.in = job.in.Rows(count, job.in.rows - count);
  rest.out = job.out.Rows(count, job.out.rows - count);
  rest.quantization += count;
  return rest;
}

}  // namespace

// A panel stays in the first-level cache for all rows.
void MultiplyDenseInt8Neon(const DenseInt8Job& job) {
  const size_t panel_bytes = DenseInt8PanelBytes(kNeonLayout, job.in.cols);
  const std::byte* panel_data = job.panels;
  for (int64_t column = 0; column < job.out.cols; column += kPanelOutputs, panel_data += panel_bytes) {
    const DenseInt8Panel panel(panel_data, kPanelOutputs);
    DenseInt8Job rest = job;
    for (; rest.out.rows >= kRows; rest = WithoutRows(rest, kRows)) MultiplyRows<kRows>(rest, panel, column);
    if (rest.out.rows > 0) MultiplyRows<1>(rest, panel, column);
  }
}

DenseInt8Kernel DenseInt8KernelOfCpu(int64_t weight_bits) {
  if (weight_bits != 8 || HasNeonDotProducts()) return {};
  return {.layout = kNeonLayout, .multiply = &MultiplyDenseInt8Neon};
}

}  // namespace earshot::kernels
