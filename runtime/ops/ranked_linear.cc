// A coarse dense layer, then the largest of each row once more.
#include "runtime/ops/ranked_linear.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <limits>

#include "runtime/core/typed_bytes.h"
#include "runtime/kernels/kernels.h"
#include "runtime/ops/weight_row.h"
#include "runtime/xnnpack/coarse_weights.h"
#include "runtime/xnnpack/fully_connected.h"

namespace earshot {
namespace {

constexpr float kMargin = 8.0f;
constexpr size_t kMaxCandidates = 48;  // of a group
// A group whose largest is so much less than that of the other one is not looked at: even all of 1,501
// timestamps together, each off by as much as the worst, come to less than the other group's largest alone.
constexpr float kGroupMargin = 10.0f;
// Columns whose largest is looked at before any of them is.
constexpr int64_t kBlockCols = 256;

struct RankedPlan {
  FullyConnectedParams dense;
  MatrixView table;
  ConstantOperand weight;
  int64_t group_begin = 0;  // first column of the second group; N: there is none
  size_t dense_workspace_bytes = 0;
  size_t scaled_bytes = 0;  // the input times the deviations of its columns
  size_t row_bytes = 0;     // a row of weights and its scale, for each thread
  size_t num_threads = 1;

  size_t workspace_bytes() const { return dense_workspace_bytes + scaled_bytes + num_threads * row_bytes; }
};

struct Candidate {
  float value;
  int64_t column;
};

// The largest so far, of those that came; the least of them in front.
class Candidates {
 public:
  void Offer(float value, int64_t column) {
    if (size_ == largest_.size()) {
      if (value <= largest_.front().value) return;
      std::pop_heap(largest_.begin(), largest_.end(), IsLarger);
      --size_;
    }
    largest_[size_++] = {value, column};
    std::push_heap(largest_.begin(), largest_.begin() + static_cast<ptrdiff_t>(size_), IsLarger);
  }
  std::span<const Candidate> All() const { return std::span(largest_).first(size_); }

 private:
  static bool IsLarger(const Candidate& a, const Candidate& b) { return a.value > b.value; }

  std::array<Candidate, kMaxCandidates> largest_;
  size_t size_ = 0;
};

float LargestOf(const float* row, int64_t begin, int64_t end) {
  return begin == end ? -std::numeric_limits<float>::infinity()
                      : kernels::Max({row + begin, static_cast<size_t>(end - begin)}).value;
}

// Those of row[begin, end) that are not less than `least`.
void CollectCandidates(const float* row, int64_t begin, int64_t end, float least, Candidates& candidates) {
  for (int64_t block = begin; block < end; block += kBlockCols) {
    const int64_t block_end = std::min(block + kBlockCols, end);
    if (!(LargestOf(row, block, block_end) >= least)) continue;
    for (int64_t column = block; column < block_end; ++column) {
      if (row[column] >= least) candidates.Offer(row[column], column);
    }
  }
}

// In as many sums as a compiler turns into vectors.
template <class T>
float Dot(const float* x, const T* y, int64_t count) {
  constexpr int64_t kSums = 16;
  float sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int64_t lane = 0; lane < kSums; ++lane) sums[lane] += x[i + lane] * static_cast<float>(y[i + lane]);
  }
  float sum = 0;
  for (; i < count; ++i) sum += x[i] * static_cast<float>(y[i]);
  for (const float part : sums) sum += part;
  return sum;
}

class RankedLinearKernel final : public OpKernel {
 public:
  RankedLinearKernel(const RankedPlan& plan, const CoarseColumns& columns) : plan_(plan), columns_(columns) {
    plan_.dense.coarse = &columns_;
  }

  Status Create(Arena& persistent, std::span<std::byte> workspace, PackedWeights* packed) {
    return coarse_.Create(plan_.dense, persistent, workspace, packed);
  }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    const MatrixView& out = operands.outputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckShape("the input", in, in.rows, plan_.dense.in_channels));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the output", out, in.rows, plan_.dense.out_channels));
    if (in.rows <= plan_.dense.max_rows && out.stride == plan_.dense.out_stride) return Status::Ok();
    return Status::Error(StatusCode::kInvalidModel, "its operands change between runs");
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const Matrix<float> scaled = {ElementsAt<float>(context.workspace.data() + plan_.dense_workspace_bytes),
                                  in.rows, in.cols, in.cols};
    for (int64_t m = 0; m < in.rows; ++m) {
      std::transform(in.Row(m), in.Row(m) + in.cols, columns_.deviation, scaled.Row(m), std::multiplies<>());
    }
    EARSHOT_RETURN_IF_ERROR(
        coarse_.Run(scaled, out, context.workspace.first(plan_.dense_workspace_bytes), context.pool));
    std::byte* rows = context.workspace.data() + plan_.dense_workspace_bytes + plan_.scaled_bytes;
    if (in.rows == 1) return RefineRow(in.Row(0), out.Row(0), rows);
    std::atomic<int64_t> failed_row = -1;
    context.pool.ParallelFor(static_cast<size_t>(in.rows), [&](size_t row, size_t thread) {
      const auto m = static_cast<int64_t>(row);
      if (!RefineRow(in.Row(m), out.Row(m), rows + thread * plan_.row_bytes).ok()) failed_row = m;
    });
    // Once more for the message, which would be too much for threads to share.
    return failed_row < 0 ? Status::Ok() : RefineRow(in.Row(failed_row), out.Row(failed_row), rows);
  }

 private:
  Status RefineRow(const float* x, float* row, std::byte* own_weights) const {
    const float common = Dot(x, columns_.mean, plan_.dense.in_channels);
    const int64_t groups[][2] = {{0, plan_.group_begin}, {plan_.group_begin, plan_.dense.out_channels}};
    const float largest[] = {LargestOf(row, groups[0][0], groups[0][1]),
                             LargestOf(row, groups[1][0], groups[1][1])};
    const float negligible = std::max(largest[0], largest[1]) - kGroupMargin;
    for (size_t group = 0; group < 2; ++group) {
      if (!(largest[group] >= negligible)) continue;
      Candidates candidates;
      CollectCandidates(row, groups[group][0], groups[group][1], largest[group] - kMargin, candidates);
      for (const Candidate& candidate : candidates.All()) {
        EARSHOT_ASSIGN_OR_RETURN(const float exact, Exact(x, candidate.column, own_weights));
        row[candidate.column] = exact - common;
      }
    }
    return Status::Ok();
  }

  Result<float> Exact(const float* x, int64_t column, std::byte* scratch) const {
    EARSHOT_ASSIGN_OR_RETURN(const WeightRow row, ReadWeightRow(plan_.table, plan_.weight,
                                                                plan_.dense.weights_file, column, scratch));
    return *ElementsAt<float>(row.scales) * Dot(x, ElementsAt<int8_t>(row.values), plan_.dense.in_channels);
  }

  RankedPlan plan_;
  CoarseColumns columns_;
  FullyConnected coarse_;
};

