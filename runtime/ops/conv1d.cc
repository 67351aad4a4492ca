// Conv1d along time over channels-last rows: a dense layer over windows of rows. A tile of windows is
// gathered into the workspace at a time, zeros where a window leaves the input.
#include <algorithm>
#include <cstring>

#include "runtime/core/typed_bytes.h"
#include "runtime/ops/activation.h"
#include "runtime/ops/op_registry.h"
#include "runtime/xnnpack/fully_connected.h"

namespace earshot {
namespace {

// Output rows computed at a time: enough for XNNPACK to use both caches and threads well, small beside the
// activations.
constexpr int64_t kTileRows = 256;

struct ConvPlan {
  FullyConnectedParams dense;  // over windows: in_channels = kernel * channels
  kernels::Activation activation = kernels::Activation::kNone;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t channels = 0;
  size_t tile_bytes = 0;

  int64_t OutputRows(int64_t input_rows) const {
    const int64_t padded = input_rows + 2 * padding;
    return padded < kernel ? 0 : (padded - kernel) / stride + 1;
  }
};

class Conv1dKernel final : public OpKernel {
 public:
  explicit Conv1dKernel(const ConvPlan& plan) : plan_(plan) {}

  Status Create(Arena& persistent, std::span<std::byte> workspace, PackedWeights* packed) {
    return dense_.Create(plan_.dense, persistent, workspace, packed);
  }

  Status Check(const OpOperands& operands) const override { return CheckOperands(plan_, operands); }

  static Status CheckOperands(const ConvPlan& plan, const OpOperands& operands) {
    const MatrixView& in = operands.inputs[0];
    const MatrixView& out = operands.outputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckShape("the input", in, in.rows, plan.channels));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the output", out, plan.OutputRows(in.rows), plan.dense.out_channels));
    if (out.stride != plan.dense.out_stride) {
      return Status::Error(StatusCode::kInvalidModel, "the row stride of its output changes between runs");
    }
    return Status::Ok();
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    float* tile_data = ElementsAt<float>(context.workspace.data());
    const int64_t window_elems = plan_.dense.in_channels;
    for (int64_t begin = 0; begin < out.rows; begin += kTileRows) {
      const int64_t rows = std::min(kTileRows, out.rows - begin);
      const Matrix<float> tile = {tile_data, rows, window_elems, window_elems};
      ForRowBlocks(context.pool, rows, CacheBlockRows(window_elems), [&](int64_t first, int64_t count) {
        for (int64_t row = first; row < first + count; ++row) GatherWindow(in, begin + row, tile.Row(row));
      });
      EARSHOT_RETURN_IF_ERROR(
          dense_.Run(tile, out.Rows(begin, rows), context.workspace.subspan(plan_.tile_bytes), context.pool));
    }
    ActivateInPlace(plan_.activation, out, context.pool);
    return Status::Ok();
  }

 private:
  void GatherWindow(Matrix<const float> in, int64_t out_row, float* window) const {
    const int64_t first = out_row * plan_.stride - plan_.padding;
    for (int64_t tap = 0; tap < plan_.kernel; ++tap, window += plan_.channels) {
      const int64_t row = first + tap;
      const size_t bytes = static_cast<size_t>(plan_.channels) * sizeof(float);
      if (row < 0 || row >= in.rows) {
        std::memset(window, 0, bytes);
      } else {
        std::memcpy(window, in.Row(row), bytes);
      }
    }
  }

  ConvPlan plan_;
  FullyConnected dense_;
};

Status CheckAttributes(const fb::Conv1d& conv) {
  constexpr uint32_t kMax = 1u << 20;
  if (conv.kernel() >= 1 && conv.kernel() <= kMax && conv.stride() >= 1 && conv.stride() <= kMax &&
      conv.padding() < conv.kernel()) {
    return Status::Ok();
  }
  return Status::Error(StatusCode::kInvalidModel, "kernel %u, stride %u, padding %u are out of range",
                       conv.kernel(), conv.stride(), conv.padding());
}

Result<ConvPlan> Plan(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 3));
  const fb::Conv1d& conv = *setup.op->attributes_as_Conv1d();
  EARSHOT_RETURN_IF_ERROR(CheckAttributes(conv));
  const MatrixView& in = setup.operands.inputs[0];
  const MatrixView& weight = setup.operands.inputs[1];
  const MatrixView& out = setup.operands.outputs[0];
  const bool has_bias = setup.operands.num_inputs == 3;
  EARSHOT_RETURN_IF_ERROR(CheckDType("the input", in, DType::kF32));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the output", out, DType::kF32));
  EARSHOT_RETURN_IF_ERROR(CheckShape("the weight", weight, out.cols, int64_t{conv.kernel()} * in.cols));
  if (has_bias) {
    EARSHOT_RETURN_IF_ERROR(CheckShape("the bias", setup.operands.inputs[2], 1, out.cols));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the bias", setup.operands.inputs[2], DType::kF32));
  }
  if (setup.constants[1].data.empty() || (has_bias && setup.constants[2].data.empty())) {
    return Status::Error(StatusCode::kInvalidModel, "its weight or bias is no whole weight of the file");
  }
  EARSHOT_ASSIGN_OR_RETURN(const kernels::Activation activation, ActivationFrom(conv.activation()));
  ConvPlan plan;
  plan.activation = activation;
  plan.kernel = conv.kernel();
  plan.stride = conv.stride();
  plan.padding = conv.padding();
  plan.channels = in.cols;
  plan.dense = {.weight_dtype = weight.dtype,
                .in_channels = weight.cols,
                .out_channels = out.cols,
                .in_stride = weight.cols,
                .out_stride = out.stride,
                .max_rows = std::min(kTileRows, std::max<int64_t>(out.rows, 1)),
                .weights = setup.constants[1].data.data(),
                .scales = setup.constants[1].scales.data(),
                .bias = has_bias ? ElementsAt<float>(setup.constants[2].data.data()) : nullptr,
                .release = setup.release_weights,
                .release_context = setup.release_context};
  // One more cache line, since XNNPACK may read a little past the last row.
  plan.tile_bytes =
      AlignUp(static_cast<size_t>(plan.dense.max_rows * weight.cols) * sizeof(float)) + kArenaAlignment;
  EARSHOT_RETURN_IF_ERROR(Conv1dKernel::CheckOperands(plan, setup.operands));
  return plan;
}

Result<OpMemory> Measure(const OpSetup& setup) {
  EARSHOT_ASSIGN_OR_RETURN(const ConvPlan plan, Plan(setup));
  return MemoryWithDense(sizeof(Conv1dKernel), plan.tile_bytes + FullyConnected::WorkspaceBytes(plan.dense),
                         FullyConnected::Measure(plan.dense, *setup.packed_weights));
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte> workspace) {
  EARSHOT_ASSIGN_OR_RETURN(const ConvPlan plan, Plan(setup));
  EARSHOT_ASSIGN_OR_RETURN(OpKernel * kernel, PlaceKernel<Conv1dKernel>(persistent, plan));
  if (const Status status =
          static_cast<Conv1dKernel*>(kernel)->Create(persistent, workspace, setup.packed_weights);
      !status.ok()) {
    kernel->~OpKernel();
    return status;
  }
  return kernel;
}

}  // namespace

const OpDefinition kConv1dOp = {fb::OpAttributes::Conv1d, "Conv1d", Measure, Create};

}  // namespace earshot
