// What the attention kernels share beside SIMD: tile sizes, the layout of the workspace, one head's view of
// the operands, and which rows of K and V a range selects.
#ifndef EARSHOT_RUNTIME_ATTENTION_ATTENTION_JOB_H_
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_JOB_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "runtime/attention/attention.h"
#include "runtime/attention/few_products.h"

namespace earshot::attention {

// Up to this many query rows are attended one by one, streaming over K and V; more go through tiles.
constexpr int64_t kMaxFewQueries = 6;
// Keys whose scores the streaming kernel holds before it turns to their values: their rows stay in the
// first-level cache.
constexpr int64_t kFewTileKeys = 64;

// Levels of magnitude to which one of few queries of 8-bit keys is rounded, as far as the sum of a head's
// products fits 32 bits.
constexpr int64_t FewQueryLevels(int64_t head_dim) {
  return std::min<int64_t>(kFewLevels, std::numeric_limits<int32_t>::max() / (127 * head_dim));
}

// Tile of queries x keys. 96 is a multiple of every panel width (3 vectors of 4, 8 or 16 lanes).
constexpr int64_t kTileQueries = 96;
constexpr int64_t kTileKeys = 64;
// Widest panel of queries that passes through the micro-kernel at once.
constexpr int64_t kMaxPanelQueries = 48;
// The micro-kernel computes up to this many rows (keys, channels) at once; buffers are padded to it.
constexpr int64_t kRowPadding = 8;

constexpr int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Scratch of one thread. All pointers are 64-byte aligned; sizes in floats.
struct Workspace {
  float* q;          // tiled: [panels][D][panel]; few: [rows][D padded], scaled queries
  int16_t* q16;      // few: q over q16_scale, rounded; only for 8-bit keys
  float* q16_scale;  // few: [rows]
  int32_t* sums;     // few: [D padded] of 16-bit weights times 8-bit values
  float* o;          // tiled: [panels][D padded][panel]; few: [rows][D padded], sums of weighted values
  float* scores;     // tiled: [kTileKeys][panel]; few: [kFewTileKeys]
  float* k;          // tiled: [D][kTileKeys]
  float* v;          // tiled: [kTileKeys][D padded]
  float* max;        // [kTileQueries] running maximum of the scores of a query
  float* sum;        // [kTileQueries] running sum of the exponentials
  float* alpha;      // [kMaxPanelQueries] factor by which a new maximum shrinks the old sums
};

// Lays the pieces out from `base` on; returns the bytes used, a multiple of 64.
inline size_t LayOutWorkspace(const AttentionShape& shape, std::byte* base, Workspace* workspace) {
  const bool few = shape.max_queries <= kMaxFewQueries;
  const int64_t dim = RoundUp(shape.head_dim, 16);
  const int64_t rows = few ? kMaxFewQueries : kTileQueries;
  size_t offset_bytes = 0;
  const auto take = [&](int64_t elems) {
    float* piece = base == nullptr ? nullptr : static_cast<float*>(static_cast<void*>(base + offset_bytes));
    offset_bytes += static_cast<size_t>(RoundUp(elems, 16)) * sizeof(float);
    return piece;
  };
  workspace->q = take(rows * dim);
  // Integers; no piece is both.
  workspace->q16 = static_cast<int16_t*>(static_cast<void*>(take(kMaxFewQueries * dim / 2)));
  workspace->sums = static_cast<int32_t*>(static_cast<void*>(take(dim)));
  workspace->q16_scale = take(kMaxFewQueries);
  workspace->o = take(rows * dim);
  workspace->scores = take(few ? kFewTileKeys : kTileKeys * kMaxPanelQueries);
  workspace->k = take(few ? 0 : kTileKeys * dim);
  workspace->v = take(few ? 0 : kTileKeys * dim);
  workspace->max = take(rows);
  workspace->sum = take(rows);
  workspace->alpha = take(few ? 0 : kMaxPanelQueries);
  return offset_bytes;
}

// Rows [begin, end) whose mean is a pooled key (AttentionPattern::PoolLength).
struct RowGroup {
  int64_t begin;
  int64_t end;
};

inline int64_t NumPooledKeys(int64_t num_keys, int64_t pool_length) {
  return pool_length == 0 ? 0 : num_keys / pool_length;
}

// AttentionPattern::PoolLength of the query heads that share a key head.
inline int64_t PoolLengthOf(const AttentionPattern& pattern, const AttentionShape& shape, int64_t kv_head) {
  const int64_t group = shape.num_heads / shape.num_kv_heads;
  int64_t length = 0;
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
    length = std::max(length, pattern.PoolLength(head));
  return length;
}

inline RowGroup GroupOf(int64_t pooled_key, int64_t num_keys, int64_t pool_length) {
  const bool is_last = pooled_key + 1 == NumPooledKeys(num_keys, pool_length);
  return {pooled_key * pool_length, is_last ? num_keys : (pooled_key + 1) * pool_length};
}

// Rows of K or V that a range selects: operator()(i) is the row of the i-th key of the range.
template <class T>
struct KeyRows {
  Matrix<const T> matrix;
  const int32_t* order;  // nullptr: natural
  int64_t begin;
  int64_t step;
  Matrix<const float> scales = {};  // [Tk, 1] of the rows of 8-bit caches

