// Rows of bytes times a matrix of bytes, for CPUs where our kernels beat XNNPACK's:
//
// ARM cores without dot products (Cortex-A53, A72, A7). Eight bits are multiplied to sixteen, two products of
// which fit there, and widened to 32 while they are added in pairs: three instructions for sixteen
// multiply-adds. XNNPACK's kernel does the same with one column a lane, which takes a shuffle for each of
// them and holds two rows only. Here the lanes of a sum are inputs of one column, added up at the end.
//
// x86 with AVX-512 VNNI. Few rows wait for their weights, which are read here as fast as memory gives them:
// four panels at once, each one after the other from its first byte to its last. Many rows take tiles where
// there is AMX, two by two, so that each tile that is loaded serves two products; XNNPACK loads five for
// four.
//
// Weights may have 4 bits instead (runtime/xnnpack/coarse_weights.h): on x86 in place of XNNPACK's
// per-channel int4, whose kernel for AMX gives wrong numbers as GCC 12 compiles it.
//
// Letters: M rows, K inputs, N outputs of a layer.
#ifndef EARSHOT_RUNTIME_KERNELS_DENSE_INT8_H_
#define EARSHOT_RUNTIME_KERNELS_DENSE_INT8_H_

#include <cstddef>
#include <cstdint>

#include "runtime/core/matrix_view.h"

namespace earshot::kernels {

// How a kernel wants its weights.
struct DenseInt8Layout {
  int64_t panel = 0;     // outputs that are computed at once
  int64_t step = 0;      // inputs of an output that lie together
  int64_t multiple = 0;  // of `step`: inputs are filled up to a multiple of it with weights of 0
  int64_t weight_bits = 8;
};

// By the registers that hold the sums: 32 of them, or 16.
constexpr DenseInt8Layout kNeonLayout = {.panel = sizeof(void*) == 8 ? 8 : 4, .step = 16, .multiple = 16};
// A tile of AMX is 16 outputs by 64 inputs, four of which are multiplied at once.
constexpr DenseInt8Layout kX86Layout = {.panel = 16, .step = 4, .multiple = 64};
constexpr DenseInt8Layout kX86Int4Layout = {.panel = 16, .step = 8, .multiple = 64, .weight_bits = 4};

// How a row was quantized: value = (byte - zero_point) * scale. As XNNPACK has it.
struct RowQuantization {
  int32_t zero_point;
  float scale;
};

// The layer as the model has it: weights in [-127, 127], or in [-8, 7] for 4 bits.
struct DenseInt8Weights {
  Matrix<const int8_t> weights;   // [N, K]
  const float* scales = nullptr;  // [N]
  const float* bias = nullptr;    // [N], or nullptr
};

// Packed weights: a panel for every `panel` outputs, one after the other, the last filled up with zeros. A
// panel: i32 sums of weights [panel], f32 scales [panel], f32 bias [panel], then for every `step` inputs i8
// weights [panel][step]. With 4 bits weights are stored plus 8, those of missing inputs as 0: bytes
// [panel][step / 2], the first half of the inputs in the low nibbles; and the sums are of what is stored.
size_t DenseInt8PanelBytes(const DenseInt8Layout& layout, int64_t in_channels);
size_t PackedDenseInt8Bytes(const DenseInt8Layout& layout, int64_t out_channels, int64_t in_channels);
// packed: as many bytes, aligned to 64.
void PackDenseInt8(const DenseInt8Layout& layout, const DenseInt8Weights& layer, std::byte* packed);

struct DenseInt8Job {
  DenseInt8Layout layout;  // of the panels: that of the kernel
  // [M, K]; layout.multiple - 1 bytes behind every row are readable, of any value.
  Matrix<const int8_t> in;
  const RowQuantization* quantization = nullptr;  // [M]
  // The panel that has column 0 of `out`; more as far as `out` goes.
  const std::byte* panels = nullptr;
  Matrix<float> out;  // [M, at most N]
};

// out[m][n] = sum over k of (in[m][k] - zero_point[m]) weights[n][k] * scale[m] scales[n] + bias[n]; the sum
// is exact. Never allocates.
using MultiplyDenseInt8 = void (*)(const DenseInt8Job& job);

// Defined for ARM only, where every CPU has what it needs. Layout kNeonLayout.
void MultiplyDenseInt8Neon(const DenseInt8Job& job);

// Defined for 64-bit x86 only, with the layout kX86Layout; the results are the same bit by bit. Precondition:
// HasAvx512Vnni(), of the second one also HasAmxInt8().
void MultiplyDenseInt8Avx512(const DenseInt8Job& job);
void MultiplyDenseInt8Amx(const DenseInt8Job& job);
// With the layout kX86Int4Layout. Precondition: HasAvx512Vnni().
void MultiplyDenseInt4Avx512(const DenseInt8Job& job);

struct DenseInt8Kernel {
  DenseInt8Layout layout;
  MultiplyDenseInt8 multiply = nullptr;  // nullptr: XNNPACK's are better on this CPU
};

// weight_bits: 8 or 4. Any thread.
DenseInt8Kernel DenseInt8KernelOfCpu(int64_t weight_bits);

}  // namespace earshot::kernels

#endif  // EARSHOT_RUNTIME_KERNELS_DENSE_INT8_H_
