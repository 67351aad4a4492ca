// Two ranges, what is in front and the block itself, each from the first block of queries to the last.
#include "runtime/attention/patterns/paired_pattern.h"

#include <algorithm>

namespace earshot {
namespace {

enum RangeIndex : int64_t { kFront, kOwn, kNumRanges };

}  // namespace

KeyLimits PairedPattern::KeysOf(const QueryBlock& block, int64_t query, int64_t index) const {
  const int64_t front = std::max<int64_t>(0, block.num_keys - block.num_queries);
  const int64_t number = query / spec_.queries;
  if (index == kFront) {
    const int64_t groups = front / spec_.keys;
    if (groups == 0) return {0, 0};
    const int64_t begin = std::min(number, groups - 1) * spec_.keys;
    return {begin, begin + spec_.keys};
  }
  const int64_t end = spec_.causal ? query + 1 : (number + 1) * spec_.queries;
  return {std::min(front + number * spec_.queries, block.num_keys), std::min(front + end, block.num_keys)};
}

int64_t PairedPattern::NumRanges(const QueryBlock&) const { return kNumRanges; }

KeyRange PairedPattern::Range(const QueryBlock& block, int64_t index) const {
  const KeyLimits first = KeysOf(block, block.query_begin, index);
  const KeyLimits last = KeysOf(block, block.query_end - 1, index);
  return {.begin = first.begin,
          .end = last.end,
          .step = 1,
          .exact = first.begin == last.begin && first.end == last.end};
}

void PairedPattern::RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const {
  int64_t query = block.query_begin;
  for (KeyLimits& row : limits) row = KeysOf(block, query++, index);
}

}  // namespace earshot
