// Rotary: turns pairs of channels of each head by position (Su et al. 2021, "RoFormer").
#include <algorithm>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class RotaryKernel final : public OpKernel {
 public:
  static Result<RotaryKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 3, 3));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::Rotary& attributes = *setup.op->attributes_as_Rotary();
    RotaryKernel kernel;
    kernel.heads_ = attributes.num_heads();
    kernel.is_interleaved_ = attributes.interleaved();
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    const MatrixView& cosines = operands.inputs[1];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the input", in, heads_));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the cosines", cosines, in.rows, cosines.cols));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the sines", operands.inputs[2], in.rows, cosines.cols));
    if (2 * cosines.cols > in.cols / heads_) {
      return Status::Error(StatusCode::kInvalidModel,
                           "%lld angles are more than a head of %lld channels has pairs",
                           static_cast<long long>(cosines.cols), static_cast<long long>(in.cols / heads_));
    }
    return CheckShape("the output", operands.outputs[0], in.rows, in.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const int64_t width = in.cols / heads_;
    ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols), [&](int64_t begin, int64_t count) {
      for (int64_t row = begin; row < begin + count; ++row) {
        for (int64_t head = 0; head < heads_; ++head)
          TurnHead(operands, row, in.Row(row) + head * width,
                   {out.Row(row) + head * width, static_cast<size_t>(width)});
      }
    });
    return Status::Ok();
  }

 private:
  void TurnHead(const OpOperands& operands, int64_t row, const float* in, std::span<float> out) const {
    const int64_t pairs = operands.inputs[1].cols;
    const float* cosines = operands.inputs[1].As<const float>().Row(row);
    const float* sines = operands.inputs[2].As<const float>().Row(row);
    const int64_t distance = is_interleaved_ ? 1 : pairs;
    for (int64_t pair = 0; pair < pairs; ++pair) {
      const int64_t i = is_interleaved_ ? 2 * pair : pair;
      const float first = in[i], second = in[i + distance];
      out[static_cast<size_t>(i)] = first * cosines[pair] - second * sines[pair];
      out[static_cast<size_t>(i + distance)] = second * cosines[pair] + first * sines[pair];
    }
    for (size_t i = static_cast<size_t>(2 * pairs); i < out.size(); ++i) out[i] = in[i];
  }

  int64_t heads_ = 1;
  bool is_interleaved_ = false;
};

}  // namespace

const OpDefinition kRotaryOp = {fb::OpAttributes::Rotary, "Rotary", MeasureKernel<RotaryKernel>,
                                CreateKernel<RotaryKernel>};

}  // namespace earshot
