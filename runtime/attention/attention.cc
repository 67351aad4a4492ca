// Attend: splits the heads (and tiles of queries) into tasks and chooses the kernel by the number of queries.
#include "runtime/attention/attention.h"

#include "runtime/attention/attention_job.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/attention/attention.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "runtime/attention/attention_few-inl.h"
#include "runtime/attention/attention_pool-inl.h"
#include "runtime/attention/attention_tiled-inl.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {

void AttendFewF32(const AttentionHead<float>& head, const Workspace& workspace) {
  AttendFew(head, workspace);
}
void AttendFewF16(const AttentionHead<Float16>& head, const Workspace& workspace) {
  AttendFew(head, workspace);
}
void AttendFewI8(const AttentionHead<int8_t>& head, const Workspace& workspace) {
  AttendFew(head, workspace);
}
void AttendTileF32(const AttentionHead<float>& head, int64_t begin, int64_t end, const Workspace& workspace) {
  AttendTile(head, begin, end, workspace);
}
void AttendTileF16(const AttentionHead<Float16>& head, int64_t begin, int64_t end,
                   const Workspace& workspace) {
  AttendTile(head, begin, end, workspace);
}
void AttendTileI8(const AttentionHead<int8_t>& head, int64_t begin, int64_t end, const Workspace& workspace) {
  AttendTile(head, begin, end, workspace);
}

