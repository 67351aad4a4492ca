// The two ways a convolution is computed; convolution.cc chooses.
#ifndef EARSHOT_RUNTIME_OPS_CONVOLUTION_KERNELS_H_
#define EARSHOT_RUNTIME_OPS_CONVOLUTION_KERNELS_H_

#include "runtime/ops/convolution.h"
#include "runtime/xnnpack/fully_connected.h"

namespace earshot {

// Run-time shapes against the geometry.
Status CheckConvolutionOperands(const ConvolutionGeometry& geometry, const OpOperands& operands);

// A dense layer over windows, for each group. A tile of windows is gathered into the workspace at a time,
// zeros where a window leaves the input.
class WindowedConvolution final : public OpKernel {
 public:
  struct Plan {
    ConvolutionGeometry geometry;
    FullyConnectedParams dense;  // of the first group; in_channels: of a window
    size_t group_weight_bytes = 0;
    size_t group_scale_bytes = 0;
    size_t tile_bytes = 0;
  };

  static Result<Plan> MakePlan(const OpSetup& setup, const ConvolutionGeometry& geometry);
  static OpMemory Memory(const Plan& plan, const PackedWeights& packed);

  explicit WindowedConvolution(const Plan& plan) : plan_(plan) {}
  ~WindowedConvolution() override;

  Status Create(Arena& persistent, std::span<std::byte> workspace, PackedWeights* packed);
  Status Check(const OpOperands& operands) const override;
  Status Eval(const OpOperands& operands, const EvalContext& context) override;

 private:
  struct Tile {
    int64_t group = 0;
    int64_t first = 0;  // output position: row * F' + column
    int64_t count = 0;
  };

  void Gather(Matrix<const float> in, const Tile& tile, int64_t out_cols, Matrix<float> windows,
              const ThreadPool& pool) const;

  Plan plan_;
  std::span<FullyConnected> dense_;  // one for each group
};

// Each channel by itself. Plain loops over neighbouring channels, which compilers vectorize: there is little
// arithmetic for each byte.
class ChannelwiseConvolution final : public OpKernel {
 public:
  explicit ChannelwiseConvolution(const ConvolutionGeometry& geometry) : geometry_(geometry) {}

  static Status CheckSetup(const OpSetup& setup, const ConvolutionGeometry& geometry);
  static OpMemory Memory(const ConvolutionGeometry& geometry);

  Status Create(const OpSetup& setup, Arena& persistent);
  Status Check(const OpOperands& operands) const override;
  Status Eval(const OpOperands& operands, const EvalContext& context) override;

 private:
  void ComputePosition(Matrix<const float> in, int64_t row, int64_t col, float* out) const;

  ConvolutionGeometry geometry_;
  const float* weight_ = nullptr;  // [taps, N]
  const float* bias_ = nullptr;    // [N], or nullptr
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_CONVOLUTION_KERNELS_H_
