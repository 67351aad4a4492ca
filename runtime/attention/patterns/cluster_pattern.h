// Clusters: rows that an op brought together while the model runs, by their hash or by the nearest of some
// centroids.
#ifndef EARSHOT_RUNTIME_ATTENTION_PATTERNS_CLUSTER_PATTERN_H_
#define EARSHOT_RUNTIME_ATTENTION_PATTERNS_CLUSTER_PATTERN_H_

#include <cstdint>
#include <limits>
#include <span>

#include "runtime/attention/attention_pattern.h"

namespace earshot {

// Rows in the order of their positions, and of what class each is. Rows of the same even class see each
// other; those of the odd class above it are masked: nobody sees them. Ordered by class and row, within each
// chunk or as a whole.
struct ClusterList {
  std::span<const int32_t> rows;
  std::span<const int32_t> classes;
};

struct ClusterHead {
  ClusterList queries;
  ClusterList keys;
  // With pairs_once: where row t stands in round r, [r * rows + t].
  std::span<const int32_t> positions;
};

// What masked queries see.
enum class MaskedQueries : uint8_t {
  kMemories,
  kAsOthers,    // what others of their class see
  kEverything,  // and the masked rows, at any time
};

struct ClusterSpec {
  // Queries in chunk c see keys in the chunks c .. c + before + after of theirs, their own row being in chunk
  // c + before. 0: all queries see the whole list.
  int64_t chunk = 0;
  int64_t before = 0;
  int64_t after = 0;
  bool causal = false;     // no key later than the query
  bool hides_own = false;  // the query itself is seen only by a query that sees nothing else
  MaskedQueries masked = MaskedQueries::kMemories;
  int64_t memory_begin = std::numeric_limits<int32_t>::max();  // rows of keys from here on are never too late
  // A pair that meets n times in chunks of the same round counts 1 / n each time; of `num_rows` rows, each of
  // which is listed once in a round. Only with a chunk and MaskedQueries::kMemories.
  bool pairs_once = false;
  int64_t num_rows = 0;
};

// Positions of queries count places in their list, those of keys in theirs. The pattern has an order for the
// keys; queries are to be given in the order of their list, as they may be listed twice. Papers: Kitaev et
// al. 2020 (Reformer), Roy et al. 2021 (Routing Transformer).
class ClusterPattern final : public AttentionPattern {
 public:
  // One list for each head, or one for all. Borrowed.
  ClusterPattern(const ClusterSpec& spec, std::span<const ClusterHead> heads);

  int64_t NumRanges(const QueryBlock& block) const override;
  KeyRange Range(const QueryBlock& block, int64_t index) const override;
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override;
  AttentionOrder Order(int64_t head, int64_t, int64_t) const override {
    return {.queries = {}, .keys = Lists(head).keys.rows};
  }

 private:
  // Parts of the keys in a chunk, each an interval: those up to the query's own row, and those beyond it.
  enum Part : int64_t { kUpToOwn, kBeyondOwn, kNumParts };

  const ClusterHead& Lists(int64_t head) const {
    return heads_[heads_.size() == 1 ? 0 : static_cast<size_t>(head)];
  }
  int64_t NumSegments() const { return spec_.before + 1 + spec_.after; }
  // Ranges before that of queries which see only themselves.
  int64_t NumKeyRanges() const;
  int64_t MaxCount() const;

  // Positions of keys in a chunk that a query faces.
  KeyLimits Segment(const ClusterHead& lists, int64_t position, int64_t segment) const;
  KeyLimits Seen(const ClusterHead& lists, int64_t position, int64_t segment, int64_t part) const;
  KeyLimits Alone(const ClusterHead& lists, int64_t position) const;
  // Whether a query sees a key for the `count`-th part of its weight.
  bool SeesTimes(const ClusterHead& lists, int64_t position, int64_t key, int64_t count) const;
  int64_t CountMeetings(const ClusterHead& lists, int64_t query_row, int64_t key_row) const;

  ClusterSpec spec_;
  std::span<const ClusterHead> heads_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_PATTERNS_CLUSTER_PATTERN_H_
