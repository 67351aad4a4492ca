// AttendInt8: K and V are rounded once per head, then heads x tiles of queries are attended.
#define HWY_WANT_AVX3_DL
#include "runtime/attention/attention_int8.h"

#include "runtime/attention/attention_int8_job.h"
#include "runtime/core/arm_features.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/attention/attention_int8.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "runtime/attention/attention_int8_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {

bool HasQuadProducts() {
  if constexpr (HWY_ARCH_ARM_A64) return HasNeonDotProducts();
  return HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3_DL;
}

void RoundKeysF32(const Matrix<const float>& k, int64_t pool_length, const Int8Keys& keys) {
  RoundKeys(k, pool_length, keys);
}
void RoundKeysF16(const Matrix<const Float16>& k, int64_t pool_length, const Int8Keys& keys) {
  RoundKeys(k, pool_length, keys);
}
void RoundValuesF32(const Matrix<const float>& v, int64_t pool_length, const Int8Keys& keys) {
  RoundValues(v, pool_length, keys);
}
void RoundValuesF16(const Matrix<const Float16>& v, int64_t pool_length, const Int8Keys& keys) {
  RoundValues(v, pool_length, keys);
}
void AttendInt8TileF32(const AttentionHead<float>& head, const Int8Keys& keys, int64_t begin, int64_t end,
                       const Int8Workspace& workspace) {
  AttendInt8Tile(head, keys, begin, end, workspace);
}
void AttendInt8TileF16(const AttentionHead<Float16>& head, const Int8Keys& keys, int64_t begin, int64_t end,
                       const Int8Workspace& workspace) {
  AttendInt8Tile(head, keys, begin, end, workspace);
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot {
namespace attention {
namespace {

HWY_EXPORT(HasQuadProducts);
HWY_EXPORT(RoundKeysF32);
HWY_EXPORT(RoundKeysF16);
HWY_EXPORT(RoundValuesF32);
HWY_EXPORT(RoundValuesF16);
HWY_EXPORT(AttendInt8TileF32);
HWY_EXPORT(AttendInt8TileF16);

void RoundKeysOf(const AttentionHead<float>& head, int64_t pool_length, const Int8Keys& keys) {
  HWY_DYNAMIC_DISPATCH(RoundKeysF32)(head.k, pool_length, keys);
}
void RoundKeysOf(const AttentionHead<Float16>& head, int64_t pool_length, const Int8Keys& keys) {
  HWY_DYNAMIC_DISPATCH(RoundKeysF16)(head.k, pool_length, keys);
}
void RoundValuesOf(const AttentionHead<float>& head, int64_t pool_length, const Int8Keys& keys) {
  HWY_DYNAMIC_DISPATCH(RoundValuesF32)(head.v, pool_length, keys);
}
void RoundValuesOf(const AttentionHead<Float16>& head, int64_t pool_length, const Int8Keys& keys) {
  HWY_DYNAMIC_DISPATCH(RoundValuesF16)(head.v, pool_length, keys);
}
void QueryTile(const AttentionHead<float>& head, const Int8Keys& keys, int64_t begin, int64_t end,
               const Int8Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(AttendInt8TileF32)(head, keys, begin, end, workspace);
}
void QueryTile(const AttentionHead<Float16>& head, const Int8Keys& keys, int64_t begin, int64_t end,
               const Int8Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(AttendInt8TileF16)(head, keys, begin, end, workspace);
}

template <class T>
void AttendInt8Heads(const AttentionParams& params, const AttentionOperands<T>& operands,
                     std::span<std::byte> workspace, const ThreadPool& pool) {
  const FullPattern full;
  AttentionParams with_pattern = params;
  if (params.pattern == nullptr) with_pattern.pattern = &full;
  const AttentionShape& shape = params.shape;
  const int64_t group = shape.num_heads / shape.num_kv_heads;
  Int8Keys no_keys;
  Int8Workspace no_scratch;
  const size_t key_bytes = LayOutInt8Keys(shape, nullptr, &no_keys);
  const size_t thread_bytes = LayOutInt8Workspace(shape, nullptr, &no_scratch);
  const auto keys_of = [&](int64_t kv_head) {
    Int8Keys keys;
    LayOutInt8Keys(shape, workspace.data() + static_cast<size_t>(kv_head) * key_bytes, &keys);
    return keys;
  };
  if (operands.k.rows > 0) {
    pool.ParallelFor(static_cast<size_t>(2 * shape.num_kv_heads), [&](size_t task, size_t) {
      const int64_t kv_head = static_cast<int64_t>(task / 2);
      const AttentionHead<T> head = MakeHead(with_pattern, operands, kv_head * group);
      const int64_t pool_length = PoolLengthOf(*with_pattern.pattern, shape, kv_head);
      if (task % 2 == 0) {
        RoundKeysOf(head, pool_length, keys_of(kv_head));
      } else {
        RoundValuesOf(head, pool_length, keys_of(kv_head));
      }
    });
  }
  std::byte* scratch_base = workspace.data() + static_cast<size_t>(shape.num_kv_heads) * key_bytes;
  const int64_t num_queries = operands.q.rows;
  const int64_t num_tiles = (num_queries + kTileQueries - 1) / kTileQueries;
  pool.ParallelFor(static_cast<size_t>(shape.num_heads * num_tiles), [&](size_t task, size_t thread) {
    Int8Workspace scratch;
    LayOutInt8Workspace(shape, scratch_base + thread * thread_bytes, &scratch);
    const int64_t head = static_cast<int64_t>(task) / num_tiles;
    const int64_t begin = static_cast<int64_t>(task) % num_tiles * kTileQueries;
    QueryTile(MakeHead(with_pattern, operands, head), keys_of(head / group), begin,
              std::min(begin + kTileQueries, num_queries), scratch);
  });
}

// Within this namespace, where a build for one target looks for the function.
bool QuadProductsChosen() { return HWY_DYNAMIC_DISPATCH(HasQuadProducts)(); }

}  // namespace
}  // namespace attention

bool Int8AttentionIsFaster() { return attention::QuadProductsChosen(); }

size_t Int8AttentionWorkspaceBytes(const AttentionShape& shape, size_t num_threads) {
  attention::Int8Keys keys;
  attention::Int8Workspace scratch;
  return attention::LayOutInt8Keys(shape, nullptr, &keys) * static_cast<size_t>(shape.num_kv_heads) +
         attention::LayOutInt8Workspace(shape, nullptr, &scratch) * num_threads;
}

void AttendInt8(const AttentionParams& params, const AttentionOperands<float>& operands,
                std::span<std::byte> workspace, const ThreadPool& pool) {
  attention::AttendInt8Heads(params, operands, workspace, pool);
}
void AttendInt8(const AttentionParams& params, const AttentionOperands<Float16>& operands,
                std::span<std::byte> workspace, const ThreadPool& pool) {
  attention::AttendInt8Heads(params, operands, workspace, pool);
}

}  // namespace earshot
#endif  // HWY_ONCE
