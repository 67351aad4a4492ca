// Attention for many queries: tiles of 96 queries x 64 keys.
//
// Everything is computed transposed, with the queries along the vectors: S^T = K Q^T [keys, queries], O^T =
// V^T P^T [channels, queries]. Then the softmax, its maximum, its sum and the mask of a query stay in one
// lane and need no reduction across lanes; both products are the same micro-kernel, C[rows, panel] = sum_k
// A[k, rows] B[k, panel] with scalars of A broadcast; and neither product wastes lanes on a head size that is
// no multiple of the vector. A is the K tile, packed transposed [D, keys], or the V tile [keys, D], B the
// panel of Q^T or of P^T: three vectors of queries.
//
// A task is one head x one tile of queries. It packs each tile of K and V that its queries see and uses it
// for all panels, so that tiles are contiguous whatever the row stride, the element type or the selection of
// keys. That costs 15 % of the time with AVX-512 and less with narrower vectors; tiles of 144 and 192 queries
// were no faster. Per panel only the keys are computed which some of its queries see.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hwy/highway.h"
#include "runtime/attention/attention_job.h"
#include "runtime/attention/attention_pack-inl.h"
#include "runtime/attention/attention_tile-inl.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep
#include "runtime/kernels/vector_math-inl.h"

#if defined(EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILED_INL_H_
#undef EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILED_INL_H_
#else
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILED_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace kn = earshot::kernels::HWY_NAMESPACE;

// Rows of the micro-kernel: kRows x 3 sums, 3 vectors of B and a broadcast of A must fit the registers.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr size_t kRows = 8;
#else
constexpr size_t kRows = 4;
#endif

// sum[r][n] += a[r] * row[n] for all rows r from kRow on. 64-bit ARM multiplies by a lane of a register,
// which saves the broadcasts; GCC does so by itself, but with one register per factor, and then spills sums.
template <size_t kRow, size_t kRowCount, size_t kVecs>
HWY_INLINE void MultiplyRows(const float* HWY_RESTRICT a, const VF (&row)[kVecs],
                             VF (&sum)[kRowCount][kVecs]) {
  if constexpr (kRow < kRowCount) {
    const DF d;
#if HWY_ARCH_ARM_A64
    const VF factor = hn::Broadcast<kRow % 4>(hn::LoadU(d, a + kRow / 4 * 4));
#else
    const VF factor = hn::Set(d, a[kRow]);
#endif
    HWY_UNROLL(3)
    for (size_t n = 0; n < kVecs; ++n) sum[kRow][n] = hn::MulAdd(factor, row[n], sum[kRow][n]);
    MultiplyRows<kRow + 1>(a, row, sum);
  }
}

// c[r][n] = c[r][n] * alpha[n] + sum_k a[k * a_stride + r] * b[k * kPanel + n] for kRowCount rows and kVecs
// vectors of a panel. alpha == nullptr stands for zeros. The old c is added last: a sum over many tiles then
// rounds as a sum of short sums; over 1500 keys the error is a fifth.
template <size_t kRowCount, size_t kVecs>
HWY_INLINE void MultiplyBlock(const float* HWY_RESTRICT a, size_t a_stride, const float* HWY_RESTRICT b,
                              size_t depth, const float* HWY_RESTRICT alpha, float* HWY_RESTRICT c) {
  const DF d;
  constexpr size_t kStride = kPanel;
  constexpr size_t kVecLanes = kLanes;
  VF sum[kRowCount][kVecs];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRowCount; ++r) {
    HWY_UNROLL(3)
    for (size_t n = 0; n < kVecs; ++n) sum[r][n] = hn::Zero(d);
  }
  for (size_t k = 0; k < depth; ++k) {
    VF row[kVecs];
    HWY_UNROLL(3)
    for (size_t n = 0; n < kVecs; ++n) row[n] = hn::Load(d, b + k * kStride + n * kVecLanes);
    MultiplyRows<0>(a + k * a_stride, row, sum);
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRowCount; ++r) {
    HWY_UNROLL(3)
    for (size_t n = 0; n < kVecs; ++n) {
      float* to = c + r * kStride + n * kVecLanes;
      if (alpha != nullptr)
        sum[r][n] = hn::MulAdd(hn::Load(d, to), hn::Load(d, alpha + n * kVecLanes), sum[r][n]);
      hn::Store(sum[r][n], d, to);
    }
  }
}

