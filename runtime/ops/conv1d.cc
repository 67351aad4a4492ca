// Conv1d along time over channels-last rows.
#include "runtime/ops/activation.h"
#include "runtime/ops/convolution.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

Result<ConvolutionGeometry> Geometry(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 3));
  const fb::Conv1d& conv = *setup.op->attributes_as_Conv1d();
  EARSHOT_ASSIGN_OR_RETURN(const kernels::Activation activation, ActivationFrom(conv.activation()));
  return ConvolutionGeometry{
      .rows = {.kernel = conv.kernel(),
               .stride = conv.stride(),
               .dilation = conv.dilation(),
               .padding = conv.padding(),
               .padding_end = conv.padding_end() < 0 ? int64_t{conv.padding()} : conv.padding_end(),
               .ends_last = conv.ends_last()},
      .cols = {},
      .in_channels = setup.operands.inputs[0].cols,
      .out_channels = setup.operands.outputs[0].cols,
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

const OpDefinition kConv1dOp = {fb::OpAttributes::Conv1d, "Conv1d", Measure, Create};

}  // namespace earshot
