// DropListed: zeros at the places that an assignment lists.
#include <algorithm>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class DropListedKernel final : public OpKernel {
 public:
  static Result<DropListedKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 2));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the input", setup.operands.inputs[0], DType::kF32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the assignment", setup.operands.inputs[1], DType::kI32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the output", setup.operands.outputs[0], DType::kF32));
    DropListedKernel kernel;
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the assignment", operands.inputs[1], 2));
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the input", in, operands.inputs[1].cols / 2));
    return CheckShape("the output", operands.outputs[0], in.rows, in.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext&) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto lists = operands.inputs[1].As<const int32_t>();
    const auto out = operands.outputs[0].As<float>();
    for (int64_t row = 0; row < in.rows; ++row) std::copy_n(in.Row(row), in.cols, out.Row(row));
    const int64_t heads = lists.cols / 2, num_clusters = in.cols / heads;
    for (int64_t place = 0; place < lists.rows; ++place) {
      for (int64_t head = 0; head < heads; ++head) {
        const int64_t row = lists.Row(place)[head], cluster = lists.Row(place)[heads + head] >> 1;
        if (row < 0 || row >= in.rows || cluster < 0 || cluster >= num_clusters) {
          return Status::Error(StatusCode::kInvalidArgument,
                               "row %lld of cluster %lld is not one of %lld of %lld",
                               static_cast<long long>(row), static_cast<long long>(cluster),
                               static_cast<long long>(in.rows), static_cast<long long>(num_clusters));
        }
        out.Row(row)[head * num_clusters + cluster] = 0.0f;
      }
    }
    return Status::Ok();
  }
};

}  // namespace

const OpDefinition kDropListedOp = {fb::OpAttributes::DropListed, "DropListed",
                                    MeasureKernel<DropListedKernel>, CreateKernel<DropListedKernel>};

}  // namespace earshot
