// LayerNorm over the columns of each row (Ba et al. 2016).
#include "runtime/kernels/kernels.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class LayerNormKernel final : public OpKernel {
 public:
  explicit LayerNormKernel(float epsilon) : epsilon_(epsilon) {}

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckShape("gamma", operands.inputs[1], 1, in.cols));
    if (operands.num_inputs > 2) EARSHOT_RETURN_IF_ERROR(CheckShape("beta", operands.inputs[2], 1, in.cols));
    return CheckShape("the output", operands.outputs[0], in.rows, in.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const kernels::LayerNormParams params = {
        .gamma = operands.inputs[1].As<const float>().data,
        .beta = operands.num_inputs > 2 ? operands.inputs[2].As<const float>().data : nullptr,
        .epsilon = epsilon_};
    ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols), [&](int64_t begin, int64_t count) {
      kernels::LayerNorm(params, in.Rows(begin, count), out.Rows(begin, count));
    });
    return Status::Ok();
  }

 private:
  float epsilon_;
};

Result<LayerNormKernel> Make(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 3));
  for (size_t i = 0; i < setup.operands.num_inputs; ++i) {
    EARSHOT_RETURN_IF_ERROR(CheckDType("an input", setup.operands.inputs[i], DType::kF32));
  }
  EARSHOT_RETURN_IF_ERROR(CheckDType("the output", setup.operands.outputs[0], DType::kF32));
  const float epsilon = setup.op->attributes_as_LayerNorm()->epsilon();
  if (!(epsilon >= 0.0f && epsilon < 1.0f))
    return Status::Error(StatusCode::kInvalidModel, "its epsilon is out of range");
  LayerNormKernel kernel(epsilon);
  EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
  return kernel;
}

Result<OpMemory> Measure(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(Make(setup).status());
  return OpMemory{AlignUp(sizeof(LayerNormKernel)), 0};
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte>) {
  EARSHOT_ASSIGN_OR_RETURN(const LayerNormKernel kernel, Make(setup));
  return PlaceKernel<LayerNormKernel>(persistent, kernel);
}

}  // namespace

const OpDefinition kLayerNormOp = {fb::OpAttributes::LayerNorm, "LayerNorm", Measure, Create};

}  // namespace earshot
