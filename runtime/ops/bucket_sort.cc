// BucketSort: rows in the order of their buckets, cut into chunks.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "runtime/core/typed_bytes.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

// Two numbers as one that orders by the first, then by the second, which is not negative.
int64_t Pack(int64_t first, int64_t second) { return (first << 32) | second; }
int32_t Second(int64_t packed) { return static_cast<int32_t>(packed & 0xffffffff); }
int32_t First(int64_t packed) { return static_cast<int32_t>(packed >> 32); }

constexpr int32_t kNobody = -1;  // the class of a place that is nobody's

class BucketSortKernel final : public OpKernel {
 public:
  static Result<BucketSortKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 2));
    const OpOperands& operands = setup.operands;
    EARSHOT_RETURN_IF_ERROR(CheckDType("the buckets", operands.inputs[0], DType::kI32));
    if (operands.num_inputs > 1)
      EARSHOT_RETURN_IF_ERROR(CheckDType("the mask", operands.inputs[1], DType::kF32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the output", operands.outputs[0], DType::kI32));
    const fb::BucketSort& attributes = *setup.op->attributes_as_BucketSort();
    BucketSortKernel kernel;
    constexpr int64_t kMaxPlaces = 1 << 24;  // beside the list
    const int64_t chunks_beside = int64_t{attributes.before()} + attributes.after();
    if (chunks_beside > kMaxPlaces || attributes.chunk() > kMaxPlaces ||
        chunks_beside * attributes.chunk() > kMaxPlaces)
      return Status::Error(StatusCode::kInvalidModel, "its chunks are too many or too large");
    kernel.heads_ = attributes.heads();
    kernel.chunk_ = attributes.chunk();
    kernel.places_before_ = int64_t{attributes.before()} * attributes.chunk();
    kernel.places_after_ = int64_t{attributes.after()} * attributes.chunk();
    kernel.cyclic_ = attributes.cyclic();
    kernel.same_bucket_ = attributes.same_bucket();
    kernel.masked_last_ = attributes.masked_last();
    EARSHOT_RETURN_IF_ERROR(kernel.Check(operands));
    kernel.list_bytes_ =
        AlignUp(static_cast<size_t>(operands.inputs[0].rows * kernel.NumRounds(operands)) * sizeof(int64_t));
    kernel.workspace_bytes_ = kernel.list_bytes_ * setup.num_threads;
    return kernel;
  }

  size_t workspace_bytes() const { return workspace_bytes_; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& buckets = operands.inputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the matrix of buckets", buckets, heads_));
    if (operands.num_inputs > 1)
      EARSHOT_RETURN_IF_ERROR(CheckShape("the mask", operands.inputs[1], buckets.rows, 1));
    const int64_t listed = buckets.rows * NumRounds(operands);
    if (listed < 1 || (chunk_ > 0 && listed % chunk_ != 0)) {
      return Status::Error(StatusCode::kInvalidModel, "%lld rows make no whole chunks of %lld",
                           static_cast<long long>(listed), static_cast<long long>(chunk_));
    }
    return CheckShape("the output", operands.outputs[0], places_before_ + listed + places_after_, 2 * heads_);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    EARSHOT_RETURN_IF_ERROR(CheckBuckets(operands));
    context.pool.ParallelFor(static_cast<size_t>(heads_), [&](size_t head, size_t thread) {
      const size_t count = static_cast<size_t>(operands.inputs[0].rows * NumRounds(operands));
      const std::span<int64_t> list(ElementsAt<int64_t>(context.workspace.data() + thread * list_bytes_),
                                    count);
      SortHead(operands, static_cast<int64_t>(head), list);
      WriteHead(operands.outputs[0].As<int32_t>(), static_cast<int64_t>(head), list);
    });
    return Status::Ok();
  }

 private:
  int64_t NumRounds(const OpOperands& operands) const { return operands.inputs[0].cols / heads_; }

  // Classes are made of them.
  Status CheckBuckets(const OpOperands& operands) const {
    const auto buckets = operands.inputs[0].As<const int32_t>();
    const int64_t limit = std::numeric_limits<int32_t>::max() / (2 * NumRounds(operands)) - 1;
    for (int64_t row = 0; row < buckets.rows; ++row) {
      for (int64_t col = 0; col < buckets.cols; ++col) {
        const int32_t bucket = buckets.Row(row)[col];
        if (bucket >= 0 && bucket < limit) continue;
        return Status::Error(StatusCode::kInvalidArgument,
                             "row %lld is in bucket %d, which is not in 0 .. %lld",
                             static_cast<long long>(row), bucket, static_cast<long long>(limit - 1));
      }
    }
    return Status::Ok();
  }

  static bool IsMasked(const OpOperands& operands, int64_t row) {
    return operands.num_inputs > 1 && *operands.inputs[1].As<const float>().Row(row) == 0.0f;
  }

  // The list of a head, each entry its class and its row.
  void SortHead(const OpOperands& operands, int64_t head, std::span<int64_t> list) const {
    const auto buckets = operands.inputs[0].As<const int32_t>();
    const int64_t num_rounds = NumRounds(operands), rows = buckets.rows;
    for (int64_t round = 0; round < num_rounds; ++round) {
      const auto part = list.subspan(static_cast<size_t>(round * rows), static_cast<size_t>(rows));
      const int64_t col = head * num_rounds + round;
      for (int64_t row = 0; row < rows; ++row) {
        const bool is_last = masked_last_ && IsMasked(operands, row);
        const int64_t bucket = is_last ? std::numeric_limits<int32_t>::max() : buckets.Row(row)[col];
        part[static_cast<size_t>(row)] = Pack(bucket, row);
      }
      std::ranges::sort(part);
      for (int64_t& entry : part) {
        const int64_t row = Second(entry);
        const int64_t bucket = same_bucket_ ? int64_t{buckets.Row(row)[col]} * num_rounds + round : 0;
        entry = Pack(2 * bucket + (IsMasked(operands, row) ? 1 : 0), row);
      }
    }
    const size_t chunk = chunk_ == 0 ? list.size() : static_cast<size_t>(chunk_);
    for (size_t begin = 0; begin < list.size(); begin += chunk) std::ranges::sort(list.subspan(begin, chunk));
  }

  void WriteHead(const Matrix<int32_t>& out, int64_t head, std::span<const int64_t> list) const {
    const int64_t count = std::ssize(list);
    for (int64_t place = 0; place < out.rows; ++place) {
      const int64_t position = place - places_before_;
      const bool is_inside = position >= 0 && position < count;
      const int64_t turned = (position % count + count) % count;
      const int64_t entry = is_inside || cyclic_ ? list[static_cast<size_t>(turned)] : Pack(kNobody, 0);
      out.Row(place)[head] = Second(entry);
      out.Row(place)[heads_ + head] = First(entry);
    }
  }

  int64_t heads_ = 1;
  int64_t chunk_ = 0;
  int64_t places_before_ = 0;
  int64_t places_after_ = 0;
  bool cyclic_ = false;
  bool same_bucket_ = false;
  bool masked_last_ = false;
  size_t list_bytes_ = 0;  // of one thread
  size_t workspace_bytes_ = 0;
};

}  // namespace

const OpDefinition kBucketSortOp = {fb::OpAttributes::BucketSort, "BucketSort",
                                    MeasureKernel<BucketSortKernel>, CreateKernel<BucketSortKernel>};

}  // namespace earshot
