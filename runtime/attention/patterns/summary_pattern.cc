// The later the query, the more keys.
#include "runtime/attention/patterns/summary_pattern.h"

#include <algorithm>

namespace earshot {

int64_t SummaryPattern::NumSeen(const QueryBlock& block, int64_t query) const {
  const int64_t always = std::min(always_, block.num_keys);
  // Of the positions that the summaries stand for, those up to the query's own.
  const int64_t positions = query + 1 + (block.num_keys - always) * step_ - block.num_queries;
  return always + std::max<int64_t>(0, positions) / step_;
}

int64_t SummaryPattern::NumRanges(const QueryBlock&) const { return 1; }

KeyRange SummaryPattern::Range(const QueryBlock& block, int64_t) const {
  const int64_t end = NumSeen(block, block.query_end - 1);
  return {.begin = 0, .end = end, .step = 1, .exact = end == NumSeen(block, block.query_begin)};
}

void SummaryPattern::RowLimits(const QueryBlock& block, int64_t, std::span<KeyLimits> limits) const {
  int64_t query = block.query_begin;
  for (KeyLimits& row : limits) row = {0, NumSeen(block, query++)};
}

}  // namespace earshot
