// Activate: out = activation(in), element by element.
#include "runtime/ops/activation.h"
#include "runtime/ops/op_registry.h"

namespace earshot {

Result<kernels::Activation> ActivationFrom(fb::Activation activation) {
  if (static_cast<int>(activation) < kernels::kNumActivations)
    return static_cast<kernels::Activation>(activation);
  return Status::Error(StatusCode::kInvalidModel, "it has an unknown activation %d",
                       static_cast<int>(activation));
}

void ActivateInPlace(kernels::Activation activation, Matrix<float> out, const ThreadPool& pool) {
  if (activation == kernels::Activation::kNone) return;
  ForRowBlocks(pool, out.rows, CacheBlockRows(out.cols), [&](int64_t begin, int64_t count) {
    kernels::Activate(activation, out.Rows(begin, count), out.Rows(begin, count));
  });
}

namespace {

class ActivateKernel final : public OpKernel {
 public:
  explicit ActivateKernel(kernels::Activation activation) : activation_(activation) {}

  Status Check(const OpOperands& operands) const override {
    return CheckShape("the output", operands.outputs[0], operands.inputs[0].rows, operands.inputs[0].cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols), [&](int64_t begin, int64_t count) {
      kernels::Activate(activation_, in.Rows(begin, count), out.Rows(begin, count));
    });
    return Status::Ok();
  }

 private:
  kernels::Activation activation_;
};

Result<ActivateKernel> Make(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 1));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the input", setup.operands.inputs[0], DType::kF32));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the output", setup.operands.outputs[0], DType::kF32));
  EARSHOT_ASSIGN_OR_RETURN(const kernels::Activation activation,
                           ActivationFrom(setup.op->attributes_as_Activate()->activation()));
  ActivateKernel kernel(activation);
  EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
  return kernel;
}

Result<OpMemory> Measure(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(Make(setup).status());
  return OpMemory{AlignUp(sizeof(ActivateKernel)), 0};
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte>) {
  EARSHOT_ASSIGN_OR_RETURN(const ActivateKernel kernel, Make(setup));
  return PlaceKernel<ActivateKernel>(persistent, kernel);
}

}  // namespace

const OpDefinition kActivateOp = {fb::OpAttributes::Activate, "Activate", Measure, Create};

}  // namespace earshot
