// RankedSoftmax: several choices from a row of scores, each with its probability among what is left (Tay et
// al. 2020, "Sparse Sinkhorn Attention": the buckets that a bucket attends to).
#include <algorithm>
#include <cmath>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class RankedSoftmaxKernel final : public OpKernel {
 public:
  static Result<RankedSoftmaxKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 1));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::RankedSoftmax& attributes = *setup.op->attributes_as_RankedSoftmax();
    RankedSoftmaxKernel kernel;
    kernel.count_ = attributes.count();
    kernel.groups_ = attributes.groups();
    if (kernel.count_ < 1) return Status::Error(StatusCode::kInvalidModel, "it chooses nothing");
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the input", in, groups_));
    if (in.cols / groups_ < count_) {
      return Status::Error(StatusCode::kInvalidModel, "%lld choices among %lld elements",
                           static_cast<long long>(count_), static_cast<long long>(in.cols / groups_));
    }
    return CheckShape("the output", operands.outputs[0], in.rows * count_, in.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const int64_t width = in.cols / groups_;
    ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols * count_), [&](int64_t begin, int64_t count) {
      for (int64_t row = begin; row < begin + count; ++row) {
        for (int64_t group = 0; group < groups_; ++group) {
          const std::span<const float> scores(in.Row(row) + group * width, static_cast<size_t>(width));
          Choose(scores, out.Rows(row * count_, count_).Columns(group * width, width));
        }
      }
    });
    return Status::Ok();
  }

 private:
  // Rows of `out` mark what was chosen before: there are few choices, and no memory is needed.
  static void Choose(std::span<const float> scores, Matrix<float> out) {
    const auto is_left = [&out](int64_t rank, int64_t index) {
      for (int64_t before = 0; before < rank; ++before) {
        if (out.Row(before)[index] != 0.0f) return false;
      }
      return true;
    };
    for (int64_t rank = 0; rank < out.rows; ++rank) {
      int64_t best = -1;
      for (int64_t i = 0; i < out.cols; ++i) {
        if (is_left(rank, i) && (best < 0 || At(scores, i) > At(scores, best))) best = i;
      }
      double sum = 0.0;
      for (int64_t i = 0; i < out.cols; ++i) {
        if (is_left(rank, i)) sum += static_cast<double>(std::exp(At(scores, i) - At(scores, best)));
      }
      std::fill_n(out.Row(rank), out.cols, 0.0f);
      out.Row(rank)[best] = static_cast<float>(1.0 / sum);
    }
  }

  static float At(std::span<const float> scores, int64_t index) { return scores[static_cast<size_t>(index)]; }

  int64_t count_ = 1;
  int64_t groups_ = 1;
};

}  // namespace

const OpDefinition kRankedSoftmaxOp = {fb::OpAttributes::RankedSoftmax, "RankedSoftmax",
                                       MeasureKernel<RankedSoftmaxKernel>, CreateKernel<RankedSoftmaxKernel>};

}  // namespace earshot