  int64_t RowIndex(int64_t i) const {
    const int64_t position = begin + i * step;
    return order == nullptr ? position : order[position];
  }
  const T* operator()(int64_t i) const { return matrix.Row(RowIndex(i)); }
  float Scale(int64_t i) const { return *scales.Row(RowIndex(i)); }
  KeyRows From(int64_t first) const { return {matrix, order, begin + first * step, step, scales}; }
};

// One query head: its columns of the operands, and its pattern.
template <class T>
struct AttentionHead {
  Matrix<const float> q;         // [Tq, D]
  Matrix<const T> k;             // [Tk, D]
  Matrix<const T> v;             // [Tk, D]
  Matrix<const float> k_scales;  // [Tk, 1]; only for int8_t
  Matrix<const float> v_scales;  // likewise
  Matrix<float> out;             // [Tq, D]
  Matrix<float> log_sums;        // [Tq, 1], or empty
  const AttentionPattern* pattern;
  AttentionOrder order;
  int64_t head;
  float scale;
  std::span<const int32_t> listed;
  PastKeys past;
  Matrix<const T> past_k;  // [capacity, D]
  Matrix<const T> past_v;
  // Set by Attend where the pattern pools.
  Matrix<const float> pooled_k;  // [Tk / PoolLength, D]
  Matrix<const float> pooled_v;

