// LinearAttention: attention whose product is reordered; runtime/attention/linear_attention.h computes it.
#include "runtime/attention/linear_attention.h"

#include "runtime/core/typed_bytes.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class LinearAttentionKernel final : public OpKernel {
 public:
  static Result<LinearAttentionKernel> Make(const OpSetup& setup) {
    const OpOperands& operands = setup.operands;
    const bool has_state = operands.num_inputs == 4 && operands.num_outputs == 2;
    if (!has_state && (operands.num_inputs != 3 || operands.num_outputs != 1))
      return Status::Error(StatusCode::kInvalidModel, "it needs q, k, v and, in and out, a state or none");
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::LinearAttention& attributes = *setup.op->attributes_as_LinearAttention();
    LinearAttentionKernel kernel;
    kernel.params_ = {.num_heads = attributes.num_heads(),
                      .is_causal = attributes.causal(),
                      .normalizer = static_cast<LinearNormalizer>(attributes.normalizer()),
                      .epsilon = attributes.epsilon(),
                      .blindspot = attributes.blindspot()};
    const bool has_blindspot = attributes.blindspot() != 1;
    if (attributes.blindspot() < 1 || (has_blindspot && (has_state || !attributes.causal())))
      return Status::Error(StatusCode::kInvalidModel,
                           "a blindspot goes with no state, and only with a direction");
    if (attributes.normalizer() > fb::LinearNormalizer::MAX || (has_state && !attributes.causal()))
      return Status::Error(StatusCode::kInvalidModel,
                           "its normalizer is unknown, or it has a state but no direction");
    EARSHOT_RETURN_IF_ERROR(kernel.Check(operands));
    if (!has_state) {
      const int64_t elems =
          operands.inputs[1].cols * (operands.inputs[2].cols / kernel.params_.num_heads + 1);
      kernel.workspace_bytes_ = AlignUp(static_cast<size_t>(elems) * sizeof(float));
    }
    return kernel;
  }

  size_t workspace_bytes() const { return workspace_bytes_; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& q = operands.inputs[0];
    const MatrixView& k = operands.inputs[1];
    const MatrixView& v = operands.inputs[2];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("q", q, params_.num_heads));
    EARSHOT_RETURN_IF_ERROR(CheckGroups("v", v, params_.num_heads));
    EARSHOT_RETURN_IF_ERROR(CheckShape("k", k, params_.is_causal ? q.rows : k.rows, q.cols));
    EARSHOT_RETURN_IF_ERROR(CheckShape("v", v, k.rows, v.cols));
    if (operands.num_inputs == 4) {
      const MatrixView& state = operands.inputs[3];
      EARSHOT_RETURN_IF_ERROR(CheckShape("the state", state, q.cols, v.cols / params_.num_heads + 1));
      EARSHOT_RETURN_IF_ERROR(CheckShape("the updated state", operands.outputs[1], state.rows, state.cols));
      if (operands.outputs[1].data != state.data || state.stride != state.cols)
        return Status::Error(StatusCode::kInvalidModel,
                             "it must update the very state that it reads, as a whole");
    }
    return CheckShape("the output", operands.outputs[0], q.rows, v.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const bool has_state = operands.num_inputs == 4;
    float* sums =
        has_state ? operands.outputs[1].As<float>().data : ElementsAt<float>(context.workspace.data());
    const LinearAttentionOperands views = {.q = operands.inputs[0].As<const float>(),
                                           .k = operands.inputs[1].As<const float>(),
                                           .v = operands.inputs[2].As<const float>(),
                                           .out = operands.outputs[0].As<float>(),
                                           .sums = sums};
    if (!has_state) ClearSums(params_, views);
    const int64_t head_dim = views.v.cols / params_.num_heads;
    AttendLinear(params_, views, context.pool.For((views.q.rows + views.k.rows) * views.q.cols * head_dim));
    return Status::Ok();
  }

 private:
  LinearAttentionParams params_;
  size_t workspace_bytes_ = 0;
};

}  // namespace

const OpDefinition kLinearAttentionOp = {fb::OpAttributes::LinearAttention, "LinearAttention",
                                         MeasureKernel<LinearAttentionKernel>,
                                         CreateKernel<LinearAttentionKernel>};

}  // namespace earshot
