// Rows of bytes times a matrix of bytes, for CPUs where our kernel beats XNNPACK's: ARM cores without dot
// products (Cortex-A53, A72, A7). Eight bits are multiplied to sixteen, two products of which fit there, and
// widened to 32 while they are added in pairs: three instructions for sixteen multiply-adds. XNNPACK's kernel
// does the same with one column a lane, which takes a shuffle for each of them and holds two rows only. Here
// the lanes of a sum are inputs of one column, added up at the end.
//
// Letters: M rows, K inputs, N outputs of a layer.
#ifndef EARSHOT_RUNTIME_KERNELS_DENSE_INT8_H_
#define EARSHOT_RUNTIME_KERNELS_DENSE_INT8_H_

#include <cstddef>
#include <cstdint>

#include "runtime/core/matrix_view.h"

namespace earshot::kernels {

// Outputs that are computed at once, by the registers that hold their sums: 32 of them, or 16.
constexpr int64_t kDenseInt8Panel = sizeof(void*) == 8 ? 8 : 4;
// Inputs that are multiplied at once.
constexpr int64_t kDenseInt8Step = 16;

// How a row was quantized: value = (byte - zero_point) * scale. As XNNPACK has it.
struct RowQuantization {
  int32_t zero_point;
  float scale;
};

// The layer as the model has it: weights in [-127, 127].
struct DenseInt8Weights {
  Matrix<const int8_t> weights;   // [N, K]
  const float* scales = nullptr;  // [N]
  const float* bias = nullptr;    // [N], or nullptr
};

// Packed weights: a panel for every kDenseInt8Panel outputs, one after the other, the last filled up with
// zeros. A panel: i32 sums of weights [panel], f32 scales [panel], f32 bias [panel], then for every
// kDenseInt8Step inputs i8 weights [panel][step].
size_t DenseInt8PanelBytes(int64_t in_channels);
size_t PackedDenseInt8Bytes(int64_t out_channels, int64_t in_channels);
// packed: as many bytes, aligned to 16.
void PackDenseInt8(const DenseInt8Weights& layer, std::byte* packed);

struct DenseInt8Job {
  // [M, K]; kDenseInt8Step - 1 bytes behind every row are readable, of any value.
  Matrix<const int8_t> in;
  const RowQuantization* quantization = nullptr;  // [M]
  // The panel that has column 0 of `out`; more as far as `out` goes.
  const std::byte* panels = nullptr;
  Matrix<float> out;  // [M, at most N]
};

// out[m][n] = sum over k of (in[m][k] - zero_point[m]) weights[n][k] * scale[m] scales[n] + bias[n]; the sum
// is exact. Never allocates.
using DenseInt8Kernel = void (*)(const DenseInt8Job& job);

// Defined for ARM only, where every CPU has what it needs.
void MultiplyDenseInt8Neon(const DenseInt8Job& job);

// The kernel that is better than XNNPACK's on this CPU, or nullptr. Any thread.
DenseInt8Kernel DenseInt8KernelOfCpu();

}  // namespace earshot::kernels

#endif  // EARSHOT_RUNTIME_KERNELS_DENSE_INT8_H_
