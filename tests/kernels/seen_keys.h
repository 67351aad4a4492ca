// What the ranges and limits of a pattern come down to: which query sees which key, how often.
#ifndef EARSHOT_TESTS_KERNELS_SEEN_KEYS_H_
#define EARSHOT_TESTS_KERNELS_SEEN_KEYS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/attention/attention_job.h"
#include "runtime/attention/attention_pattern.h"

namespace earshot::testing {

// The row of Q at a position of a pattern's order without lists.
inline int64_t QueryAt(const AttentionPattern& pattern, const QueryBlock& block, int64_t position) {
  const int64_t step = pattern.Order(block.head, block.num_queries, block.num_keys).query_step;
  return step == 1 ? position : InterleavedRow(position, block.num_queries, step);
}

// The key that a position of a range stands for; of the past, keys -1, -2, ... before those of this run.
inline int64_t KeyAt(const QueryBlock& block, const KeyRange& range, int64_t position) {
  switch (range.source) {
    case KeySource::kListed:
      return block.listed[static_cast<size_t>(position)];
    case KeySource::kPast: {
      const int64_t distance = block.past.next - position;
      return -(distance > 0 ? distance : distance + block.past.capacity);
    }
    case KeySource::kKeys:
    case KeySource::kPooled:
      break;
  }
  return position;
}

// seen[row][held + key]: how often the query at position query_begin + row sees the key, by itself or in a
// mean, where `held` keys are those of the past.
inline std::vector<std::vector<int>> Seen(const AttentionPattern& pattern, const QueryBlock& block) {
  const int64_t held = block.past.held;
  std::vector<std::vector<int>> seen(static_cast<size_t>(block.num_rows()),
                                     std::vector<int>(static_cast<size_t>(held + block.num_keys)));
  for (int64_t index = 0; index < pattern.NumRanges(block); ++index) {
    const KeyRange range = pattern.Range(block, index);
    std::vector<KeyLimits> limits(seen.size(), {range.begin, range.end});
    if (!range.exact) pattern.RowLimits(block, index, limits);
    for (size_t row = 0; row < seen.size(); ++row) {
      for (int64_t position = range.begin; position < range.end; position += range.step) {
        if (position < limits[row].begin || position >= limits[row].end) continue;
        const int64_t key = KeyAt(block, range, position);
        const attention::RowGroup rows =
            range.source == KeySource::kPooled
                ? attention::GroupOf(key, block.num_keys, pattern.PoolLength(block.head))
                : attention::RowGroup{key, key + 1};
        for (int64_t seen_key = rows.begin; seen_key < rows.end; ++seen_key)
          ++seen[row].at(static_cast<size_t>(held + seen_key));
      }
    }
  }
  return seen;
}

// Keys in the ranges of a block: what a kernel has to look at.
inline int64_t NumKeysOf(const AttentionPattern& pattern, const QueryBlock& block) {
  int64_t count = 0;
  for (int64_t index = 0; index < pattern.NumRanges(block); ++index)
    count += attention::NumKeys(pattern.Range(block, index));
  return count;
}

struct Lengths {
  int64_t queries;
  int64_t keys;
};

// Every block of every size that a kernel may choose.
template <class Visit>
void ForEachBlock(const Lengths& lengths, const Visit& visit) {
  for (int64_t begin = 0; begin < lengths.queries; ++begin) {
    for (int64_t end = begin + 1; end <= std::min(lengths.queries, begin + 96); ++end)
      visit(QueryBlock{.head = 0,
                       .query_begin = begin,
                       .query_end = end,
                       .num_queries = lengths.queries,
                       .num_keys = lengths.keys});
  }
}

}  // namespace earshot::testing

#endif  // EARSHOT_TESTS_KERNELS_SEEN_KEYS_H_
