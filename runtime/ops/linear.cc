// Linear: out = activation(in W^T + bias), dense, on XNNPACK. The output may be a view into a KV cache: rows
// are written where they stay; for a cache in f16 or in 8 bits through a small f32 tile.
#include <algorithm>

#include "runtime/core/typed_bytes.h"
#include "runtime/kernels/kernels.h"
#include "runtime/ops/activation.h"
#include "runtime/ops/op_registry.h"
#include "runtime/ops/ranked_linear.h"
#include "runtime/xnnpack/fully_connected.h"

namespace earshot {
namespace {

// Rows computed at a time where the result is converted to f16 or to 8 bits.
constexpr int64_t kConvertTileRows = 128;

struct LinearPlan {
  FullyConnectedParams dense;
  kernels::Activation activation = kernels::Activation::kNone;
  bool converts = false;  // the output is not f32
  size_t dense_workspace_bytes = 0;
  size_t tile_bytes = 0;

  size_t workspace_bytes() const { return dense_workspace_bytes + tile_bytes; }
};

class LinearKernel final : public OpKernel {
 public:
  explicit LinearKernel(const LinearPlan& plan) : plan_(plan) {}

  Status Create(Arena& persistent, std::span<std::byte> workspace, PackedWeights* packed) {
    return dense_.Create(plan_.dense, persistent, workspace, packed);
  }

  Status Check(const OpOperands& operands) const override { return CheckOperands(plan_, operands); }

  static Status CheckOperands(const LinearPlan& plan, const OpOperands& operands) {
    const MatrixView& in = operands.inputs[0];
    const MatrixView& out = operands.outputs[0];
    const FullyConnectedParams& dense = plan.dense;
    EARSHOT_RETURN_IF_ERROR(CheckShape("the input", in, in.rows, dense.in_channels));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the output", out, in.rows, dense.out_channels));
    if (out.dtype == DType::kI8) {
      EARSHOT_RETURN_IF_ERROR(CheckScales(operands));
    } else if (out.panel_stride != 0) {
      return Status::Error(StatusCode::kInvalidModel, "only 8-bit results are written in panels");
    }
    if (in.stride != dense.in_stride || (!plan.converts && out.stride != dense.out_stride)) {
      return Status::Error(StatusCode::kInvalidModel, "the row strides of its operands change between runs");
    }
    return Status::Ok();
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const std::span<std::byte> dense_workspace = context.workspace.first(plan_.dense_workspace_bytes);
    if (plan_.converts) return EvalAndConvert(in, operands, context);
    const auto out = operands.outputs[0].As<float>();
    EARSHOT_RETURN_IF_ERROR(dense_.Run(in, out, dense_workspace, context.pool));
    ActivateInPlace(plan_.activation, out, context.pool);
    return Status::Ok();
  }

 private:
  static Status CheckScales(const OpOperands& operands) {
    const MatrixView& out = operands.outputs[0];
    const MatrixView& scales = operands.outputs[1];
    if (scales.cols < 1 || out.cols % scales.cols != 0) {
      return Status::Error(StatusCode::kInvalidModel, "%lld columns cannot share %lld scales",
                           static_cast<long long>(out.cols), static_cast<long long>(scales.cols));
    }
    const bool fits = (out.panel_stride == 0 || out.stride == out.cols / scales.cols) &&
                      (scales.panel_stride == 0 || scales.stride == 1);
    if (!fits)
      return Status::Error(StatusCode::kInvalidModel, "a panel is more or less than what shares a scale");
    return CheckShape("the scales", scales, out.rows, scales.cols);
  }

  static kernels::QuantizedGroups GroupsOf(const OpOperands& operands) {
    const MatrixView& out = operands.outputs[0];
    const MatrixView& scales = operands.outputs[1];
    return {.values = out.As<int8_t>(),
            .scales = scales.As<float>(),
            .group_stride = out.panel_stride != 0 ? out.panel_stride : out.cols / scales.cols,
            .scale_stride = scales.panel_stride != 0 ? scales.panel_stride : 1};
  }

  Status EvalAndConvert(Matrix<const float> in, const OpOperands& operands, const EvalContext& context) {
    const int64_t cols = operands.outputs[0].cols;
    float* tile_data = ElementsAt<float>(context.workspace.data() + plan_.dense_workspace_bytes);
    for (int64_t begin = 0; begin < in.rows; begin += kConvertTileRows) {
      const int64_t rows = std::min(kConvertTileRows, in.rows - begin);
      const Matrix<float> tile = {tile_data, rows, cols, cols};
      EARSHOT_RETURN_IF_ERROR(dense_.Run(in.Rows(begin, rows), tile,
                                         context.workspace.first(plan_.dense_workspace_bytes), context.pool));
      ForRowBlocks(context.pool, rows, CacheBlockRows(cols), [&](int64_t first, int64_t count) {
        const Matrix<float> block = tile.Rows(first, count);
        kernels::Activate(plan_.activation, block, block);
        Convert(block, begin + first, operands);
      });
    }
    return Status::Ok();
  }

