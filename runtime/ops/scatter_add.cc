// ScatterAdd: sums of updates at the columns that a list of ids names, on top of the input.
#include <algorithm>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class ScatterAddKernel final : public OpKernel {
 public:
  static Result<ScatterAddKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 3, 3));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the input", setup.operands.inputs[0], DType::kF32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the updates", setup.operands.inputs[1], DType::kF32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the ids", setup.operands.inputs[2], DType::kI32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the output", setup.operands.outputs[0], DType::kF32));
    ScatterAddKernel kernel;
    kernel.cols_ = setup.op->attributes_as_ScatterAdd()->cols();
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    const MatrixView& ids = operands.inputs[2];
    EARSHOT_RETURN_IF_ERROR(CheckShape("the ids", ids, 1, ids.cols));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the updates", operands.inputs[1], in.rows, ids.cols));
    if (in.cols > cols_) {
      return Status::Error(StatusCode::kInvalidModel, "%lld columns do not fit into %lld",
                           static_cast<long long>(in.cols), static_cast<long long>(cols_));
    }
    return CheckShape("the output", operands.outputs[0], in.rows, cols_);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto updates = operands.inputs[1].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const int64_t num_ids = updates.cols;
    const int32_t* ids = operands.inputs[2].As<const int32_t>().data;
    for (int64_t i = 0; i < num_ids; ++i) {
      const int64_t id = ids[i];
      if (id >= 0 && id < cols_) continue;
      return Status::Error(StatusCode::kInvalidArgument,
                           "id %lld is not below %lld, the columns of the output", static_cast<long long>(id),
                           static_cast<long long>(cols_));
    }
    ForRowBlocks(context.pool, in.rows, CacheBlockRows(cols_), [&](int64_t begin, int64_t count) {
      for (int64_t row = begin; row < begin + count; ++row) {
        float* sums = out.Row(row);
        std::copy_n(in.Row(row), in.cols, sums);
        std::fill_n(sums + in.cols, cols_ - in.cols, 0.0f);
        for (int64_t i = 0; i < num_ids; ++i) sums[ids[i]] += updates.Row(row)[i];
      }
    });
    return Status::Ok();
  }

 private:
  int64_t cols_ = 0;
};

}  // namespace

const OpDefinition kScatterAddOp = {fb::OpAttributes::ScatterAdd, "ScatterAdd",
                                    MeasureKernel<ScatterAddKernel>, CreateKernel<ScatterAddKernel>};

}  // namespace earshot