// Stands for the columns where only their presence counts.
constexpr CoarseColumns kNoColumns;

RankedPlan Plan(const OpSetup& setup) {
  const MatrixView& in = setup.operands.inputs[0];
  const MatrixView& out = setup.operands.outputs[0];
  const int64_t begin = setup.op->attributes_as_Linear()->ranked_begin();
  RankedPlan plan;
  plan.dense = {.weight_dtype = DType::kI8,
                .in_channels = in.cols,
                .out_channels = out.cols,
                .in_stride = in.cols,
                .out_stride = out.stride,
                .max_rows = in.rows,
                .weights = setup.constants[1].data.data(),
                .scales = setup.constants[1].scales.data(),
                .coarse = &kNoColumns,
                .weights_file = setup.weights_file};
  plan.table = setup.operands.inputs[1];
  plan.weight = setup.constants[1];
  plan.group_begin = begin == 0 ? out.cols : std::min(begin, out.cols);
  plan.dense_workspace_bytes = FullyConnected::WorkspaceBytes(plan.dense);
  // One more cache line, since XNNPACK may read a little past the last row.
  plan.scaled_bytes = AlignUp(static_cast<size_t>(in.rows * in.cols) * sizeof(float)) + kArenaAlignment;
  plan.row_bytes = WeightRowBytes(plan.table);
  plan.num_threads = setup.num_threads;
  return plan;
}

}  // namespace

bool IsRankedNearly(const OpSetup& setup) {
  const fb::Linear& linear = *setup.op->attributes_as_Linear();
  const MatrixView& weight = setup.operands.inputs[1];
  return setup.ranks_nearly && linear.ranked() && linear.activation() == fb::Activation::None &&
         setup.operands.num_inputs == 2 && setup.operands.num_outputs == 1 && weight.dtype == DType::kI8 &&
         weight.cols % 2 == 0 && weight.rows > 0 && !setup.constants[1].data.empty() &&
         setup.operands.inputs[0].dtype == DType::kF32 && setup.operands.outputs[0].dtype == DType::kF32;
}

Result<OpMemory> MeasureRankedLinear(const OpSetup& setup) {
  const RankedPlan plan = Plan(setup);
  EARSHOT_RETURN_IF_ERROR(
      CheckShape("the weight", setup.operands.inputs[1], plan.dense.out_channels, plan.dense.in_channels));
  OpMemory memory = MemoryWithDense(sizeof(RankedLinearKernel), plan.workspace_bytes(),
                                    FullyConnected::Measure(plan.dense, *setup.packed_weights));
  memory.persistent_bytes += 3 * AlignUp(static_cast<size_t>(plan.dense.in_channels) * sizeof(float));
  return memory;
}

Result<OpKernel*> CreateRankedLinear(const OpSetup& setup, Arena& persistent,
                                     std::span<std::byte> workspace) {
  const RankedPlan plan = Plan(setup);
  const auto k = static_cast<size_t>(plan.dense.in_channels);
  auto* mean = persistent.AllocateArray<float>(k);
  auto* deviation = persistent.AllocateArray<float>(k);
  auto* inverse = persistent.AllocateArray<float>(k);
  if (inverse == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  const int64_t n = plan.dense.out_channels;
  FindCoarseColumns(
      {.values = {ElementsAt<int8_t>(plan.dense.weights), n, plan.dense.in_channels, plan.dense.in_channels},
       .scales = ElementsAt<float>(plan.dense.scales)},
      mean, deviation, inverse);
  const CoarseColumns columns = {.mean = mean, .deviation = deviation, .inverse = inverse};
  EARSHOT_ASSIGN_OR_RETURN(OpKernel * kernel, PlaceKernel<RankedLinearKernel>(persistent, plan, columns));
  if (const Status status =
          static_cast<RankedLinearKernel*>(kernel)->Create(persistent, workspace, setup.packed_weights);
      !status.ok()) {
    kernel->~OpKernel();
    return status;
  }
  return kernel;
}

}  // namespace earshot
