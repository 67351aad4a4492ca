// TopRows: the rows with the highest scores for each cluster.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "runtime/core/typed_bytes.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

// The higher the score, the lower the number; NaN has a place, too, as sorting wants an order.
uint32_t Rank(float score) {
  constexpr uint32_t kSign = 0x80000000u;
  const uint32_t bits = std::bit_cast<uint32_t>(score + 0.0f);  // one zero
  return (bits & kSign) != 0 ? bits : ~(bits | kSign);
}

class TopRowsKernel final : public OpKernel {
 public:
  static Result<TopRowsKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 2));
    const OpOperands& operands = setup.operands;
    for (size_t i = 0; i < operands.num_inputs; ++i)
      EARSHOT_RETURN_IF_ERROR(CheckDType("an input", operands.inputs[i], DType::kF32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the output", operands.outputs[0], DType::kI32));
    const fb::TopRows& attributes = *setup.op->attributes_as_TopRows();
    TopRowsKernel kernel;
    kernel.heads_ = attributes.heads();
    kernel.count_ = attributes.count();
    kernel.memories_ = attributes.memories();
    EARSHOT_RETURN_IF_ERROR(kernel.Check(operands));
    kernel.list_bytes_ = AlignUp(static_cast<size_t>(operands.inputs[0].rows) * sizeof(uint64_t));
    kernel.workspace_bytes_ = kernel.list_bytes_ * setup.num_threads;
    return kernel;
  }

  size_t workspace_bytes() const { return workspace_bytes_; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& scores = operands.inputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the matrix of scores", scores, heads_));
    if (operands.num_inputs > 1)
      EARSHOT_RETURN_IF_ERROR(CheckShape("the mask", operands.inputs[1], scores.rows, 1));
    const int64_t num_clusters = scores.cols / heads_;
    if (count_ < 1 || scores.rows < count_ || 2 * num_clusters >= std::numeric_limits<int32_t>::max()) {
      return Status::Error(StatusCode::kInvalidModel, "%lld rows cannot be chosen out of %lld",
                           static_cast<long long>(count_), static_cast<long long>(scores.rows));
    }
    return CheckShape("the output", operands.outputs[0], num_clusters * (count_ + memories_), 2 * heads_);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto scores = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<int32_t>();
    const int64_t num_clusters = scores.cols / heads_, members = count_ + memories_;
    context.pool.ParallelFor(static_cast<size_t>(scores.cols), [&](size_t task, size_t thread) {
      const int64_t col = static_cast<int64_t>(task), head = col / num_clusters, cluster = col % num_clusters;
      const std::span<uint64_t> list(ElementsAt<uint64_t>(context.workspace.data() + thread * list_bytes_),
                                     static_cast<size_t>(scores.rows));
      const std::span<const uint64_t> chosen = Choose(operands, col, list);
      // Rows that are not masked, memories, masked rows: ordered by class and row.
      int64_t place = cluster * members;
      const auto write = [&](int64_t row, int64_t row_class) {
        out.Row(place)[head] = static_cast<int32_t>(row);
        out.Row(place)[heads_ + head] = static_cast<int32_t>(row_class);
        ++place;
      };
      for (const uint64_t row : chosen) {
        if (!IsMasked(operands, static_cast<int64_t>(row))) write(static_cast<int64_t>(row), 2 * cluster);
      }
      for (int64_t i = 0; i < memories_; ++i) write(scores.rows + cluster * memories_ + i, 2 * cluster);
      for (const uint64_t row : chosen) {
        if (IsMasked(operands, static_cast<int64_t>(row))) write(static_cast<int64_t>(row), 2 * cluster + 1);
      }
    });
    return Status::Ok();
  }

 private:
  static bool IsMasked(const OpOperands& operands, int64_t row) {
    return operands.num_inputs > 1 && *operands.inputs[1].As<const float>().Row(row) == 0.0f;
  }

  // The rows of a column that are chosen, in ascending order.
  std::span<const uint64_t> Choose(const OpOperands& operands, int64_t col, std::span<uint64_t> list) const {
    const auto scores = operands.inputs[0].As<const float>();
    for (int64_t row = 0; row < scores.rows; ++row)
      list[static_cast<size_t>(row)] =
          (uint64_t{Rank(scores.Row(row)[col])} << 32) | static_cast<uint64_t>(row);
    std::ranges::nth_element(list, list.begin() + static_cast<std::ptrdiff_t>(count_ - 1));
    const std::span<uint64_t> chosen = list.first(static_cast<size_t>(count_));
    for (uint64_t& entry : chosen) entry &= 0xffffffffu;
    std::ranges::sort(chosen);
    return chosen;
  }

  int64_t heads_ = 1;
  int64_t count_ = 1;
  int64_t memories_ = 0;
  size_t list_bytes_ = 0;  // of one thread
  size_t workspace_bytes_ = 0;
};

}  // namespace

const OpDefinition kTopRowsOp = {fb::OpAttributes::TopRows, "TopRows", MeasureKernel<TopRowsKernel>,
                                 CreateKernel<TopRowsKernel>};

}  // namespace earshot
