// Softmax over rows, parts of rows, or columns, or its logarithm. Plain loops: attention has its own, fused
// one; this is for weights that a model needs in full, and for probabilities.
#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

// `count` elements `step` apart, in place. Elements of -inf get weight 0; if all are, the result is not a
// number, as there is no distribution over nothing.
void SoftmaxInPlace(float* data, int64_t count, int64_t step, bool log) {
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; ++i) largest = std::max(largest, data[i * step]);
  double sum = 0.0;
  for (int64_t i = 0; i < count; ++i) {
    float& x = data[i * step];
    x -= largest;
    const float weight = std::exp(x);
    sum += static_cast<double>(weight);
    if (!log) x = weight;
  }
  const float log_sum = static_cast<float>(std::log(sum));
  const float factor = static_cast<float>(1.0 / sum);
  for (int64_t i = 0; i < count; ++i)
    data[i * step] = log ? data[i * step] - log_sum : data[i * step] * factor;
}

class SoftmaxKernel final : public OpKernel {
 public:
  static Result<SoftmaxKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 1));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::Softmax& attributes = *setup.op->attributes_as_Softmax();
    SoftmaxKernel kernel;
    kernel.axis_ = attributes.axis();
    kernel.groups_ = attributes.groups();
    kernel.log_ = attributes.log();
    if (kernel.axis_ > fb::Axis::Column || (kernel.axis_ != fb::Axis::Row && kernel.groups_ != 1))
      return Status::Error(StatusCode::kInvalidModel, "its axis and groups do not go together");
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the input", in, groups_));
    return CheckShape("the output", operands.outputs[0], in.rows, in.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const int64_t width = in.cols / groups_;
    ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols), [&](int64_t begin, int64_t count) {
      for (int64_t row = begin; row < begin + count; ++row) {
        if (in.Row(row) != out.Row(row)) std::copy_n(in.Row(row), in.cols, out.Row(row));
        if (axis_ != fb::Axis::Row) continue;
        for (int64_t group = 0; group < groups_; ++group)
          SoftmaxInPlace(out.Row(row) + group * width, width, 1, log_);
      }
    });
    if (axis_ == fb::Axis::Row) return Status::Ok();
    ForRowBlocks(context.pool, out.cols, 1,
                 [&](int64_t col, int64_t) { SoftmaxInPlace(out.data + col, out.rows, out.stride, log_); });
    return Status::Ok();
  }

 private:
  fb::Axis axis_ = fb::Axis::Row;
  int64_t groups_ = 1;
  bool log_ = false;
};

}  // namespace

const OpDefinition kSoftmaxOp = {fb::OpAttributes::Softmax, "Softmax", MeasureKernel<SoftmaxKernel>,
                                 CreateKernel<SoftmaxKernel>};

}  // namespace earshot
