// Which keys a query may see. Every select-type attention (full, causal, local, strided, global, random
// blocks, clusters, learned assignments) differs only in the answers its pattern gives; one tiled kernel
// consumes them.
//
// A pattern answers three questions:
//
// - Order: in which order are queries and keys walked? The order of time, or an index list that brings
//   together what belongs together (the members of a cluster, the positions of one residue of a stride). From
//   there on "position" means the position in that order.
// - Range: which positions of the keys does a block of query positions see at all? A few arithmetic
//   progressions.
// - RowLimits: where the rows of the block do not all see all of a range, the interval that each row sees.
//
// The kernels skip what no row of a block sees, mask only where rows differ, and gather rows while they pack
// them.
//
// How the known patterns are said in these words, with w: window, s: stride, i: query position, [b, e): the
// block:
//
// - full: one exact range [0, Tk).
// - causal: range [0, e + Tk - Tq), limits [0, i + 1 + Tk - Tq).
// - local: range [b - w, e + w), limits [i - w, i + w + 1).
// - every s-th key beside a local window: two ranges of step s beside the local one, limits [0, i - w) and
//   [i + w + 1, Tk): what the window leaves.
// - dilated window: walk the queries by (i mod s, i / s) (AttentionOrder::query_step); one range of step s
// for
//   each residue in the block, limits empty for rows of another residue.
// - Sparse Transformer (Child et al. 2019), "strided" head: the same, back to the first key and causal.
// Without
//   an order, one diagonal band [b - k s, e - k s) per k, limits [i - k s, i - k s + 1).
// - Sparse Transformer, "fixed" head: a range of the query's bucket, and ranges of step s for summary
// columns.
// - global tokens: an exact range of the global keys, or of the list that names them (KeySource::kListed),
//   which is cut out of the others.
// - random blocks: one range per key block of the table, limits empty for rows of another query block.
// - a sliding window over more than one run: ranges of the ring of past keys (KeySource::kPast).
// - mixed heads: ask another pattern per head.
// - clusters (LSH, k-means, learned assignment): order both sides by (cluster, time); one range per cluster
//   in the block, limits empty for rows of other clusters, [first, last key not later than the query) where
//   causal.
#ifndef EARSHOT_RUNTIME_ATTENTION_ATTENTION_PATTERN_H_
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_PATTERN_H_

#include <cstdint>
#include <span>

namespace earshot {

// What the positions of a range count.
enum class KeySource : uint8_t {
  kKeys,    // keys, in the pattern's order
  kPooled,  // pooled keys (AttentionPattern::PoolLength)
  kListed,  // entries of QueryBlock::listed, which name keys
  kPast,    // rows of the ring that holds the keys of earlier runs (QueryBlock::past)
};

// Key positions begin, begin + step, ... below end; half-open.
struct KeyRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t step = 1;   // > 0
  bool exact = true;  // every row of the block sees all of it; else RowLimits says what each row sees
  KeySource source = KeySource::kKeys;
  float log2_count = 0.0f;  // each key counts as 2^log2_count keys of the same content
};

// A row sees only the key positions of the range that lie in [begin, end). May reach beyond the range; begin
// >= end: none.
struct KeyLimits {
  int64_t begin = 0;
  int64_t end = 0;
};

// Rows of Q and of K, V in the order in which positions count. Empty lists stand for the natural order.
struct AttentionOrder {
  std::span<const int32_t> queries;  // a permutation of [0, Tq)
  std::span<const int32_t> keys;  // any number of indices in [0, Tk); Tk of the positions is then keys.size()
  int64_t query_step = 1;         // > 1, without a list: queries are walked by (i mod step, i / step)
};

// The row of Q at a position of an order with a query step: first the rows 0, step, 2 step, ..., then 1, 1 +
// step, ... Requires 0 <= position < num_queries.
inline int64_t InterleavedRow(int64_t position, int64_t num_queries, int64_t step) {
  const int64_t length = num_queries / step, num_longer = num_queries % step;  // of the first residues
  if (const int64_t longer_end = num_longer * (length + 1); position >= longer_end) {
    const int64_t rest = position - longer_end;
    return num_longer + rest / length + rest % length * step;
  }
  return position / (length + 1) + position % (length + 1) * step;
}

// The position of the first row of a residue, and of Tq for residue == step.
inline int64_t InterleavedBegin(int64_t residue, int64_t num_queries, int64_t step) {
  const int64_t num_longer = num_queries % step;
  return residue * (num_queries / step) + (residue < num_longer ? residue : num_longer);
}

// Keys and values of earlier runs, kept in a ring: row (next - d) mod capacity holds what stood d rows before
// the first key of this run, for 1 <= d <= held.
struct PastKeys {
  int64_t capacity = 0;
  int64_t next = 0;  // in [0, capacity): where the next key goes
  int64_t held = 0;  // in [0, capacity]
};

// Which part of the attention matrix a pattern is asked about.
struct QueryBlock {
  int64_t head = 0;         // query head
  int64_t query_begin = 0;  // positions of queries, half-open
  int64_t query_end = 0;
  int64_t num_queries = 0;               // Tq of this run
  int64_t num_keys = 0;                  // Tk of this run
  std::span<const int32_t> listed = {};  // keys that this run names, ascending, each once
  PastKeys past = {};

  int64_t num_rows() const { return query_end - query_begin; }
};

// Threads: const methods may be called from several threads at once. They never allocate.
// The kernel chooses the blocks (1 to 96 rows); every answer must hold for any block.
// All is inline, so that code with run-time type information (tests) can derive from it although the runtime
// is built without.
class AttentionPattern {
 public:
  virtual ~AttentionPattern() = default;

  // Ranges that together hold every key some query of the block sees. They may be empty, come in any order
  // and share keys as long as no row sees a key twice. Requires 0 <= index < NumRanges(block) for Range.
  virtual int64_t NumRanges(const QueryBlock& block) const = 0;
  virtual KeyRange Range(const QueryBlock& block, int64_t index) const = 0;

  // limits[r] for the row query_begin + r of the block; limits.size() == block.num_rows(). Asked only where
  // Range(block, index) is not exact.
  virtual void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const {
    const KeyRange range = Range(block, index);
    for (KeyLimits& row : limits) row = {range.begin, range.end};
  }

  // Pooled key p is the mean of the keys in rows [p * PoolLength, (p + 1) * PoolLength), of K as of V; there
  // are Tk / PoolLength of them, and the last one takes the rows left over as well. 0: the head has no pooled
  // ranges. Of the heads that share a key head all have the same length, or none.
  virtual int64_t PoolLength(int64_t /*head*/) const { return 0; }

  // The lists must stay as they are while Attend runs.
  virtual AttentionOrder Order(int64_t /*head*/, int64_t /*num_queries*/, int64_t /*num_keys*/) const {
    return {};
  }
};

// Every key.
class FullPattern final : public AttentionPattern {
 public:
  int64_t NumRanges(const QueryBlock& block) const override;
  KeyRange Range(const QueryBlock& block, int64_t index) const override;
};

// Keys up to the query's own position. The last query sits at the last key (a KV cache holds the past in
// front): query i sees key j iff j <= i + num_keys - num_queries.
class CausalPattern final : public AttentionPattern {
 public:
  int64_t NumRanges(const QueryBlock& block) const override;
  KeyRange Range(const QueryBlock& block, int64_t index) const override;
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_PATTERN_H_
