// Keys near the query and, beyond them, a few keys that stand for the rest.
#ifndef EARSHOT_RUNTIME_ATTENTION_PATTERNS_WINDOW_PATTERN_H_
#define EARSHOT_RUNTIME_ATTENTION_PATTERNS_WINDOW_PATTERN_H_

#include <cstdint>
#include <span>

#include "runtime/attention/attention_pattern.h"

namespace earshot {

// What stands for the keys that lie neither in the window nor among the global ones.
enum class KeysBeyond : uint8_t {
  kNone,
  kStrided,  // `width` keys from offset on, from offset + step on, ...
  kPooled,   // means of `step` keys, each counting as `step` keys. The window and the global keys grow to
             // whole groups, so that every key is seen exactly once: by itself or in a mean. In Whisper's
             // encoder these lose a third of what strided keys lose (models/whisper/README.md); giving a
             // strided key the weight of its whole group gained nothing.
  kDilated,  // those at a multiple of `step` from the query's own, as far as the reach. Queries are walked
             // residue by residue, so that the keys of neighbours are the same.
};

struct WindowSpec {
  // The window, around the query's own key or, with a bucket, around its bucket of keys.
  int64_t left = 0;    // keys before it
  int64_t right = -1;  // keys after it; -1: not even the query's own, which with left = 0 is no window
  int64_t global = 0;  // keys at the begin that every query sees
  KeysBeyond beyond = KeysBeyond::kNone;
  int64_t step = 1;     // > 0
  int64_t offset = 0;   // in [0, step)
  bool causal = false;  // no key later than the query's own
  int64_t width = 1;    // in [1, step]; > 1 only for strided keys
  // Of dilated keys: the distance to the farthest.
  int64_t reach_left = INT32_MAX;
  int64_t reach_right = INT32_MAX;
  // Keys in a bucket, 0: none. Buckets follow each other from key `bucket_offset` on; queries before the
  // first one belong to it.
  int64_t bucket = 0;
  int64_t bucket_offset = 0;
  // The query's own key only where its window has no other (Kitaev et al. 2020, shared queries and keys);
  // causal, without keys beyond the window.
  bool own_last = false;
};

// Query i stands at key i + Tk - Tq (a KV cache holds the past in front). No key is seen twice. Papers: local
// attention, Luong et al. 2015, and Longformer, Beltagy et al. 2020 (dilated, too); strided keys and buckets,
// Sparse Transformer, Child et al. 2019; means of keys, Liu et al. 2018 (memory-compressed attention).
//
// The keys that a run lists (QueryBlock::listed) are seen by all queries as global ones; not beside pooled
// keys. Of the past (QueryBlock::past) the window alone reaches keys, without a bucket; then Tq = Tk.
class WindowPattern final : public AttentionPattern {
 public:
  explicit WindowPattern(const WindowSpec& spec);

  int64_t NumRanges(const QueryBlock& block) const override;
  KeyRange Range(const QueryBlock& block, int64_t index) const override;
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override;
  int64_t PoolLength(int64_t) const override { return spec_.beyond == KeysBeyond::kPooled ? spec_.step : 0; }
  AttentionOrder Order(int64_t, int64_t, int64_t) const override {
    return {.queries = {}, .keys = {}, .query_step = IsInterleaved() ? spec_.step : 1};
  }

 private:
  // Query positions of a block whose keys begin and end the later, the later the query: all of them, or those
  // of one residue.
  struct Run {
    int64_t begin;
    int64_t end;
  };
  // What the index of a range stands for: a part of the keys, of one run, between two listed keys.
  struct Piece {
    int64_t part;
    int64_t run;
    int64_t gap;
  };

  bool IsInterleaved() const { return spec_.beyond == KeysBeyond::kDilated && spec_.step > 1; }
  int64_t NumParts() const;
  int64_t NumPieces(const QueryBlock& block) const;
  Piece PieceAt(const QueryBlock& block, int64_t index) const;
  int64_t FirstResidue(const QueryBlock& block) const;
  Run RunAt(const QueryBlock& block, int64_t index) const;
  // Index of the key at which the query at a position stands.
  int64_t OwnKey(const QueryBlock& block, int64_t position) const;

  // Keys that one query sees in a part, or that one sees in its stead.
  KeyLimits Keys(const QueryBlock& block, int64_t own, int64_t part) const;
  KeyLimits Window(const QueryBlock& block, int64_t own, int64_t end) const;
  // First key from `key` on, not before the first of its column, that a strided or dilated part selects.
  int64_t FirstSelected(int64_t key, int64_t part, int64_t own) const;
  KeyRange PartRange(const QueryBlock& block, const Piece& piece) const;
  KeyRange ListedRange(const QueryBlock& block) const;
  KeyRange PastRange(const QueryBlock& block, int64_t index) const;
  // Row of the ring, or of its continuation below 0, of the first past key that a query sees.
  int64_t FirstPast(const QueryBlock& block, int64_t query, int64_t index) const;

  int64_t GroupBegin(int64_t key, int64_t num_keys) const;
  int64_t GroupEnd(int64_t key, int64_t num_keys) const;
  int64_t PooledPosition(int64_t key, int64_t num_keys) const;

  WindowSpec spec_;
  float log2_count_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_PATTERNS_WINDOW_PATTERN_H_
