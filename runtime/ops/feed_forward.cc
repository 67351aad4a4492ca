// FeedForward: out = activation(in W1^T + b1) W2^T + b2, a tile of rows at a time, so that the wide rows
// between the two layers stay in the cache and need no place among the activations.
#include <algorithm>

#include "runtime/core/typed_bytes.h"
#include "runtime/ops/activation.h"
#include "runtime/ops/op_registry.h"
#include "runtime/xnnpack/fully_connected.h"

namespace earshot {
namespace {

// Enough rows to keep four threads busy; with 1,536 channels, 0.8 MB of hidden rows.
constexpr int64_t kTileRows = 128;

struct FeedForwardPlan {
  FullyConnectedParams widen;
  FullyConnectedParams narrow;
  kernels::Activation activation = kernels::Activation::kNone;
  size_t tile_bytes = 0;
  size_t dense_workspace_bytes = 0;

  size_t workspace_bytes() const { return tile_bytes + dense_workspace_bytes; }
};

class FeedForwardKernel final : public OpKernel {
 public:
  explicit FeedForwardKernel(const FeedForwardPlan& plan) : plan_(plan) {}

  Status Create(Arena& persistent, std::span<std::byte> workspace, PackedWeights* packed) {
    EARSHOT_RETURN_IF_ERROR(widen_.Create(plan_.widen, persistent, workspace, packed));
    return narrow_.Create(plan_.narrow, persistent, workspace, packed);
  }

  Status Check(const OpOperands& operands) const override { return CheckOperands(plan_, operands); }

  static Status CheckOperands(const FeedForwardPlan& plan, const OpOperands& operands) {
    const MatrixView& in = operands.inputs[0];
    const MatrixView& out = operands.outputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckShape("the input", in, in.rows, plan.widen.in_channels));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the output", out, in.rows, plan.narrow.out_channels));
    if (in.stride == plan.widen.in_stride && out.stride == plan.narrow.out_stride) return Status::Ok();
    return Status::Error(StatusCode::kInvalidModel, "the row strides of its operands change between runs");
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const int64_t hidden_cols = plan_.widen.out_channels;
    const std::span<std::byte> dense_workspace = context.workspace.subspan(plan_.tile_bytes);
    for (int64_t begin = 0; begin < in.rows; begin += kTileRows) {
      const int64_t rows = std::min(kTileRows, in.rows - begin);
      const Matrix<float> hidden = {ElementsAt<float>(context.workspace.data()), rows, hidden_cols,
                                    hidden_cols};
      EARSHOT_RETURN_IF_ERROR(widen_.Run(in.Rows(begin, rows), hidden, dense_workspace, context.pool));
      ActivateInPlace(plan_.activation, hidden, context.pool);
      EARSHOT_RETURN_IF_ERROR(narrow_.Run(hidden, out.Rows(begin, rows), dense_workspace, context.pool));
    }
    return Status::Ok();
  }

 private:
  FeedForwardPlan plan_;
  FullyConnected widen_;
  FullyConnected narrow_;
};

// The layer whose weight is input `index` and whose bias follows; strides are set by the caller.
Result<FullyConnectedParams> PlanLayer(const OpSetup& setup, size_t index, int64_t in_channels) {
  const MatrixView& weight = setup.operands.inputs[index];
  const MatrixView& bias = setup.operands.inputs[index + 1];
  EARSHOT_RETURN_IF_ERROR(CheckShape("a weight", weight, weight.rows, in_channels));
  EARSHOT_RETURN_IF_ERROR(CheckShape("a bias", bias, 1, weight.rows));
  EARSHOT_RETURN_IF_ERROR(CheckDType("a bias", bias, DType::kF32));
  const ConstantOperand& data = setup.constants[index];
  if (data.data.empty() || setup.constants[index + 1].data.empty())
    return Status::Error(StatusCode::kInvalidModel, "a weight or bias is no whole weight of the file");
  return FullyConnectedParams{.weight_dtype = weight.dtype,
                              .in_channels = in_channels,
                              .out_channels = weight.rows,
                              .max_rows = std::min(kTileRows, setup.operands.inputs[0].rows),
                              .weights = data.data.data(),
                              .scales = data.scales.data(),
                              .bias = ElementsAt<float>(setup.constants[index + 1].data.data()),
                              .weights_file = setup.weights_file};
}

Result<FeedForwardPlan> Plan(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 5, 5));
  const MatrixView& in = setup.operands.inputs[0];
  const MatrixView& out = setup.operands.outputs[0];
  EARSHOT_RETURN_IF_ERROR(CheckDType("the input", in, DType::kF32));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the output", out, DType::kF32));
  FeedForwardPlan plan;
  EARSHOT_ASSIGN_OR_RETURN(plan.activation,
                           ActivationFrom(setup.op->attributes_as_FeedForward()->activation()));
  EARSHOT_ASSIGN_OR_RETURN(plan.widen, PlanLayer(setup, 1, in.cols));
  EARSHOT_ASSIGN_OR_RETURN(plan.narrow, PlanLayer(setup, 3, plan.widen.out_channels));
  plan.widen.in_stride = in.stride;
  plan.widen.out_stride = plan.widen.out_channels;
  plan.narrow.in_stride = plan.widen.out_channels;
  plan.narrow.out_stride = out.stride;
  // One more cache line, since XNNPACK may read a little past the last row.
  plan.tile_bytes =
      AlignUp(static_cast<size_t>(plan.widen.max_rows * plan.widen.out_channels) * sizeof(float)) +
      kArenaAlignment;
  plan.dense_workspace_bytes =
      std::max(FullyConnected::WorkspaceBytes(plan.widen), FullyConnected::WorkspaceBytes(plan.narrow));
  EARSHOT_RETURN_IF_ERROR(FeedForwardKernel::CheckOperands(plan, setup.operands));
  return plan;
}

Result<OpMemory> Measure(const OpSetup& setup) {
  EARSHOT_ASSIGN_OR_RETURN(const FeedForwardPlan plan, Plan(setup));
  return MemoryWithDense(sizeof(FeedForwardKernel), plan.workspace_bytes(),
                         FullyConnected::Measure(plan.widen, *setup.packed_weights),
                         FullyConnected::Measure(plan.narrow, *setup.packed_weights));
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte> workspace) {
  EARSHOT_ASSIGN_OR_RETURN(const FeedForwardPlan plan, Plan(setup));
  EARSHOT_ASSIGN_OR_RETURN(OpKernel * kernel, PlaceKernel<FeedForwardKernel>(persistent, plan));
  if (const Status status =
          static_cast<FeedForwardKernel*>(kernel)->Create(persistent, workspace, setup.packed_weights);
      !status.ok()) {
    kernel->~OpKernel();
    return status;
  }
  return kernel;
}

}  // namespace

const OpDefinition kFeedForwardOp = {fb::OpAttributes::FeedForward, "FeedForward", Measure, Create};

}  // namespace earshot
