// RelativeShift: from scores by distance to scores by key (Dai et al. 2019, "Transformer-XL", appendix B).
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class RelativeShiftKernel final : public OpKernel {
 public:
  static Result<RelativeShiftKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 1));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    RelativeShiftKernel kernel;
    kernel.groups_ = setup.op->attributes_as_RelativeShift()->groups();
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    if (groups_ < 1 || in.rows % groups_ != 0 || in.cols != 2 * (in.rows / groups_) - 1) {
      return Status::Error(
          StatusCode::kInvalidModel, "[%lld, %lld] are no scores of distances for %lld groups",
          static_cast<long long>(in.rows), static_cast<long long>(in.cols), static_cast<long long>(groups_));
    }
    return CheckShape("the output", operands.outputs[0], in.rows, in.rows / groups_);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols), [&](int64_t begin, int64_t count) {
      for (int64_t row = begin; row < begin + count; ++row) {
        const int64_t query = row % out.cols;
        for (int64_t key = 0; key < out.cols; ++key) {
          const int64_t distance = query - key;
          out.Row(row)[key] = in.Row(row)[distance > 0 ? 2 * distance - 1 : -2 * distance];
        }
      }
    });
    return Status::Ok();
  }

 private:
  int64_t groups_ = 1;
};

}  // namespace

const OpDefinition kRelativeShiftOp = {fb::OpAttributes::RelativeShift, "RelativeShift",
                                       MeasureKernel<RelativeShiftKernel>, CreateKernel<RelativeShiftKernel>};

}  // namespace earshot