// The same for any number of rows; a and c hold rows up to the next multiple of 4.
template <size_t kVecs>
HWY_NOINLINE void Multiply(const float* a, int64_t a_stride, const float* b, int64_t depth,
                           const float* alpha, float* c, int64_t rows) {
  const size_t stride = static_cast<size_t>(a_stride);
  const size_t count = static_cast<size_t>(depth);
  int64_t r = 0;
  if constexpr (kRows == 8) {
    for (; r + 4 < rows; r += 8) MultiplyBlock<8, kVecs>(a + r, stride, b, count, alpha, c + r * kPanel);
  }
  for (; r < rows; r += 4) MultiplyBlock<4, kVecs>(a + r, stride, b, count, alpha, c + r * kPanel);
}

// One tile of queries on its way through the keys.
struct QueryTile {
  Workspace workspace;
  int64_t head_dim;
  int64_t padded_dim;  // rows of O^T, stride of the V tile
  int64_t num_rows;
  TileLimits limits;

  int64_t num_panels() const { return NumPanels(num_rows); }
};

// Scores (to base 2) plus log2_count become weights 2^(score - max); max, sum and alpha are brought up to
// date.
template <size_t kVecs>
HWY_INLINE void UpdateSoftmax(const QueryTile& tile, int64_t panel, int64_t begin, int64_t end,
                              float log2_count) {
  const DF d;
  const VF count = hn::Set(d, log2_count);
  for (int64_t n = 0; n < int64_t{kVecs}; ++n) {
    float* scores = tile.workspace.scores + n * kLanes;
    float* max = tile.workspace.max + panel * kPanel + n * kLanes;
    float* sum = tile.workspace.sum + panel * kPanel + n * kLanes;
    const VF old_max = hn::Load(d, max);
    VF tile_max = hn::Sub(old_max, count);  // the maximum without the count, which all scores share
    HWY_UNROLL(4)
    for (int64_t key = begin; key < end; ++key)
      tile_max = hn::Max(tile_max, hn::Load(d, scores + key * kPanel));
    const VF new_max = hn::Add(tile_max, count);
    const VF alpha = kn::Exp2(d, hn::Sub(old_max, new_max));
    VF total = hn::Zero(d);
    HWY_UNROLL(4)
    for (int64_t key = begin; key < end; ++key) {
      const VF weight = kn::Exp2(d, hn::Sub(hn::Load(d, scores + key * kPanel), tile_max));
      hn::Store(weight, d, scores + key * kPanel);
      total = hn::Add(total, weight);
    }
    hn::Store(new_max, d, max);
    hn::Store(hn::MulAdd(hn::Load(d, sum), alpha, total), d, sum);
    hn::Store(alpha, d, tile.workspace.alpha + n * kLanes);
  }
}

template <size_t kVecs>
void AttendPanel(const QueryTile& tile, int64_t panel, const KeyTile& keys, const KeyRange& range) {
  const Workspace& work = tile.workspace;
  const SeenKeys seen =
      range.exact ? SeenKeys{0, keys.num_keys, false} : FindSeenKeys(tile.limits.views[panel], keys);
  const auto [begin, end, masked] = seen;
  if (begin >= end) return;
  const int64_t aligned = begin / 4 * 4;  // MultiplyBlock wants whole blocks of 4 keys
  Multiply<kVecs>(work.k + aligned, kTileKeys, work.q + panel * kPanel * tile.head_dim, tile.head_dim,
                  nullptr, work.scores + aligned * kPanel, end - aligned);
  if (masked) MaskScores<int64_t{kVecs}>(tile.limits, panel, keys, seen, work.scores);
  UpdateSoftmax<kVecs>(tile, panel, begin, end, range.log2_count);
  Multiply<kVecs>(work.v + begin * tile.padded_dim, tile.padded_dim, work.scores + begin * kPanel,
                  end - begin, work.alpha, work.o + panel * kPanel * tile.padded_dim, tile.head_dim);
}

// K and V of a tile, packed from 8-bit rows, times the scales of the rows.
inline void ScaleTile(const KeyRows<int8_t>& k, const KeyRows<int8_t>& v, int64_t num_keys,
                      const QueryTile& tile) {
  float k_scale[kTileKeys];
  for (int64_t i = 0; i < num_keys; ++i) k_scale[i] = k.Scale(i);
  for (int64_t channel = 0; channel < tile.head_dim; ++channel) {
    float* row = tile.workspace.k + channel * kTileKeys;
    for (int64_t i = 0; i < num_keys; ++i) row[i] *= k_scale[i];
  }
  for (int64_t i = 0; i < num_keys; ++i) {
    float* row = tile.workspace.v + i * tile.padded_dim;
    const float scale = v.Scale(i);
    for (int64_t channel = 0; channel < tile.padded_dim; ++channel) row[channel] *= scale;
  }
}

