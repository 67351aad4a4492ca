// ScaleShift: out = in * scale + shift per column. Plain loops: the compiler vectorizes them, and a batch
// norm that is not folded is one pass over memory anyway.
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class ScaleShiftKernel final : public OpKernel {
 public:
  static Result<ScaleShiftKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 3, 3));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    ScaleShiftKernel kernel;
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckShape("the scale", operands.inputs[1], 1, in.cols));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the shift", operands.inputs[2], 1, in.cols));
    return CheckShape("the output", operands.outputs[0], in.rows, in.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const float* scale = operands.inputs[1].As<const float>().data;
    const float* shift = operands.inputs[2].As<const float>().data;
    const auto out = operands.outputs[0].As<float>();
    ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols), [&](int64_t begin, int64_t count) {
      for (int64_t row = begin; row < begin + count; ++row) {
        const float* from = in.Row(row);
        float* to = out.Row(row);
        for (int64_t col = 0; col < in.cols; ++col) to[col] = from[col] * scale[col] + shift[col];
      }
    });
    return Status::Ok();
  }
};

}  // namespace

const OpDefinition kScaleShiftOp = {fb::OpAttributes::ScaleShift, "ScaleShift",
                                    MeasureKernel<ScaleShiftKernel>, CreateKernel<ScaleShiftKernel>};

}  // namespace earshot
