// Causal attention over keys that stand for several positions each.
#ifndef EARSHOT_RUNTIME_ATTENTION_PATTERNS_SUMMARY_PATTERN_H_
#define EARSHOT_RUNTIME_ATTENTION_PATTERNS_SUMMARY_PATTERN_H_

#include <cstdint>
#include <span>

#include "runtime/attention/attention_pattern.h"

namespace earshot {

// Every query sees the first `always` keys. Of the others each stands for `step` positions, the last one for
// those that end with the last query: a query sees those whose positions are all no later than its own
// (memory-compressed attention, Liu et al. 2018).
class SummaryPattern final : public AttentionPattern {
 public:
  // always >= 0, step > 0.
  SummaryPattern(int64_t always, int64_t step) : always_(always), step_(step) {}

  int64_t NumRanges(const QueryBlock& block) const override;
  KeyRange Range(const QueryBlock& block, int64_t index) const override;
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override;

 private:
  // The keys that a query sees are the first ones.
  int64_t NumSeen(const QueryBlock& block, int64_t query) const;

  int64_t always_;
  int64_t step_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_PATTERNS_SUMMARY_PATTERN_H_