  // Writes rows of the result from `begin` on.
  static void Convert(Matrix<const float> rows, int64_t begin, const OpOperands& operands) {
    const MatrixView& out = operands.outputs[0];
    if (out.dtype == DType::kF16) {
      kernels::ConvertToF16(rows, out.As<Float16>().Rows(begin, rows.rows));
    } else {
      kernels::QuantizeGroups(rows, GroupsOf(operands).Rows(begin, rows.rows));
    }
  }

  LinearPlan plan_;
  FullyConnected dense_;
};

Result<LinearPlan> Plan(const OpSetup& setup) {
  const bool is_int8 = setup.operands.outputs[0].dtype == DType::kI8;
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 3, is_int8 ? 2 : 1));
  const MatrixView& in = setup.operands.inputs[0];
  const MatrixView& weight = setup.operands.inputs[1];
  const MatrixView& out = setup.operands.outputs[0];
  const bool has_bias = setup.operands.num_inputs == 3;
  EARSHOT_RETURN_IF_ERROR(CheckDType("the input", in, DType::kF32));
  if (is_int8) {
    EARSHOT_RETURN_IF_ERROR(CheckDType("the scales", setup.operands.outputs[1], DType::kF32));
  } else {
    EARSHOT_RETURN_IF_ERROR(CheckDType("the output", out, DType::kF32, DType::kF16));
  }
  EARSHOT_RETURN_IF_ERROR(CheckShape("the weight", weight, out.cols, in.cols));
  if (has_bias) {
    EARSHOT_RETURN_IF_ERROR(CheckShape("the bias", setup.operands.inputs[2], 1, out.cols));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the bias", setup.operands.inputs[2], DType::kF32));
  }
  if (setup.constants[1].data.empty() || (has_bias && setup.constants[2].data.empty())) {
    return Status::Error(StatusCode::kInvalidModel, "its weight or bias is no whole weight of the file");
  }
  EARSHOT_ASSIGN_OR_RETURN(const kernels::Activation activation,
                           ActivationFrom(setup.op->attributes_as_Linear()->activation()));
  LinearPlan plan;
  plan.activation = activation;
  plan.converts = out.dtype != DType::kF32;
  plan.dense = {.weight_dtype = weight.dtype,
                .in_channels = in.cols,
                .out_channels = out.cols,
                .in_stride = in.stride,
                .out_stride = plan.converts ? out.cols : out.stride,
                .max_rows = plan.converts ? std::min(in.rows, kConvertTileRows) : in.rows,
                .weights = setup.constants[1].data.data(),
                .scales = setup.constants[1].scales.data(),
                .bias = has_bias ? ElementsAt<float>(setup.constants[2].data.data()) : nullptr,
                .weights_file = setup.weights_file};
  if (plan.converts)
    plan.tile_bytes = AlignUp(static_cast<size_t>(plan.dense.max_rows * out.cols) * sizeof(float));
  plan.dense_workspace_bytes = FullyConnected::WorkspaceBytes(plan.dense);
  EARSHOT_RETURN_IF_ERROR(LinearKernel::CheckOperands(plan, setup.operands));
  return plan;
}

Result<OpMemory> Measure(const OpSetup& setup) {
  if (IsRankedNearly(setup)) return MeasureRankedLinear(setup);
  EARSHOT_ASSIGN_OR_RETURN(const LinearPlan plan, Plan(setup));
  return MemoryWithDense(sizeof(LinearKernel), plan.workspace_bytes(),
                         FullyConnected::Measure(plan.dense, *setup.packed_weights));
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte> workspace) {
  if (IsRankedNearly(setup)) return CreateRankedLinear(setup, persistent, workspace);
  EARSHOT_ASSIGN_OR_RETURN(const LinearPlan plan, Plan(setup));
  EARSHOT_ASSIGN_OR_RETURN(OpKernel * kernel, PlaceKernel<LinearKernel>(persistent, plan));
  if (const Status status =
          static_cast<LinearKernel*>(kernel)->Create(persistent, workspace, setup.packed_weights);
      !status.ok()) {
    kernel->~OpKernel();
    return status;
  }
  return kernel;
}

}  // namespace

const OpDefinition kLinearOp = {fb::OpAttributes::Linear, "Linear", Measure, Create};

}  // namespace earshot
