// ArgMax: the column of the largest element of each row, or of each of its parts, perhaps with their
// negatives.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

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
    kernel.groups_ = setup.op->attributes_as_ArgMax()->groups();
    kernel.both_signs_ = setup.op->attributes_as_ArgMax()->both_signs();
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the input", operands.inputs[0], groups_));
    if (operands.inputs[0].cols < 1) return Status::Error(StatusCode::kInvalidModel, "its rows are empty");
    return CheckShape("the output", operands.outputs[0], operands.inputs[0].rows, groups_);
  }

  Status Eval(const OpOperands& operands, const EvalContext&) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<int32_t>();
    const int64_t width = in.cols / groups_;
    for (int64_t row = 0; row < in.rows; ++row) {
      for (int64_t group = 0; group < groups_; ++group) {
        const std::span<const float> elements(in.Row(row) + group * width, static_cast<size_t>(width));
        out.Row(row)[group] =
            static_cast<int32_t>(both_signs_ ? LargestOfBothSigns(elements) : kernels::Max(elements).index);
      }
    }
    return Status::Ok();
  }

 private:
  // Of the elements and, behind them, their negatives.
  static int64_t LargestOfBothSigns(std::span<const float> elements) {
    const int64_t count = std::ssize(elements);
    int64_t best = 0;
    float largest = elements[0];
    for (int64_t i = 1; i < 2 * count; ++i) {
      const float x =
          i < count ? elements[static_cast<size_t>(i)] : -elements[static_cast<size_t>(i - count)];
      if (x <= largest) continue;
      best = i;
      largest = x;
    }
    return best;
  }

  int64_t groups_ = 1;
  bool both_signs_ = false;
};

}  // namespace

const OpDefinition kArgMaxOp = {fb::OpAttributes::ArgMax, "ArgMax", MeasureKernel<ArgMaxKernel>,
                                CreateKernel<ArgMaxKernel>};

}  // namespace earshot