  int64_t QueryRow(int64_t position) const {
    if (!order.queries.empty()) return order.queries[static_cast<size_t>(position)];
    return order.query_step == 1 ? position : InterleavedRow(position, q.rows, order.query_step);
  }
  // Of ranges that are not pooled.
  KeyRows<T> Keys(const KeyRange& range) const {
    if (range.source == KeySource::kPast) return {past_k, nullptr, range.begin, range.step};
    return {k, OrderOf(range), range.begin, range.step, k_scales};
  }
  KeyRows<T> Values(const KeyRange& range) const {
    if (range.source == KeySource::kPast) return {past_v, nullptr, range.begin, range.step};
    return {v, OrderOf(range), range.begin, range.step, v_scales};
  }
  const int32_t* OrderOf(const KeyRange& range) const {
    return range.source == KeySource::kListed ? listed.data() : order.keys.data();
  }
  KeyRows<float> PooledKeys(const KeyRange& range) const {
    return {pooled_k, nullptr, range.begin, range.step};
  }
  KeyRows<float> PooledValues(const KeyRange& range) const {
    return {pooled_v, nullptr, range.begin, range.step};
  }
  QueryBlock Block(int64_t query_begin, int64_t query_end) const {
    return {head, query_begin, query_end, q.rows, k.rows, listed, past};
  }
};

// The columns of a head of an operand, whether its neighbours' lie beside them (head_stride 0) or elsewhere
// (AttentionOperands::head_stride). What is absent has no columns either.
template <class T>
Matrix<T> HeadColumns(const Matrix<T>& matrix, int64_t head, int64_t cols, int64_t head_stride) {
  if (matrix.data == nullptr) return matrix;
  return {matrix.data + head * (head_stride != 0 ? head_stride : cols), matrix.rows, cols, matrix.stride};
}

// What row `row` of q sees where sequences lie side by side (AttentionParams::side_by_side).
template <class T>
AttentionOperands<T> SequenceOf(const AttentionOperands<T>& all, int64_t row) {
  const int64_t keys = all.k.rows / all.q.rows, first = row * keys;
  AttentionOperands<T> one = all;
  one.q = all.q.Rows(row, 1);
  one.k = all.k.Rows(first, keys);
  one.v = all.v.Rows(first, keys);
  one.out = all.out.Rows(row, 1);
  if (all.k_scales.data != nullptr) one.k_scales = all.k_scales.Rows(first, keys);
  if (all.v_scales.data != nullptr) one.v_scales = all.v_scales.Rows(first, keys);
  if (all.log_sums.data != nullptr) one.log_sums = all.log_sums.Rows(row, 1);
  return one;
}

// AttentionOperands::log_sums of a row whose exponentials, 2^(score - max) to base 2, sum up to `sum`.
inline float LogSum(float max, float sum) {
  constexpr float kLn2 = 0.693147181f;
  return sum > 0.0f ? max * kLn2 + std::log(sum) : -std::numeric_limits<float>::infinity();
}

template <class T>
AttentionHead<T> MakeHead(const AttentionParams& params, const AttentionOperands<T>& operands, int64_t head) {
  const int64_t dim = params.shape.head_dim;
  const int64_t kv_head = head / (params.shape.num_heads / params.shape.num_kv_heads);
  return {.q = operands.q.Columns(head * dim, dim),
          .k = HeadColumns(operands.k, kv_head, dim, operands.head_stride),
          .v = HeadColumns(operands.v, kv_head, dim, operands.head_stride),
          .k_scales = HeadColumns(operands.k_scales, kv_head, 1, operands.scale_head_stride),
          .v_scales = HeadColumns(operands.v_scales, kv_head, 1, operands.scale_head_stride),
          .out = operands.out.Columns(head * dim, dim),
          .log_sums = HeadColumns(operands.log_sums, head, 1, 0),
          .pattern = params.pattern,
          .order = params.pattern->Order(head, operands.q.rows, operands.k.rows),
          .head = head,
          .scale = params.scale,
          .listed = operands.listed,
          .past = operands.past,
          .past_k = HeadColumns(operands.past_k, kv_head, dim, 0),
          .past_v = HeadColumns(operands.past_v, kv_head, dim, 0),
          .pooled_k = {},
          .pooled_v = {}};
}

// Number of keys in a range.
inline int64_t NumKeys(const KeyRange& range) {
  return std::max<int64_t>(0, (range.end - range.begin + range.step - 1) / range.step);
}

// An interval [begin, end) of the keys of a range, counted from its first key; empty intervals are {0, 0}.
struct KeyInterval {
  int32_t begin = 0;
  int32_t end = 0;
};

// What limits in positions leave of the `num_keys` keys of a range.
inline KeyInterval Clip(const KeyRange& range, int64_t num_keys, const KeyLimits& limits) {
  const auto index_of = [&](int64_t position) {  // of the first key at or after the position
    const int64_t distance = position - range.begin;
    const int64_t steps = range.step == 1 ? distance : (distance + range.step - 1) / range.step;
    return std::min(steps, num_keys);
  };
  const int64_t begin = limits.begin <= range.begin ? 0 : index_of(limits.begin);
  const int64_t end = limits.end <= range.begin ? 0 : index_of(limits.end);
  if (begin >= end) return {};
  return {static_cast<int32_t>(begin), static_cast<int32_t>(end)};
}

}  // namespace earshot::attention

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_JOB_H_
