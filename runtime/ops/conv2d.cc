// Conv2d along time and frequency, plain or transposed; an image is a row of [frequency, channel] for each
// time step.
#include "runtime/ops/activation.h"
#include "runtime/ops/convolution.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

Result<ConvolutionGeometry> Geometry(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 3));
  const fb::Conv2d& conv = *setup.op->attributes_as_Conv2d();
  EARSHOT_ASSIGN_OR_RETURN(const kernels::Activation activation, ActivationFrom(conv.activation()));
  return ConvolutionGeometry{.rows = {.kernel = conv.kernel_rows(),
                                      .stride = conv.stride_rows(),
                                      .padding = conv.padding_rows(),
                                      .padding_end = conv.padding_rows(),
                                      .is_transposed = conv.transposed(),
                                      .output_padding = conv.output_padding_rows()},
                             .cols = {.kernel = conv.kernel_cols(),
                                      .stride = conv.stride_cols(),
                                      .padding = conv.padding_cols(),
                                      .padding_end = conv.padding_cols(),
                                      .is_transposed = conv.transposed(),
                                      .output_padding = conv.output_padding_cols()},
                             .in_channels = conv.in_channels(),
                             .out_channels = setup.operands.inputs[1].rows,
                             .groups = conv.groups(),
                             .activation = activation};
}

Result<OpMemory> Measure(const OpSetup& setup) {
  EARSHOT_ASSIGN_OR_RETURN(const ConvolutionGeometry geometry, Geometry(setup));
  return MeasureConvolution(setup, geometry);
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte> workspace) {
  EARSHOT_ASSIGN_OR_RETURN(const ConvolutionGeometry geometry, Geometry(setup));
  return CreateConvolution(setup, geometry, persistent, workspace);
}

}  // namespace

const OpDefinition kConv2dOp = {fb::OpAttributes::Conv2d, "Conv2d", Measure, Create};

}  // namespace earshot
