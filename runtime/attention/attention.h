// Scaled dot-product attention over selected keys: out = softmax(scale * Q K^T restricted to the pattern) V.
//
// Letters: Tq query rows, Tk key rows, H query heads, Hkv key/value heads (H % Hkv == 0; query head h reads
// key/value head h / (H / Hkv)), D channels of a head. Head h of a matrix is its columns [h * D, (h + 1) *
// D).
//
// Method: Vaswani et al. 2017, section 3.2, computed in one pass over the keys with the online softmax of
// Milakov & Gimelshein 2018, tiled as in Dao et al. 2022 (FlashAttention), section 3.1.
#ifndef EARSHOT_RUNTIME_ATTENTION_ATTENTION_H_
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_H_

#include <cstddef>
#include <span>

#include "runtime/attention/attention_pattern.h"
#include "runtime/core/float16.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/thread_pool.h"

namespace earshot {

struct AttentionShape {
  int64_t num_heads = 0;        // H
  int64_t num_kv_heads = 0;     // Hkv
  int64_t head_dim = 0;         // D
  int64_t max_queries = 0;      // largest Tq ever run; side by side: of one sequence, 1
  int64_t max_keys = 0;         // largest Tk ever run
  int64_t min_pool_length = 0;  // smallest AttentionPattern::PoolLength of the heads that pool; 0: none does

  int64_t max_pooled_keys() const { return min_pool_length == 0 ? 0 : max_keys / min_pool_length; }
};

// K is kept as f32, as f16, or as 8-bit integers with a scale for each row and head; V likewise. T is float,
// Float16 or int8_t.
template <class T>
struct AttentionOperands {
  Matrix<const float> q;  // [Tq, H * D]
  Matrix<const T> k;      // [Tk, Hkv * D]
  Matrix<const T> v;      // [Tk, Hkv * D]
  Matrix<float> out;      // [Tq, H * D]; may be the memory of q, not of k or v
  // Only where T is int8_t: K[t, h * D + d] = k[t, h * D + d] * k_scales[t, h]; V likewise.
  Matrix<const float> k_scales = {};  // [Tk, Hkv]
  Matrix<const float> v_scales = {};  // [Tk, Hkv]
  // From the columns of a key head to those of the next, in elements, where they are not neighbours: each
  // head's rows may lie one after the other, which is what memory is fastest at. 0: neighbours.
  int64_t head_stride = 0;        // of K and V
  int64_t scale_head_stride = 0;  // of their scales
  // For patterns with ranges of these sources (KeySource); borrowed.
  std::span<const int32_t> listed = {};  // indices of keys, ascending, each once
  PastKeys past = {};                    // of a ring; T is not int8_t
  Matrix<const T> past_k = {};           // [capacity, Hkv * D]
  Matrix<const T> past_v = {};
  // If there is memory for it: the logarithm of the sum of exp(score) over the keys that a row sees, -inf
  // without any. Attention over parts of the keys can be put together with it. Not by AttendInt8.
  Matrix<float> log_sums = {};  // [Tq, H]
};

struct AttentionParams {
  AttentionShape shape;
  float scale = 1.0f;                         // of the scores, before the softmax
  const AttentionPattern* pattern = nullptr;  // borrowed; full attention where nullptr
  // Sequences side by side: row i of q sees the i-th of Tq equal parts of the keys, and nothing else.
  bool side_by_side = false;
};

// Scratch that Attend needs, for all of `num_threads` threads.
size_t AttentionWorkspaceBytes(const AttentionShape& shape, size_t num_threads);

// Requires shapes that fit `params.shape` (checked by ops/attention.cc; side by side, no pattern and Tk a
// multiple of Tq) and workspace.size() >= AttentionWorkspaceBytes(shape, pool.num_threads()), 64-byte
// aligned. A query row without any key gets zeros. Splits heads x query tiles over the pool's threads. Never
// allocates; cannot fail. The result does not depend on the number of threads. Queries of 8-bit keys, where
// they are at most kMaxFewQueries (attention_job.h), must be finite: they and, on ARM, the weights of 64 keys
// at a time are rounded to 15 bits, a 128th of the rounding that K and V have.
void Attend(const AttentionParams& params, const AttentionOperands<float>& operands,
            std::span<std::byte> workspace, const ThreadPool& pool);
void Attend(const AttentionParams& params, const AttentionOperands<Float16>& operands,
            std::span<std::byte> workspace, const ThreadPool& pool);
void Attend(const AttentionParams& params, const AttentionOperands<int8_t>& operands,
            std::span<std::byte> workspace, const ThreadPool& pool);

// The specification: scalar, one row after the other, softmax in double precision, no workspace. Same results
// within rounding.
void AttendReference(const AttentionParams& params, const AttentionOperands<float>& operands);
void AttendReference(const AttentionParams& params, const AttentionOperands<Float16>& operands);
void AttendReference(const AttentionParams& params, const AttentionOperands<int8_t>& operands);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_H_
