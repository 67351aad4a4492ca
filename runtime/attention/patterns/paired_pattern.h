// Blocks of queries that see themselves, and keys that somebody put in front for them.
#ifndef EARSHOT_RUNTIME_ATTENTION_PATTERNS_PAIRED_PATTERN_H_
#define EARSHOT_RUNTIME_ATTENTION_PATTERNS_PAIRED_PATTERN_H_

#include <cstdint>
#include <span>

#include "runtime/attention/attention_pattern.h"

namespace earshot {

struct PairedSpec {
  int64_t queries = 1;  // > 0: length of a block
  int64_t keys = 1;     // > 0: keys in front for each of them
  bool causal = false;  // of its own block a query sees no key later than its own
};

// The keys of the queries themselves are the last Tq ones; in front of them stand `keys` keys for each block
// of `queries` queries, in that order; what is left of the front serves no block, and the last group all
// blocks for which there is none. Which keys those are has been decided at run time: Sinkhorn attention (Tay
// et al. 2020) puts the buckets that a bucket chose there, or, cut short (SortCut), one group for all.
class PairedPattern final : public AttentionPattern {
 public:
  explicit PairedPattern(const PairedSpec& spec) : spec_(spec) {}

  int64_t NumRanges(const QueryBlock& block) const override;
  KeyRange Range(const QueryBlock& block, int64_t index) const override;
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override;

 private:
  KeyLimits KeysOf(const QueryBlock& block, int64_t query, int64_t index) const;

  PairedSpec spec_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_PATTERNS_PAIRED_PATTERN_H_
