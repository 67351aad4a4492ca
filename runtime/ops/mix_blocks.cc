// MixBlocks: weighted sums of blocks of rows (Tay et al. 2020, "Sparse Sinkhorn Attention": buckets in a new
// order, or mixed by a balanced matrix). A task is a block of the result; blocks without weight are not read.
#include <algorithm>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class MixBlocksKernel final : public OpKernel {
 public:
  static Result<MixBlocksKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 2));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::MixBlocks& attributes = *setup.op->attributes_as_MixBlocks();
    MixBlocksKernel kernel;
    kernel.block_ = attributes.block();
    kernel.groups_ = attributes.groups();
    if (kernel.block_ < 1) return Status::Error(StatusCode::kInvalidModel, "its blocks have no rows");
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& weights = operands.inputs[0];
    const MatrixView& in = operands.inputs[1];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the weights", weights, groups_));
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the input", in, groups_));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the input", in, weights.cols / groups_ * block_, in.cols));
    return CheckShape("the output", operands.outputs[0], weights.rows * block_, in.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto weights = operands.inputs[0].As<const float>();
    const auto in = operands.inputs[1].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const int64_t blocks = weights.cols / groups_, width = in.cols / groups_;
    ForRowBlocks(context.pool, weights.rows, 1, [&](int64_t row, int64_t) {
      for (int64_t group = 0; group < groups_; ++group) {
        const std::span<const float> shares(weights.Row(row) + group * blocks, static_cast<size_t>(blocks));
        MixBlock(shares, in.Columns(group * width, width),
                 out.Rows(row * block_, block_).Columns(group * width, width));
      }
    });
    return Status::Ok();
  }

 private:
  void MixBlock(std::span<const float> shares, Matrix<const float> in, Matrix<float> out) const {
    for (int64_t row = 0; row < block_; ++row) std::fill_n(out.Row(row), out.cols, 0.0f);
    for (size_t block = 0; block < shares.size(); ++block) {
      const float share = shares[block];
      if (share == 0.0f) continue;
      const Matrix<const float> from = in.Rows(static_cast<int64_t>(block) * block_, block_);
      for (int64_t row = 0; row < block_; ++row) {
        for (int64_t col = 0; col < out.cols; ++col) out.Row(row)[col] += share * from.Row(row)[col];
      }
    }
  }

  int64_t block_ = 1;
  int64_t groups_ = 1;
};

}  // namespace

const OpDefinition kMixBlocksOp = {fb::OpAttributes::MixBlocks, "MixBlocks", MeasureKernel<MixBlocksKernel>,
                                   CreateKernel<MixBlocksKernel>};

}  // namespace earshot
