// Convolutions along rows, or along rows and the positions within a row: what Conv1d and Conv2d have in
// common.
#ifndef EARSHOT_RUNTIME_OPS_CONVOLUTION_H_
#define EARSHOT_RUNTIME_OPS_CONVOLUTION_H_

#include <cstdint>

#include "runtime/core/status.h"
#include "runtime/kernels/kernels.h"
#include "runtime/ops/op.h"

namespace earshot {

// Where the taps of a kernel meet the input along one axis. A transposed convolution spreads each input over
// a kernel's width of outputs; seen from an output, only every stride-th tap meets an input.
struct ConvolutionAxis {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t padding = 0;      // before the first input
  int64_t padding_end = 0;  // after the last one; unused if transposed
  bool is_transposed = false;
  int64_t output_padding = 0;  // of a transposed one
  bool ends_last =
      false;  // the last window ends with the last (padded) input, else the first begins with the first

  // kInvalidModel unless all numbers are in a range where nothing below can overflow.
  Status Check() const;

  int64_t OutputLength(int64_t input_length) const;

  // The input that meets `tap` at an output position; -1 where there is none.
  int64_t Source(int64_t position, int64_t tap, int64_t input_length) const {
    const int64_t offset = is_transposed ? position + padding - tap * dilation
                                         : position * stride - FirstPadding(input_length) + tap * dilation;
    if (offset < 0 || (is_transposed && offset % stride != 0)) return -1;
    const int64_t source = is_transposed ? offset / stride : offset;
    return source < input_length ? source : -1;
  }

 private:
  // Inputs that the first window lacks at its begin.
  int64_t FirstPadding(int64_t input_length) const {
    if (!ends_last) return padding;
    return (OutputLength(input_length) - 1) * stride + (kernel - 1) * dilation + 1 - padding_end -
           input_length;
  }
};

// in[T, F * C] -> out[T', F' * N], channels last; of a 1-d convolution F = F' = 1.
struct ConvolutionGeometry {
  ConvolutionAxis rows;
  ConvolutionAxis cols;
  int64_t in_channels = 1;   // C
  int64_t out_channels = 1;  // N
  int64_t groups = 1;        // channel n reads the C / groups channels of group n / (N / groups)
  kernels::Activation activation = kernels::Activation::kNone;

  int64_t taps() const { return rows.kernel * cols.kernel; }
};

// Measure and Create of an op with the operands in, weight[N, taps * C / groups] and perhaps bias. Each
// channel by itself (C = groups) is computed by plain loops; otherwise windows are gathered and go through
// XNNPACK, group by group.
Result<OpMemory> MeasureConvolution(const OpSetup& setup, const ConvolutionGeometry& geometry);
Result<OpKernel*> CreateConvolution(const OpSetup& setup, const ConvolutionGeometry& geometry,
                                    Arena& persistent, std::span<std::byte> workspace);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_CONVOLUTION_H_
