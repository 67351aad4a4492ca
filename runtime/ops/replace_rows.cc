// ReplaceRows: some rows of a matrix come from another one, such as those of tokens that attend in their own
// way.
#include <cstring>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class ReplaceRowsKernel final : public OpKernel {
 public:
  static Result<ReplaceRowsKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 3, 3));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the input", setup.operands.inputs[0], DType::kF32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the list of rows", setup.operands.inputs[1], DType::kI32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the new rows", setup.operands.inputs[2], DType::kF32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the output", setup.operands.outputs[0], DType::kF32));
    ReplaceRowsKernel kernel;
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    const MatrixView& ids = operands.inputs[1];
    EARSHOT_RETURN_IF_ERROR(CheckShape("the list of rows", ids, ids.rows, 1));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the new rows", operands.inputs[2], ids.rows, in.cols));
    return CheckShape("the output", operands.outputs[0], in.rows, in.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext&) override {
    const auto in = operands.inputs[0].As<const float>(), rows = operands.inputs[2].As<const float>();
    const auto ids = operands.inputs[1].As<const int32_t>();
    const auto out = operands.outputs[0].As<float>();
    const size_t row_bytes = static_cast<size_t>(in.cols) * sizeof(float);
    if (out.data != in.data) {
      for (int64_t row = 0; row < in.rows; ++row) std::memcpy(out.Row(row), in.Row(row), row_bytes);
    }
    for (int64_t i = 0; i < ids.rows; ++i) {
      const int64_t id = *ids.Row(i);
      if (id < 0 || id >= out.rows) {
        return Status::Error(StatusCode::kInvalidArgument, "row %lld is not below %lld, the number of rows",
                             static_cast<long long>(id), static_cast<long long>(out.rows));
      }
      std::memcpy(out.Row(id), rows.Row(i), row_bytes);
    }
    return Status::Ok();
  }
};

}  // namespace

const OpDefinition kReplaceRowsOp = {fb::OpAttributes::ReplaceRows, "ReplaceRows",
                                     MeasureKernel<ReplaceRowsKernel>, CreateKernel<ReplaceRowsKernel>};

}  // namespace earshot
