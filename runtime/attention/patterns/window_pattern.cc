// Five ranges, most of them empty: the window, then global keys and what stands for the rest, both before the
// window and after it. The keys of each begin and end the later, the later the query: the first and the last
// row of a block bound those of the others.
#include "runtime/attention/patterns/window_pattern.h"

#include <algorithm>
#include <cmath>

namespace earshot {
namespace {

enum RangeIndex : int64_t { kWindow, kGlobalBefore, kGlobalAfter, kBeyondBefore, kBeyondAfter, kNumRanges };

bool IsBeyond(int64_t index) { return index == kBeyondBefore || index == kBeyondAfter; }

}  // namespace

WindowPattern::WindowPattern(const WindowSpec& spec) : spec_(spec) {
  log2_count_ = spec.beyond == KeysBeyond::kPooled ? std::log2(static_cast<float>(spec.step)) : 0.0f;
}

// Begin of the group of pooled keys that holds the key; the last group takes the keys left over.
int64_t WindowPattern::GroupBegin(int64_t key, int64_t num_keys) const {
  if (spec_.beyond != KeysBeyond::kPooled) return key;
  return std::max<int64_t>(0, std::min(key / spec_.step, num_keys / spec_.step - 1)) * spec_.step;
}

// First begin of a group that is not before the key, or the end of all keys.
int64_t WindowPattern::GroupEnd(int64_t key, int64_t num_keys) const {
  if (spec_.beyond != KeysBeyond::kPooled) return key;
  const int64_t group = (key + spec_.step - 1) / spec_.step;
  return group < num_keys / spec_.step ? group * spec_.step : num_keys;
}

KeyLimits WindowPattern::Keys(const QueryBlock& block, int64_t query, int64_t index) const {
  const int64_t own = query + block.num_keys - block.num_queries;
  const int64_t end = spec_.causal ? std::max<int64_t>(0, own + 1) : block.num_keys;
  const int64_t window_begin = GroupBegin(std::clamp<int64_t>(own - spec_.left, 0, end), block.num_keys);
  const int64_t window_end =
      std::min(end, GroupEnd(std::clamp(own + spec_.right + 1, window_begin, end), block.num_keys));
  const int64_t global_end = std::min(end, GroupEnd(std::min(spec_.global, end), block.num_keys));
  switch (index) {
    case kWindow:
      return {window_begin, window_end};
    case kGlobalBefore:
      return {0, std::min(global_end, window_begin)};
    case kGlobalAfter:
      return {window_end, global_end};
    case kBeyondBefore:
      return {global_end, window_begin};
    default:
      return {std::max(global_end, window_end), end};
  }
}

int64_t WindowPattern::PooledPosition(int64_t key, int64_t num_keys) const {
  return key == num_keys ? num_keys / spec_.step : key / spec_.step;
}

int64_t WindowPattern::NumRanges(const QueryBlock&) const {
  if (spec_.beyond != KeysBeyond::kNone) return kNumRanges;
  return spec_.global > 0 ? kBeyondBefore : kGlobalBefore;
}

KeyRange WindowPattern::Range(const QueryBlock& block, int64_t index) const {
  const KeyLimits first = Keys(block, block.query_begin, index);
  const KeyLimits last = Keys(block, block.query_end - 1, index);
  KeyRange range = {.begin = first.begin, .end = std::max(first.begin, last.end), .step = 1};
  range.exact = first.begin == last.begin && first.end == last.end;
  if (!IsBeyond(index)) return range;
  range.log2_count = log2_count_;
  if (spec_.beyond == KeysBeyond::kPooled) {
    range.pooled = true;
    range.begin = PooledPosition(range.begin, block.num_keys);
    range.end = PooledPosition(range.end, block.num_keys);
    return range;
  }
  range.step = spec_.step;
  const int64_t steps = std::max<int64_t>(0, range.begin - spec_.offset + spec_.step - 1) / spec_.step;
  range.begin = spec_.offset + steps * spec_.step;
  return range;
}

void WindowPattern::RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const {
  const bool pooled = IsBeyond(index) && spec_.beyond == KeysBeyond::kPooled;
  int64_t query = block.query_begin;
  for (KeyLimits& row : limits) {
    row = Keys(block, query++, index);
    if (!pooled) continue;
    row = {PooledPosition(row.begin, block.num_keys), PooledPosition(row.end, block.num_keys)};
  }
}

}  // namespace earshot
