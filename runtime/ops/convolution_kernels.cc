// Gathering windows for XNNPACK, and the loops of channelwise convolutions.
#include "runtime/ops/convolution_kernels.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "runtime/core/typed_bytes.h"
#include "runtime/ops/activation.h"

namespace earshot {
namespace {

// Windows computed at a time: enough for XNNPACK to use both caches and threads well, small beside the
// activations.
constexpr int64_t kTileWindows = 256;

// The result as one row for each position, which it is in memory.
Matrix<float> PositionRows(Matrix<float> out, int64_t channels) {
  const int64_t positions = out.cols / channels;
  return {out.data, out.rows * positions, channels, positions > 1 ? channels : out.stride};
}

}  // namespace

Result<WindowedConvolution::Plan> WindowedConvolution::MakePlan(const OpSetup& setup,
                                                                const ConvolutionGeometry& geometry) {
  const MatrixView& weight = setup.operands.inputs[1];
  const MatrixView& out = setup.operands.outputs[0];
  const int64_t group_channels = geometry.out_channels / geometry.groups;
  const int64_t positions = out.cols / geometry.out_channels;
  const bool has_bias = setup.operands.num_inputs == 3;
  Plan plan;
  plan.geometry = geometry;
  plan.dense = {.weight_dtype = weight.dtype,
                .in_channels = weight.cols,
                .out_channels = group_channels,
                .in_stride = weight.cols,
                .out_stride = positions > 1 ? geometry.out_channels : out.stride,
                .max_rows = std::clamp<int64_t>(out.rows * positions, 1, kTileWindows),
                .weights = setup.constants[1].data.data(),
                .scales = setup.constants[1].scales.data(),
                .bias = has_bias ? ElementsAt<float>(setup.constants[2].data.data()) : nullptr,
                .weights_file = setup.weights_file};
  plan.group_weight_bytes = setup.constants[1].data.size() / static_cast<size_t>(geometry.groups);
  plan.group_scale_bytes = setup.constants[1].scales.size() / static_cast<size_t>(geometry.groups);
  // One more cache line, since XNNPACK may read a little past the last row.
  plan.tile_bytes =
      AlignUp(static_cast<size_t>(plan.dense.max_rows * weight.cols) * sizeof(float)) + kArenaAlignment;
  return plan;
}

OpMemory WindowedConvolution::Memory(const Plan& plan, const PackedWeights& packed) {
  const size_t groups = static_cast<size_t>(plan.geometry.groups);
  const size_t own_bytes = AlignUp(sizeof(WindowedConvolution)) + AlignUp(groups * sizeof(FullyConnected));
  const size_t workspace_bytes = plan.tile_bytes + FullyConnected::WorkspaceBytes(plan.dense);
  if (groups == 1)
    return MemoryWithDense(own_bytes, workspace_bytes, FullyConnected::Measure(plan.dense, packed));
  return {.persistent_bytes = own_bytes + groups * FullyConnected::PersistentBytesBound(plan.dense),
          .workspace_bytes = workspace_bytes,
          .setup_bytes = FullyConnected::SetupBytes(plan.dense)};
}

WindowedConvolution::~WindowedConvolution() {
  for (FullyConnected& dense : dense_) dense.~FullyConnected();
}

Status WindowedConvolution::Create(Arena& persistent, std::span<std::byte> workspace, PackedWeights* packed) {
  const size_t groups = static_cast<size_t>(plan_.geometry.groups);
  FullyConnected* dense = persistent.AllocateArray<FullyConnected>(groups);
  if (dense == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  for (size_t group = 0; group < groups; ++group) new (dense + group) FullyConnected();
  dense_ = {dense, groups};
  FullyConnectedParams params = plan_.dense;
  for (FullyConnected& layer : dense_) {
    // Only whole matrices are shared with other methods, or stored packed.
    EARSHOT_RETURN_IF_ERROR(layer.Create(params, persistent, workspace, groups == 1 ? packed : nullptr));
    params.weights += plan_.group_weight_bytes;
    if (params.scales != nullptr) params.scales += plan_.group_scale_bytes;
    if (params.bias != nullptr) params.bias += params.out_channels;
  }
  return Status::Ok();
}

Status WindowedConvolution::Check(const OpOperands& operands) const {
  EARSHOT_RETURN_IF_ERROR(CheckConvolutionOperands(plan_.geometry, operands));
  const MatrixView& out = operands.outputs[0];
  const bool is_image = out.cols > plan_.geometry.out_channels;
  if ((is_image ? plan_.geometry.out_channels : out.stride) == plan_.dense.out_stride) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "the row stride of its output changes between runs");
}

Status WindowedConvolution::Eval(const OpOperands& operands, const EvalContext& context) {
  const auto in = operands.inputs[0].As<const float>();
  const auto all_out = operands.outputs[0].As<float>();
  const int64_t out_cols = all_out.cols / plan_.geometry.out_channels;
  const Matrix<float> out = PositionRows(all_out, plan_.geometry.out_channels);
  const int64_t window_elems = plan_.dense.in_channels, group_channels = plan_.dense.out_channels;
  float* tile_data = ElementsAt<float>(context.workspace.data());
  for (int64_t first = 0; first < out.rows; first += kTileWindows) {
    const int64_t count = std::min(kTileWindows, out.rows - first);
    const Matrix<float> windows = {tile_data, count, window_elems, window_elems};
    for (int64_t group = 0; group < plan_.geometry.groups; ++group) {
      Gather(in, {group, first, count}, out_cols, windows, context.pool);
      EARSHOT_RETURN_IF_ERROR(dense_[static_cast<size_t>(group)].Run(
          windows, out.Rows(first, count).Columns(group * group_channels, group_channels),
          context.workspace.subspan(plan_.tile_bytes), context.pool));
    }
  }
  ActivateInPlace(plan_.geometry.activation, all_out, context.pool);
  return Status::Ok();
}

void WindowedConvolution::Gather(Matrix<const float> in, const Tile& tile, int64_t out_cols,
                                 Matrix<float> windows, const ThreadPool& pool) const {
  const ConvolutionGeometry& geometry = plan_.geometry;
  const int64_t channels = geometry.in_channels / geometry.groups;
  const size_t bytes = static_cast<size_t>(channels) * sizeof(float);
  const int64_t in_cols = in.cols / geometry.in_channels;
  const float* group_begin = in.data + tile.group * channels;
  ForRowBlocks(pool, tile.count, CacheBlockRows(windows.cols), [&](int64_t begin, int64_t count) {
    for (int64_t i = begin; i < begin + count; ++i) {
      const int64_t row = (tile.first + i) / out_cols, col = (tile.first + i) % out_cols;
      float* window = windows.Row(i);
      for (int64_t row_tap = 0; row_tap < geometry.rows.kernel; ++row_tap) {
        const int64_t in_row = geometry.rows.Source(row, row_tap, in.rows);
        for (int64_t col_tap = 0; col_tap < geometry.cols.kernel; ++col_tap, window += channels) {
          const int64_t in_col = geometry.cols.Source(col, col_tap, in_cols);
          if (in_row < 0 || in_col < 0) {
            std::memset(window, 0, bytes);
          } else {
            std::memcpy(window, group_begin + in_row * in.stride + in_col * geometry.in_channels, bytes);
          }
        }
      }
    }
  });
}

Status ChannelwiseConvolution::CheckSetup(const OpSetup& setup, const ConvolutionGeometry&) {
  return CheckDType("the weight of a convolution by channels", setup.operands.inputs[1], DType::kF32);
}

OpMemory ChannelwiseConvolution::Memory(const ConvolutionGeometry& geometry) {
  const size_t elems = static_cast<size_t>(geometry.taps() * geometry.out_channels);
  return {AlignUp(sizeof(ChannelwiseConvolution)) + AlignUp(elems * sizeof(float)), 0};
}

Status ChannelwiseConvolution::Create(const OpSetup& setup, Arena& persistent) {
  const auto weight = setup.operands.inputs[1].As<const float>();
  float* turned = persistent.AllocateArray<float>(static_cast<size_t>(weight.rows * weight.cols));
  if (turned == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  for (int64_t row = 0; row < weight.rows; ++row) {
    for (int64_t tap = 0; tap < weight.cols; ++tap) turned[tap * weight.rows + row] = weight.Row(row)[tap];
  }
  weight_ = turned;
  setup.weights_file.Release(setup.constants[1].data);
  if (setup.operands.num_inputs == 3) bias_ = setup.operands.inputs[2].As<const float>().data;
  return Status::Ok();
}

Status ChannelwiseConvolution::Check(const OpOperands& operands) const {
  return CheckConvolutionOperands(geometry_, operands);
}

Status ChannelwiseConvolution::Eval(const OpOperands& operands, const EvalContext& context) {
  const auto in = operands.inputs[0].As<const float>();
  const auto out = operands.outputs[0].As<float>();
  const int64_t channels = geometry_.out_channels;
  ForRowBlocks(context.pool, out.rows, CacheBlockRows(out.cols), [&](int64_t begin, int64_t count) {
    for (int64_t row = begin; row < begin + count; ++row) {
      for (int64_t col = 0; col < out.cols / channels; ++col)
        ComputePosition(in, row, col, out.Row(row) + col * channels);
    }
  });
  ActivateInPlace(geometry_.activation, out, context.pool);
  return Status::Ok();
}

void ChannelwiseConvolution::ComputePosition(Matrix<const float> in, int64_t row, int64_t col,
                                             float* out) const {
  const int64_t channels = geometry_.out_channels;
  const int64_t repeat = channels / geometry_.in_channels;
  for (int64_t n = 0; n < channels; ++n) out[n] = bias_ == nullptr ? 0.0f : bias_[n];
  for (int64_t row_tap = 0; row_tap < geometry_.rows.kernel; ++row_tap) {
    const int64_t in_row = geometry_.rows.Source(row, row_tap, in.rows);
    if (in_row < 0) continue;
    for (int64_t col_tap = 0; col_tap < geometry_.cols.kernel; ++col_tap) {
      const int64_t in_col = geometry_.cols.Source(col, col_tap, in.cols / geometry_.in_channels);
      if (in_col < 0) continue;
      const float* from = in.Row(in_row) + in_col * geometry_.in_channels;
      const float* weights = weight_ + (row_tap * geometry_.cols.kernel + col_tap) * channels;
      if (repeat == 1) {
        for (int64_t n = 0; n < channels; ++n) out[n] += weights[n] * from[n];
      } else {
        for (int64_t n = 0; n < channels; ++n) out[n] += weights[n] * from[n / repeat];
      }
    }
  }
}

}  // namespace earshot
