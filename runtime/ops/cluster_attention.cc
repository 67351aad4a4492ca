// ClusterAttention: attention of rows that an assignment brings together. Queries are gathered in the order
// of their places, attended by the kernel of all selecting attention, and the results of a row's places
// merged.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>

#include "runtime/attention/attention.h"
#include "runtime/attention/patterns/cluster_pattern.h"
#include "runtime/core/typed_bytes.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

// The workspace, piece by piece.
class Pieces {
 public:
  explicit Pieces(std::byte* base) : base_(base) {}

  template <class T>
  std::span<T> Take(int64_t count) {
    T* piece = base_ == nullptr ? nullptr : ElementsAt<T>(base_ + size_bytes_);
    size_bytes_ += AlignUp(static_cast<size_t>(count) * sizeof(T));
    return {piece, base_ == nullptr ? 0 : static_cast<size_t>(count)};
  }
  size_t size_bytes() const { return size_bytes_; }

 private:
  std::byte* base_;
  size_t size_bytes_ = 0;
};

// Lists of one assignment, one after the other.
struct Lists {
  std::span<int32_t> rows;
  std::span<int32_t> classes;

  ClusterList Of(int64_t list, int64_t length, int64_t begin, int64_t count) const {
    const size_t first = static_cast<size_t>(list * length + begin);
    return {rows.subspan(first, static_cast<size_t>(count)),
            classes.subspan(first, static_cast<size_t>(count))};
  }
};

// Lengths of a run.
struct Sizes {
  int64_t num_rows = 0;      // of q
  int64_t num_keys = 0;      // of k
  int64_t query_places = 0;  // of the first assignment
  int64_t key_places = 0;    // of the second one
  int64_t query_lists = 1;
  int64_t key_lists = 1;
  int64_t num_positions = 0;  // of queries
};

struct Workspace {
  Lists queries;
  Lists keys;
  std::span<int32_t> positions;
  std::span<ClusterHead> heads;
  std::span<float> mixed;     // [positions, H * D]: the queries, then what they attend to
  std::span<float> log_sums;  // [positions, H]
  std::span<float> largest;   // [H, T]
  std::span<float> weights;   // [H, T]
  size_t attention_offset = 0;
};

Result<MaskedQueries> MaskedQueriesOf(fb::MaskedQuery masked) {
  switch (masked) {
    case fb::MaskedQuery::Memories:
      return MaskedQueries::kMemories;
    case fb::MaskedQuery::AsOthers:
      return MaskedQueries::kAsOthers;
    case fb::MaskedQuery::Everything:
      return MaskedQueries::kEverything;
  }
  return Status::Error(StatusCode::kUnsupported, "this build has no rule %d for masked queries",
                       static_cast<int>(masked));
}

