// Attend: splits the heads (and tiles of queries) into tasks and chooses the kernel by the number of queries.
#include "runtime/attention/attention.h"

#include "runtime/attention/attention_job.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/attention/attention.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "runtime/attention/attention_few-inl.h"
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

template <class T>
void AttendHeads(const AttentionParams& params, const AttentionOperands<T>& operands,
                 std::span<std::byte> workspace, const ThreadPool& pool) {
  const FullPattern full;
  AttentionParams with_pattern = params;
  if (params.pattern == nullptr) with_pattern.pattern = &full;
  const int64_t num_queries = operands.q.rows;
  const int64_t num_tiles =
      num_queries <= kMaxFewQueries ? 1 : (num_queries + kTileQueries - 1) / kTileQueries;
  Workspace sizes;
  const size_t thread_bytes = LayOutWorkspace(params.shape, nullptr, &sizes);
  const auto body = [&](size_t task, size_t thread) {
    Workspace scratch;
    LayOutWorkspace(params.shape, workspace.data() + thread * thread_bytes, &scratch);
    const AttentionHead<T> head = MakeHead(with_pattern, operands, static_cast<int64_t>(task) / num_tiles);
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
  return attention::LayOutWorkspace(shape, nullptr, &sizes) * num_threads;
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
