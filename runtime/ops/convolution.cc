// Lengths of convolutions, checks of their operands, and the choice of a kernel.
#include "runtime/ops/convolution.h"

#include <algorithm>

#include "runtime/ops/convolution_kernels.h"

namespace earshot {
namespace {

bool IsChannelwise(const ConvolutionGeometry& geometry) {
  return geometry.groups > 1 && geometry.groups == geometry.in_channels;
}

Status CheckSetup(const OpSetup& setup, const ConvolutionGeometry& geometry) {
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 3));
  EARSHOT_RETURN_IF_ERROR(geometry.rows.Check());
  EARSHOT_RETURN_IF_ERROR(geometry.cols.Check());
  const OpOperands& operands = setup.operands;
  EARSHOT_RETURN_IF_ERROR(CheckDType("the input", operands.inputs[0], DType::kF32));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the output", operands.outputs[0], DType::kF32));
  const int64_t groups = geometry.groups;
  if (groups < 1 || geometry.in_channels < 1 || geometry.out_channels < 1 ||
      geometry.in_channels % groups != 0 || geometry.out_channels % groups != 0) {
    return Status::Error(StatusCode::kInvalidModel, "%lld and %lld channels do not make %lld groups",
                         static_cast<long long>(geometry.in_channels),
                         static_cast<long long>(geometry.out_channels), static_cast<long long>(groups));
  }
  EARSHOT_RETURN_IF_ERROR(CheckShape("the weight", operands.inputs[1], geometry.out_channels,
                                     geometry.taps() * (geometry.in_channels / groups)));
  const bool has_bias = operands.num_inputs == 3;
  if (has_bias) {
    EARSHOT_RETURN_IF_ERROR(CheckShape("the bias", operands.inputs[2], 1, geometry.out_channels));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the bias", operands.inputs[2], DType::kF32));
  }
  if (setup.constants[1].data.empty() || (has_bias && setup.constants[2].data.empty()))
    return Status::Error(StatusCode::kInvalidModel, "its weight or bias is no whole weight of the file");
  return CheckConvolutionOperands(geometry, operands);
}

}  // namespace

Status ConvolutionAxis::Check() const {
  constexpr int64_t kMax = 1 << 20;
  const bool has_window =
      kernel >= 1 && kernel <= kMax && dilation >= 1 && dilation <= kMax && stride >= 1 && stride <= kMax;
  const bool has_padding = padding >= 0 && padding <= kMax && padding_end >= 0 && padding_end <= kMax;
  const bool has_output_padding =
      is_transposed ? output_padding >= 0 && output_padding < stride : output_padding == 0;
  if (has_window && has_padding && has_output_padding) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "kernel %lld, stride %lld, dilation %lld, padding %lld are out of range",
                       static_cast<long long>(kernel), static_cast<long long>(stride),
                       static_cast<long long>(dilation), static_cast<long long>(padding));
}

int64_t ConvolutionAxis::OutputLength(int64_t input_length) const {
  const int64_t extent = (kernel - 1) * dilation + 1;
  if (is_transposed) {
    if (input_length < 1) return 0;
    return std::max<int64_t>((input_length - 1) * stride - 2 * padding + extent + output_padding, 0);
  }
  const int64_t padded = input_length + padding + padding_end;
  return padded < extent ? 0 : (padded - extent) / stride + 1;
}

Status CheckConvolutionOperands(const ConvolutionGeometry& geometry, const OpOperands& operands) {
  const MatrixView& in = operands.inputs[0];
  const MatrixView& out = operands.outputs[0];
  if (in.cols % geometry.in_channels != 0) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the input has %lld columns, which are no multiple of %lld channels",
                         static_cast<long long>(in.cols), static_cast<long long>(geometry.in_channels));
  }
  const int64_t positions = geometry.cols.OutputLength(in.cols / geometry.in_channels);
  EARSHOT_RETURN_IF_ERROR(
      CheckShape("the output", out, geometry.rows.OutputLength(in.rows), positions * geometry.out_channels));
  if (positions > 1 && out.stride != out.cols)
    return Status::Error(StatusCode::kInvalidModel, "an image must fill the rows that it is written to");
  return Status::Ok();
}

Result<OpMemory> MeasureConvolution(const OpSetup& setup, const ConvolutionGeometry& geometry) {
  EARSHOT_RETURN_IF_ERROR(CheckSetup(setup, geometry));
  if (IsChannelwise(geometry)) {
    EARSHOT_RETURN_IF_ERROR(ChannelwiseConvolution::CheckSetup(setup, geometry));
    return ChannelwiseConvolution::Memory(geometry);
  }
  EARSHOT_ASSIGN_OR_RETURN(const WindowedConvolution::Plan plan,
                           WindowedConvolution::MakePlan(setup, geometry));
  return WindowedConvolution::Memory(plan, *setup.packed_weights);
}

Result<OpKernel*> CreateConvolution(const OpSetup& setup, const ConvolutionGeometry& geometry,
                                    Arena& persistent, std::span<std::byte> workspace) {
  EARSHOT_RETURN_IF_ERROR(CheckSetup(setup, geometry));
  OpKernel* kernel = nullptr;
  Status status;
  if (IsChannelwise(geometry)) {
    EARSHOT_RETURN_IF_ERROR(ChannelwiseConvolution::CheckSetup(setup, geometry));
    EARSHOT_ASSIGN_OR_RETURN(kernel, PlaceKernel<ChannelwiseConvolution>(persistent, geometry));
    status = static_cast<ChannelwiseConvolution*>(kernel)->Create(setup, persistent);
  } else {
    EARSHOT_ASSIGN_OR_RETURN(const WindowedConvolution::Plan plan,
                             WindowedConvolution::MakePlan(setup, geometry));
    EARSHOT_ASSIGN_OR_RETURN(kernel, PlaceKernel<WindowedConvolution>(persistent, plan));
    status = static_cast<WindowedConvolution*>(kernel)->Create(persistent, workspace, setup.packed_weights);
  }
  if (!status.ok()) {
    kernel->~OpKernel();
    return status;
  }
  return kernel;
}

}  // namespace earshot
