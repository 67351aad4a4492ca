// ArgMax: the column of the largest element of each row.
#include "runtime/kernels/kernels.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class ArgMaxKernel final : public OpKernel {
 public:
  static Result<ArgMaxKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 1));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the input", setup.operands.inputs[0], DType::kF32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the output", setup.operands.outputs[0], DType::kI32));
    ArgMaxKernel kernel;
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    if (operands.inputs[0].cols < 1) return Status::Error(StatusCode::kInvalidModel, "its rows are empty");
    return CheckShape("the output", operands.outputs[0], operands.inputs[0].rows, 1);
  }

  Status Eval(const OpOperands& operands, const EvalContext&) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<int32_t>();
    for (int64_t row = 0; row < in.rows; ++row) {
      const std::span<const float> elements(in.Row(row), static_cast<size_t>(in.cols));
      *out.Row(row) = static_cast<int32_t>(kernels::Max(elements).index);
    }
    return Status::Ok();
  }
};

}  // namespace

const OpDefinition kArgMaxOp = {fb::OpAttributes::ArgMax, "ArgMax", MeasureKernel<ArgMaxKernel>,
                                CreateKernel<ArgMaxKernel>};

}  // namespace earshot