template <class T>
void AttendRange(const KeyRows<T>& key_rows, const KeyRows<T>& values, const KeyRange& range,
                 const QueryTile& tile) {
  const int64_t num_keys = NumKeys(range);
  for (int64_t begin = 0; begin < num_keys; begin += kTileKeys) {
    const KeyTile keys = {begin, std::min(kTileKeys, num_keys - begin)};
    if (!range.exact && !IsSeen(tile.limits, tile.num_panels(), keys)) continue;
    PackTransposed(key_rows.From(begin), keys.num_keys, RoundUp(keys.num_keys, kRowPadding), tile.head_dim,
                   1.0f, tile.workspace.k, kTileKeys);
    PackRows(values.From(begin), keys.num_keys, tile.head_dim, tile.workspace.v, tile.padded_dim);
    if constexpr (std::is_same_v<T, int8_t>)
      ScaleTile(key_rows.From(begin), values.From(begin), keys.num_keys, tile);
    for (int64_t panel = 0; panel < tile.num_panels(); ++panel) {
      const int64_t rows = std::min(kPanel, tile.num_rows - panel * kPanel);
      if (rows > 2 * kLanes) {
        AttendPanel<3>(tile, panel, keys, range);
      } else if (rows > kLanes) {
        AttendPanel<2>(tile, panel, keys, range);
      } else {
        AttendPanel<1>(tile, panel, keys, range);
      }
    }
  }
}

template <class T>
void LoadQueries(const AttentionHead<T>& head, int64_t query_begin, const QueryTile& tile) {
  const DF d;
  constexpr float kLog2E = 1.44269504f;  // scores to base 2: exponentials are cheaper
  const Workspace& work = tile.workspace;
  for (int64_t panel = 0; panel < tile.num_panels(); ++panel) {
    const QueryRows<const float, T> rows = {head, head.q, query_begin + panel * kPanel};
    PackTransposed(rows, std::min(kPanel, tile.num_rows - panel * kPanel), kPanel, tile.head_dim,
                   head.scale * kLog2E, work.q + panel * kPanel * tile.head_dim, kPanel);
  }
  for (int64_t i = 0; i < tile.num_panels() * kPanel; i += kLanes) {
    hn::Store(hn::Set(d, kLowest), d, work.max + i);
    hn::Store(hn::Zero(d), d, work.sum + i);
  }
  for (int64_t i = 0; i < tile.num_panels() * kPanel * tile.padded_dim; i += kLanes)
    hn::Store(hn::Zero(d), d, work.o + i);
}

template <class T>
void StoreOutputs(const AttentionHead<T>& head, int64_t query_begin, const QueryTile& tile) {
  const DF d;
  const Workspace& work = tile.workspace;
  for (int64_t panel = 0; panel < tile.num_panels(); ++panel) {
    float* o = work.o + panel * kPanel * tile.padded_dim;
    for (int64_t n = 0; n < kPanel; n += kLanes) {
      const VF sum = hn::Load(d, work.sum + panel * kPanel + n);
      const VF inverse = hn::IfThenElseZero(hn::Gt(sum, hn::Zero(d)), hn::Div(hn::Set(d, 1.0f), sum));
      for (int64_t channel = 0; channel < tile.head_dim; ++channel) {
        hn::Store(hn::Mul(inverse, hn::Load(d, o + channel * kPanel + n)), d, o + channel * kPanel + n);
      }
    }
    const QueryRows<float, T> rows = {head, head.out, query_begin + panel * kPanel};
    UnpackTransposed(o, kPanel, tile.head_dim, rows, std::min(kPanel, tile.num_rows - panel * kPanel));
  }
  if (head.log_sums.data == nullptr) return;
  for (int64_t i = 0; i < tile.num_rows; ++i)
    *head.log_sums.Row(head.QueryRow(query_begin + i)) = LogSum(work.max[i], work.sum[i]);
}

// Attends the queries at positions [query_begin, query_end), at most kTileQueries.
template <class T>
void AttendTile(const AttentionHead<T>& head, int64_t query_begin, int64_t query_end,
                const Workspace& workspace) {
  QueryTile tile;
  tile.workspace = workspace;
  tile.head_dim = head.q.cols;
  tile.padded_dim = RoundUp(head.q.cols, kRowPadding);
  tile.num_rows = query_end - query_begin;
  LoadQueries(head, query_begin, tile);
  ForEachSeenRange(head, head.Block(query_begin, query_end), &tile.limits, [&](const KeyRange& range) {
    if (range.source == KeySource::kPooled) {
      AttendRange(head.PooledKeys(range), head.PooledValues(range), range, tile);
    } else {
      AttendRange(head.Keys(range), head.Values(range), range, tile);
    }
  });
  StoreOutputs(head, query_begin, tile);
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILED_INL_H_