class ClusterAttentionKernel final : public OpKernel {
 public:
  static Result<ClusterAttentionKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 4, 5));
    const OpOperands& operands = setup.operands;
    for (size_t i = 0; i < operands.num_inputs; ++i) {
      EARSHOT_RETURN_IF_ERROR(i < 3 ? CheckDType("q, k or v", operands.inputs[i], DType::kF32)
                                    : CheckDType("an assignment", operands.inputs[i], DType::kI32));
    }
    EARSHOT_RETURN_IF_ERROR(CheckDType("the output", operands.outputs[0], DType::kF32));
    const fb::ClusterAttention& attributes = *setup.op->attributes_as_ClusterAttention();
    ClusterAttentionKernel kernel;
    EARSHOT_RETURN_IF_ERROR(kernel.SetAttributes(attributes));
    EARSHOT_RETURN_IF_ERROR(kernel.Check(operands));
    const Sizes sizes = kernel.SizesOf(operands);
    kernel.shape_ = {.num_heads = kernel.num_heads_,
                     .num_kv_heads = kernel.num_heads_,
                     .head_dim = operands.inputs[0].cols / kernel.num_heads_,
                     .max_queries = sizes.num_positions,
                     .max_keys = sizes.num_keys};
    kernel.workspace_bytes_ = kernel.LayOut(sizes, nullptr).attention_offset +
                              AttentionWorkspaceBytes(kernel.shape_, setup.num_threads);
    return kernel;
  }

  size_t workspace_bytes() const { return workspace_bytes_; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& q = operands.inputs[0];
    const MatrixView& k = operands.inputs[1];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("q", q, num_heads_));
    EARSHOT_RETURN_IF_ERROR(CheckShape("k", k, k.rows, q.cols));
    EARSHOT_RETURN_IF_ERROR(CheckShape("v", operands.inputs[2], k.rows, q.cols));
    for (size_t i = 3; i < operands.num_inputs; ++i) {
      const MatrixView& lists = operands.inputs[i];
      if (lists.cols != 2)
        EARSHOT_RETURN_IF_ERROR(CheckShape("an assignment", lists, lists.rows, 2 * num_heads_));
    }
    EARSHOT_RETURN_IF_ERROR(CheckLengths(SizesOf(operands)));
    return CheckShape("the output", operands.outputs[0], q.rows, q.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const Sizes sizes = SizesOf(operands);
    const Workspace work = LayOut(sizes, context.workspace.data());
    EARSHOT_RETURN_IF_ERROR(ReadLists(operands, sizes, work));
    GatherQueries(operands.inputs[0].As<const float>(), work, context.pool);
    ClusterSpec spec = spec_;
    spec.memory_begin = sizes.num_keys - num_memories_;
    spec.num_rows = sizes.num_rows;
    const ClusterPattern pattern(spec, work.heads);
    const int64_t cols = operands.inputs[0].cols;
    const Matrix<float> mixed = {work.mixed.data(), sizes.num_positions, cols, cols};
    const AttentionOperands<float> views = {
        .q = mixed,
        .k = operands.inputs[1].As<const float>(),
        .v = operands.inputs[2].As<const float>(),
        .out = mixed,
        .log_sums = {work.log_sums.data(), sizes.num_positions, num_heads_, num_heads_}};
    Attend({.shape = shape_, .scale = scale_, .pattern = &pattern}, views,
           context.workspace.subspan(work.attention_offset), context.pool);
    MergePlaces(views, work, operands.outputs[0].As<float>(), context.pool);
    return Status::Ok();
  }

 private:
  Status SetAttributes(const fb::ClusterAttention& attributes) {
    num_heads_ = attributes.num_heads();
    scale_ = attributes.scale();
    num_memories_ = attributes.memories();
    merges_by_sums_ = attributes.merge() == fb::Merge::LogSumExp;
    epsilon_ = attributes.epsilon();
    spec_ = {.chunk = attributes.chunk(),
             .before = attributes.before(),
             .after = attributes.after(),
             .causal = attributes.causal(),
             .hides_own = attributes.own() == fb::OwnKey::OnlyIfAlone,
             .pairs_once = attributes.pairs_once()};
    EARSHOT_ASSIGN_OR_RETURN(spec_.masked, MaskedQueriesOf(attributes.masked()));
    const bool has_known_kinds = attributes.own() <= fb::OwnKey::MAX && attributes.merge() <= fb::Merge::MAX;
    constexpr int64_t kMaxPlaces = 1 << 24;  // in the chunks that a query faces
    const int64_t segments = spec_.before + 1 + spec_.after;
    const bool fits = spec_.chunk <= kMaxPlaces && segments <= kMaxPlaces &&
                      segments * spec_.chunk <= kMaxPlaces &&
                      (spec_.chunk > 0 || (spec_.before == 0 && spec_.after == 0 && !spec_.pairs_once)) &&
                      (!spec_.pairs_once || spec_.masked == MaskedQueries::kMemories);
    if (has_known_kinds && fits && epsilon_ >= 0.0f) return Status::Ok();
    return Status::Error(StatusCode::kInvalidModel, "its attributes do not go together");
  }

  Sizes SizesOf(const OpOperands& operands) const {
    const MatrixView& queries = operands.inputs[3];
    const MatrixView& keys = operands.inputs[operands.num_inputs - 1];
    return {.num_rows = operands.inputs[0].rows,
            .num_keys = operands.inputs[1].rows,
            .query_places = queries.rows,
            .key_places = keys.rows,
            .query_lists = queries.cols / 2,
            .key_lists = keys.cols / 2,
            .num_positions = queries.rows - (spec_.before + spec_.after) * spec_.chunk};
  }

  // Keys are found at the chunks of queries.
  Status CheckLengths(const Sizes& sizes) const {
    const bool fits = sizes.num_positions > 0 && num_memories_ <= sizes.num_keys &&
                      (spec_.chunk == 0 ||
                       (sizes.num_positions % spec_.chunk == 0 && sizes.key_places == sizes.query_places)) &&
                      (!spec_.pairs_once || sizes.num_positions % sizes.num_rows == 0);
    if (fits) return Status::Ok();
    return Status::Error(StatusCode::kInvalidModel,
                         "lists of %lld queries and %lld keys do not fit its chunks of %lld",
                         static_cast<long long>(sizes.query_places), static_cast<long long>(sizes.key_places),
                         static_cast<long long>(spec_.chunk));
  }

  Workspace LayOut(const Sizes& sizes, std::byte* base) const {
    Pieces pieces(base);
    Workspace work;
    const int64_t num_queries = sizes.query_lists * sizes.query_places;
    const int64_t num_keys = sizes.key_lists * sizes.key_places;
    work.queries = {pieces.Take<int32_t>(num_queries), pieces.Take<int32_t>(num_queries)};
    work.keys = {pieces.Take<int32_t>(num_keys), pieces.Take<int32_t>(num_keys)};
    work.positions = pieces.Take<int32_t>(spec_.pairs_once ? sizes.query_lists * sizes.num_positions : 0);
    work.heads = pieces.Take<ClusterHead>(num_heads_);
    work.mixed = pieces.Take<float>(sizes.num_positions * num_heads_ * shape_.head_dim);
    work.log_sums = pieces.Take<float>(sizes.num_positions * num_heads_);
    work.largest = pieces.Take<float>(num_heads_ * sizes.num_rows);
    work.weights = pieces.Take<float>(num_heads_ * sizes.num_rows);
    work.attention_offset = pieces.size_bytes();
    return work;
  }

  // Lists one after the other. What they name has to exist.
  static Status Transpose(const Matrix<const int32_t>& assignment, int64_t num_rows, const Lists& lists) {
    const int64_t num_lists = assignment.cols / 2;
    for (int64_t place = 0; place < assignment.rows; ++place) {
      for (int64_t list = 0; list < num_lists; ++list) {
        const int32_t row = assignment.Row(place)[list];
        if (row < 0 || row >= num_rows) {
          return Status::Error(StatusCode::kInvalidArgument, "an assignment lists row %d of %lld", row,
                               static_cast<long long>(num_rows));
        }
        const size_t at = static_cast<size_t>(list * assignment.rows + place);
        lists.rows[at] = row;
        lists.classes[at] = assignment.Row(place)[num_lists + list];
      }
    }
    return Status::Ok();
  }

  Status ReadLists(const OpOperands& operands, const Sizes& sizes, const Workspace& work) const {
    const auto queries = operands.inputs[3].As<const int32_t>();
    const auto keys = operands.inputs[operands.num_inputs - 1].As<const int32_t>();
    EARSHOT_RETURN_IF_ERROR(Transpose(queries, sizes.num_rows, work.queries));
    EARSHOT_RETURN_IF_ERROR(Transpose(keys, sizes.num_keys, work.keys));
    for (int64_t head = 0; head < num_heads_; ++head) {
      const int64_t query_list = sizes.query_lists == 1 ? 0 : head,
                    key_list = sizes.key_lists == 1 ? 0 : head;
      ClusterHead& lists = *new (&work.heads[static_cast<size_t>(head)]) ClusterHead();
      lists.queries =
          work.queries.Of(query_list, sizes.query_places, spec_.before * spec_.chunk, sizes.num_positions);
      lists.keys = work.keys.Of(key_list, sizes.key_places, 0, sizes.key_places);
      if (!spec_.pairs_once) continue;
      const size_t count = static_cast<size_t>(sizes.num_positions);
      const std::span<int32_t> positions =
          work.positions.subspan(static_cast<size_t>(query_list) * count, count);
      std::ranges::fill(positions, 0);
      for (int64_t i = 0; i < sizes.num_positions; ++i) {
        const int64_t round = i / sizes.num_rows;
        const int32_t row = lists.queries.rows[static_cast<size_t>(i)];
        positions[static_cast<size_t>(round * sizes.num_rows + row)] = static_cast<int32_t>(i);
      }
      lists.positions = positions;
    }
    return Status::Ok();
  }

  void GatherQueries(const Matrix<const float>& q, const Workspace& work, const ThreadPool& pool) const {
    const int64_t dim = shape_.head_dim;
    pool.ParallelFor(static_cast<size_t>(num_heads_), [&](size_t head, size_t) {
      float* to = work.mixed.data() + static_cast<int64_t>(head) * dim;
      for (const int32_t row : work.heads[head].queries.rows) {
        std::copy_n(q.Row(row) + static_cast<int64_t>(head) * dim, dim, to);
        to += q.cols;
      }
    });
  }

  // out[t] = sum over the places p of row t of w_p mixed_p, over the sum of w_p.
  void MergePlaces(const AttentionOperands<float>& views, const Workspace& work, const Matrix<float>& out,
                   const ThreadPool& pool) const {
    const int64_t dim = shape_.head_dim;
    const size_t num_rows = static_cast<size_t>(out.rows);
    pool.ParallelFor(static_cast<size_t>(num_heads_), [&](size_t head, size_t) {
      const int64_t index = static_cast<int64_t>(head);
      const Places places = {.rows = work.heads[head].queries.rows,
                             .mixed = views.out.Columns(index * dim, dim),
                             .log_sums = views.log_sums.Columns(index, 1)};
      const std::span<float> largest = work.largest.subspan(head * num_rows, num_rows);
      const std::span<float> weights = work.weights.subspan(head * num_rows, num_rows);
      FindLargest(places, largest);
      SumPlaces(places, largest, weights, out.Columns(index * dim, dim));
    });
  }

  // What the places of one head came to.
  struct Places {
    std::span<const int32_t> rows;
    Matrix<const float> mixed;     // [positions, D]
    Matrix<const float> log_sums;  // [positions, 1]
  };

  static void FindLargest(const Places& places, std::span<float> largest) {
    std::ranges::fill(largest, -std::numeric_limits<float>::infinity());
    for (size_t i = 0; i < places.rows.size(); ++i) {
      float& of_row = largest[static_cast<size_t>(places.rows[i])];
      of_row = std::max(of_row, *places.log_sums.Row(static_cast<int64_t>(i)));
    }
  }

  void SumPlaces(const Places& places, std::span<const float> largest, std::span<float> weights,
                 const Matrix<float>& out) const {
    std::ranges::fill(weights, 0.0f);
    for (int64_t row = 0; row < out.rows; ++row) std::fill_n(out.Row(row), out.cols, 0.0f);
    for (size_t i = 0; i < places.rows.size(); ++i) {
      const int64_t place = static_cast<int64_t>(i);
      const size_t row = static_cast<size_t>(places.rows[i]);
      const float weight = WeightOf(*places.log_sums.Row(place), largest[row]);
      weights[row] += weight;
      AddScaled(places.mixed.Row(place), weight, out.cols, out.Row(places.rows[i]));
    }
    for (int64_t row = 0; row < out.rows; ++row) {
      const float sum = weights[static_cast<size_t>(row)] + (merges_by_sums_ ? 0.0f : epsilon_);
      const float factor = sum > 0.0f ? 1.0f / sum : 0.0f;
      for (int64_t col = 0; col < out.cols; ++col) out.Row(row)[col] *= factor;
    }
  }

  // Of a place. One that sees nothing has no part in a common softmax.
  float WeightOf(float log_sum, float largest) const {
    if (!merges_by_sums_) return 1.0f;
    return std::isinf(log_sum) ? 0.0f : std::exp(log_sum - largest);
  }

  static void AddScaled(const float* from, float factor, int64_t count, float* to) {
    for (int64_t i = 0; i < count; ++i) to[i] += factor * from[i];
  }

  int64_t num_heads_ = 1;
  float scale_ = 1.0f;
  int64_t num_memories_ = 0;
  bool merges_by_sums_ = true;
  float epsilon_ = 0.0f;
  ClusterSpec spec_;
  AttentionShape shape_;
  size_t workspace_bytes_ = 0;
};

}  // namespace

const OpDefinition kClusterAttentionOp = {fb::OpAttributes::ClusterAttention, "ClusterAttention",
                                          MeasureKernel<ClusterAttentionKernel>,
                                          CreateKernel<ClusterAttentionKernel>};

}  // namespace earshot
