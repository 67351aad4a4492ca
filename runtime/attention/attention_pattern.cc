// The full and the causal pattern.
#include "runtime/attention/attention_pattern.h"

namespace earshot {

int64_t FullPattern::NumRanges(const QueryBlock&) const { return 1; }

KeyRange FullPattern::Range(const QueryBlock& block, int64_t) const {
  return {.begin = 0, .end = block.num_keys};
}

int64_t CausalPattern::NumRanges(const QueryBlock&) const { return 1; }

KeyRange CausalPattern::Range(const QueryBlock& block, int64_t) const {
  const int64_t past = block.num_keys - block.num_queries;
  return {.begin = 0, .end = block.query_end + past, .exact = block.num_rows() == 1};
}

void CausalPattern::RowLimits(const QueryBlock& block, int64_t, std::span<KeyLimits> limits) const {
  int64_t end = block.query_begin + 1 + block.num_keys - block.num_queries;
  for (KeyLimits& row : limits) row = {0, end++};
}

}  // namespace earshot