void PoolRowsF32(const KeyRows<float>& rows, const RowGroup& group, float* to) { PoolRows(rows, group, to); }
void PoolRowsF16(const KeyRows<Float16>& rows, const RowGroup& group, float* to) {
  PoolRows(rows, group, to);
}
void PoolRowsI8(const KeyRows<int8_t>& rows, const RowGroup& group, float* to) { PoolRows(rows, group, to); }

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot {
namespace attention {
namespace {

HWY_EXPORT(AttendFewF32);
HWY_EXPORT(AttendFewF16);
HWY_EXPORT(AttendFewI8);
HWY_EXPORT(AttendTileF32);
HWY_EXPORT(AttendTileF16);
HWY_EXPORT(AttendTileI8);
HWY_EXPORT(PoolRowsF32);
HWY_EXPORT(PoolRowsF16);
HWY_EXPORT(PoolRowsI8);

void FewQueries(const AttentionHead<float>& head, const Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(AttendFewF32)(head, workspace);
}
void FewQueries(const AttentionHead<Float16>& head, const Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(AttendFewF16)(head, workspace);
}
void FewQueries(const AttentionHead<int8_t>& head, const Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(AttendFewI8)(head, workspace);
}
void QueryTile(const AttentionHead<float>& head, int64_t begin, int64_t end, const Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(AttendTileF32)(head, begin, end, workspace);
}
void QueryTile(const AttentionHead<Float16>& head, int64_t begin, int64_t end, const Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(AttendTileF16)(head, begin, end, workspace);
}
void QueryTile(const AttentionHead<int8_t>& head, int64_t begin, int64_t end, const Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(AttendTileI8)(head, begin, end, workspace);
}

void Pool(const KeyRows<float>& rows, const RowGroup& group, float* to) {
  HWY_DYNAMIC_DISPATCH(PoolRowsF32)(rows, group, to);
}
void Pool(const KeyRows<Float16>& rows, const RowGroup& group, float* to) {
  HWY_DYNAMIC_DISPATCH(PoolRowsF16)(rows, group, to);
}
void Pool(const KeyRows<int8_t>& rows, const RowGroup& group, float* to) {
  HWY_DYNAMIC_DISPATCH(PoolRowsI8)(rows, group, to);
}

// Memory of the pooled keys and values of one key head.
int64_t PooledFloats(const AttentionShape& shape) {
  return RoundUp(shape.max_pooled_keys() * shape.head_dim, 16);
}

// The pooled keys and values of all key heads, in the part of the workspace behind the scratch of the
// threads.
class PooledHeads {
 public:
  PooledHeads(const AttentionParams& params, std::byte* memory)
      : shape_(params.shape),
        pattern_(*params.pattern),
        memory_(static_cast<float*>(static_cast<void*>(memory))) {}

  template <class T>
  void Fill(const AttentionOperands<T>& operands, const ThreadPool& pool) const {
    if (shape_.min_pool_length == 0) return;
    pool.ParallelFor(static_cast<size_t>(2 * shape_.num_kv_heads), [&](size_t task, size_t) {
      const int64_t part = static_cast<int64_t>(task), kv_head = part / 2;
      const bool is_key = part % 2 == 0;
      const KeyRows<T> rows = {.matrix = HeadColumns(is_key ? operands.k : operands.v, kv_head,
                                                     shape_.head_dim, operands.head_stride),
                               .order = nullptr,
                               .begin = 0,
                               .step = 1,
                               .scales = HeadColumns(is_key ? operands.k_scales : operands.v_scales, kv_head,
                                                     1, operands.scale_head_stride)};
      const int64_t length = PoolLengthOf(pattern_, shape_, kv_head), num_keys = rows.matrix.rows;
      for (int64_t i = 0; i < NumPooledKeys(num_keys, length); ++i)
        Pool(rows, GroupOf(i, num_keys, length), Begin(part) + i * shape_.head_dim);
    });
  }

  template <class T>
  void Attach(AttentionHead<T>* head) const {
    if (shape_.min_pool_length == 0) return;
    const int64_t kv_head = head->head / (shape_.num_heads / shape_.num_kv_heads), dim = shape_.head_dim;
    const int64_t num_rows = NumPooledKeys(head->k.rows, pattern_.PoolLength(head->head));
    head->pooled_k = {Begin(2 * kv_head), num_rows, dim, dim};
    head->pooled_v = {Begin(2 * kv_head + 1), num_rows, dim, dim};
  }

 private:
  float* Begin(int64_t part) const { return memory_ + part * PooledFloats(shape_); }

  const AttentionShape& shape_;
  const AttentionPattern& pattern_;
  float* memory_;
};

// Sequences are as independent as heads are.
template <class T>
void AttendSideBySide(const AttentionParams& params, const AttentionOperands<T>& operands,
                      std::span<std::byte> workspace, const ThreadPool& pool) {
  const FullPattern full;
  AttentionParams with_pattern = params;
  with_pattern.pattern = &full;
  const int64_t num_heads = params.shape.num_heads;
  Workspace sizes;
  const size_t thread_bytes = LayOutWorkspace(params.shape, nullptr, &sizes);
  pool.ParallelFor(static_cast<size_t>(num_heads * operands.q.rows), [&](size_t task, size_t thread) {
    Workspace scratch;
    LayOutWorkspace(params.shape, workspace.data() + thread * thread_bytes, &scratch);
    const auto index = static_cast<int64_t>(task);
    FewQueries(MakeHead(with_pattern, SequenceOf(operands, index / num_heads), index % num_heads), scratch);
  });
}

template <class T>
void AttendHeads(const AttentionParams& params, const AttentionOperands<T>& operands,
                 std::span<std::byte> workspace, const ThreadPool& pool) {
  if (params.side_by_side) return AttendSideBySide(params, operands, workspace, pool);
  const FullPattern full;
  AttentionParams with_pattern = params;
  if (params.pattern == nullptr) with_pattern.pattern = &full;
  const int64_t num_queries = operands.q.rows;
  const int64_t num_tiles =
      num_queries <= kMaxFewQueries ? 1 : (num_queries + kTileQueries - 1) / kTileQueries;
  Workspace sizes;
  const size_t thread_bytes = LayOutWorkspace(params.shape, nullptr, &sizes);
  const PooledHeads pooled(with_pattern, workspace.data() + thread_bytes * pool.num_threads());
  pooled.Fill(operands, pool);
  const auto body = [&](size_t task, size_t thread) {
    Workspace scratch;
    LayOutWorkspace(params.shape, workspace.data() + thread * thread_bytes, &scratch);
    AttentionHead<T> head = MakeHead(with_pattern, operands, static_cast<int64_t>(task) / num_tiles);
    pooled.Attach(&head);
    if (num_queries <= kMaxFewQueries) {
      FewQueries(head, scratch);
    } else {
      const int64_t begin = static_cast<int64_t>(task) % num_tiles * kTileQueries;
      QueryTile(head, begin, std::min(begin + kTileQueries, num_queries), scratch);
    }
  };
  pool.ParallelFor(static_cast<size_t>(params.shape.num_heads * num_tiles), body);
}

}  // namespace
}  // namespace attention

size_t AttentionWorkspaceBytes(const AttentionShape& shape, size_t num_threads) {
  attention::Workspace sizes;
  return attention::LayOutWorkspace(shape, nullptr, &sizes) * num_threads +
         static_cast<size_t>(2 * shape.num_kv_heads * attention::PooledFloats(shape)) * sizeof(float);
}

void Attend(const AttentionParams& params, const AttentionOperands<float>& operands,
            std::span<std::byte> workspace, const ThreadPool& pool) {
  attention::AttendHeads(params, operands, workspace, pool);
}
void Attend(const AttentionParams& params, const AttentionOperands<Float16>& operands,
            std::span<std::byte> workspace, const ThreadPool& pool) {
  attention::AttendHeads(params, operands, workspace, pool);
}
void Attend(const AttentionParams& params, const AttentionOperands<int8_t>& operands,
            std::span<std::byte> workspace, const ThreadPool& pool) {
  attention::AttendHeads(params, operands, workspace, pool);
}

}  // namespace earshot
#endif  // HWY_ONCE
