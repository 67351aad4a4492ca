// Two ranges for each chunk that a query faces, found by binary search: lists are ordered by class and row. A
// range may reach over the chunks of all queries of a block; the limits of its rows say what each one sees.
// Where pairs count once, keys of one block have other weights for other queries: a range for each place in
// the chunks and each number of meetings, most of them empty.
#include "runtime/attention/patterns/cluster_pattern.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace earshot {
namespace {

constexpr int32_t kFirstRow = std::numeric_limits<int32_t>::min();
constexpr int32_t kBeyondRows = std::numeric_limits<int32_t>::max();
// A query that sees only itself counts next to nothing beside its other places, but is not nothing.
constexpr float kAloneLog2Count = -50000.0f * 1.44269504f;
// Pairs that meet only across the end of a round have been counted 0 times.
constexpr double kCountEpsilon = 1e-9;

bool IsMasked(int32_t row_class) { return (row_class & 1) != 0; }

// The first position of the segment whose class and row are not below these.
int64_t LowerBound(const ClusterList& list, const KeyLimits& segment, int32_t row_class, int64_t row) {
  int64_t begin = segment.begin, end = segment.end;
  while (begin < end) {
    const int64_t middle = begin + (end - begin) / 2;
    const size_t i = static_cast<size_t>(middle);
    const bool is_below =
        list.classes[i] != row_class ? list.classes[i] < row_class : int64_t{list.rows[i]} < row;
    if (is_below) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

int64_t Size(const ClusterList& list) { return static_cast<int64_t>(list.rows.size()); }

}  // namespace

ClusterPattern::ClusterPattern(const ClusterSpec& spec, std::span<const ClusterHead> heads)
    : spec_(spec), heads_(heads) {}

KeyLimits ClusterPattern::Segment(const ClusterHead& lists, int64_t position, int64_t segment) const {
  if (spec_.chunk == 0) return {0, Size(lists.keys)};
  const int64_t begin = (position / spec_.chunk + segment) * spec_.chunk;
  return {begin, begin + spec_.chunk};
}

KeyLimits ClusterPattern::Seen(const ClusterHead& lists, int64_t position, int64_t segment,
                               int64_t part) const {
  const int64_t row = lists.queries.rows[static_cast<size_t>(position)];
  int32_t row_class = lists.queries.classes[static_cast<size_t>(position)];
  const KeyLimits keys = Segment(lists, position, segment);
  const auto between = [&](int64_t first_row, int64_t end_row) {
    return KeyLimits{LowerBound(lists.keys, keys, row_class, first_row),
                     LowerBound(lists.keys, keys, row_class, end_row)};
  };
  if (IsMasked(row_class)) {
    if (spec_.masked == MaskedQueries::kEverything) {
      if (part != kUpToOwn) return {};
      return {LowerBound(lists.keys, keys, row_class - 1, kFirstRow),
              LowerBound(lists.keys, keys, row_class, kBeyondRows)};
    }
    --row_class;
    if (spec_.masked == MaskedQueries::kMemories)
      return part == kUpToOwn ? KeyLimits{} : between(spec_.memory_begin, kBeyondRows);
  }
  const bool has_parts = spec_.causal || spec_.hides_own;
  if (part == kUpToOwn) return between(kFirstRow, !has_parts ? kBeyondRows : spec_.hides_own ? row : row + 1);
  if (!has_parts) return {};
  return between(spec_.causal ? std::max(row + 1, spec_.memory_begin) : row + 1, kBeyondRows);
}

KeyLimits ClusterPattern::Alone(const ClusterHead& lists, int64_t position) const {
  for (int64_t segment = 0; segment < NumSegments(); ++segment) {
    for (int64_t part = 0; part < kNumParts; ++part) {
      const KeyLimits seen = Seen(lists, position, segment, part);
      if (seen.begin < seen.end) return {};
    }
  }
  const int32_t row = lists.queries.rows[static_cast<size_t>(position)];
  const int32_t row_class = lists.queries.classes[static_cast<size_t>(position)];
  const KeyLimits keys = Segment(lists, position, spec_.before);
  const int64_t own = LowerBound(lists.keys, keys, row_class, row);
  const bool is_there = own < keys.end && lists.keys.rows[static_cast<size_t>(own)] == row;
  return is_there ? KeyLimits{own, own + 1} : KeyLimits{};
}

int64_t ClusterPattern::CountMeetings(const ClusterHead& lists, int64_t query_row, int64_t key_row) const {
  const int64_t num_positions = Size(lists.queries), num_chunks = num_positions / spec_.chunk;
  int64_t count = 0;
  for (int64_t round = 0; round < num_positions; round += spec_.num_rows) {
    const int32_t query = lists.positions[static_cast<size_t>(round + query_row)];
    const int32_t key = lists.positions[static_cast<size_t>(round + key_row)];
    const auto& classes = lists.queries.classes;
    if (classes[static_cast<size_t>(query)] != classes[static_cast<size_t>(key)]) continue;
    const int64_t chunks_back = query / spec_.chunk - key / spec_.chunk;
    for (int64_t back = -spec_.after; back <= spec_.before; ++back)
      count += (chunks_back - back) % num_chunks == 0 ? 1 : 0;
  }
  return count;
}

bool ClusterPattern::SeesTimes(const ClusterHead& lists, int64_t position, int64_t key, int64_t count) const {
  const int64_t query_row = lists.queries.rows[static_cast<size_t>(position)];
  const int64_t key_row = lists.keys.rows[static_cast<size_t>(key)];
  const int64_t segment = key / spec_.chunk - position / spec_.chunk;
  bool is_seen = false;
  for (int64_t part = 0; part < kNumParts; ++part) {
    const KeyLimits seen = Seen(lists, position, segment, part);
    is_seen = is_seen || (key >= seen.begin && key < seen.end);
  }
  return is_seen && CountMeetings(lists, query_row, key_row) == count;
}

int64_t ClusterPattern::MaxCount() const {
  return Size(heads_.front().queries) / spec_.num_rows * NumSegments();
}

int64_t ClusterPattern::NumKeyRanges() const {
  if (!spec_.pairs_once) return NumSegments() * kNumParts;
  return NumSegments() * spec_.chunk * (MaxCount() + 1);
}

int64_t ClusterPattern::NumRanges(const QueryBlock&) const {
  return NumKeyRanges() + (spec_.hides_own ? 1 : 0);
}

KeyRange ClusterPattern::Range(const QueryBlock& block, int64_t index) const {
  const ClusterHead& lists = Lists(block.head);
  const int64_t last = block.query_end - 1;
  KeyRange range = {.exact = false};
  const bool is_alone = index == NumKeyRanges();
  if (spec_.pairs_once && !is_alone) {
    const int64_t count = index % (MaxCount() + 1), place = index / (MaxCount() + 1);
    range.begin = Segment(lists, block.query_begin, 0).begin + place;
    range.end = Segment(lists, last, 0).begin + place + 1;
    range.step = spec_.chunk;
    range.log2_count = -static_cast<float>(std::log2(static_cast<double>(count) + kCountEpsilon));
    return range;
  }
  const int64_t segment = is_alone ? spec_.before : index / kNumParts;
  range.begin = Segment(lists, block.query_begin, segment).begin;
  range.end = Segment(lists, last, segment).end;
  if (is_alone) range.log2_count = kAloneLog2Count;
  if (spec_.chunk > 0) return range;
  // Queries and keys are ordered by class.
  const auto& classes = lists.queries.classes;
  const KeyLimits all = {range.begin, range.end};
  range.begin = LowerBound(lists.keys, all, classes[static_cast<size_t>(block.query_begin)] & ~1, kFirstRow);
  range.end = LowerBound(lists.keys, all, classes[static_cast<size_t>(last)] | 1, kBeyondRows);
  return range;
}

void ClusterPattern::RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const {
  const ClusterHead& lists = Lists(block.head);
  int64_t position = block.query_begin;
  for (KeyLimits& row : limits) {
    if (index == NumKeyRanges()) {
      row = Alone(lists, position);
    } else if (spec_.pairs_once) {
      const int64_t count = index % (MaxCount() + 1);
      const int64_t key = Segment(lists, position, 0).begin + index / (MaxCount() + 1);
      row = SeesTimes(lists, position, key, count) ? KeyLimits{key, key + 1} : KeyLimits{};
    } else {
      row = Seen(lists, position, index / kNumParts, index % kNumParts);
    }
    ++position;
  }
}

}  // namespace earshot
