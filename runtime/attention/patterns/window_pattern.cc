// Parts, most of them empty: the window, then global keys and what stands for the rest, both before the
// window and after it. The keys of each begin and end the later, the later the query: the first and the last
// row of a run bound those of the others. Listed keys cut the parts into pieces and follow them in a range of
// their own; so do, in two, the past keys of a ring.
#include "runtime/attention/patterns/window_pattern.h"

#include <algorithm>
#include <cmath>

namespace earshot {
namespace {

// From kBeyondBefore on there are two for each column of strided keys.
enum Part : int64_t { kWindow, kGlobalBefore, kGlobalAfter, kBeyondBefore, kBeyondAfter };

bool IsBeyond(int64_t part) { return part >= kBeyondBefore; }
bool IsBefore(int64_t beyond_part) { return (beyond_part - kBeyondBefore) % 2 == 0; }

// Rows from `next` to the end of the ring hold the older part of the past, those before it the newer.
constexpr int64_t kNumPastRanges = 2;

// The remainder that is not negative.
int64_t Residue(int64_t value, int64_t step) { return (value % step + step) % step; }

int64_t Count(std::span<const int32_t> list) { return static_cast<int64_t>(list.size()); }

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

int64_t WindowPattern::PooledPosition(int64_t key, int64_t num_keys) const {
  return key == num_keys ? num_keys / spec_.step : key / spec_.step;
}

KeyLimits WindowPattern::Window(const QueryBlock& block, int64_t own, int64_t end) const {
  // None: all other keys lie after it, in one piece instead of two. (Groups of pooled keys have one around
  // the query's own.)
  const bool has_window = spec_.bucket > 0 || spec_.left > 0 || spec_.right >= 0;
  if (!has_window && spec_.beyond != KeysBeyond::kPooled) return {};
  int64_t begin = own - spec_.left, last = own + spec_.right + 1;
  if (spec_.bucket > 0) {
    const int64_t bucket = std::max<int64_t>(0, (own - spec_.bucket_offset) / spec_.bucket);
    begin = spec_.bucket_offset + bucket * spec_.bucket - spec_.left;
    last = spec_.bucket_offset + (bucket + 1) * spec_.bucket + spec_.right;
  }
  begin = GroupBegin(std::clamp<int64_t>(begin, 0, end), block.num_keys);
  last = std::min(end, GroupEnd(std::clamp(last, begin, end), block.num_keys));
  if (spec_.own_last && last == own + 1 && begin < own) --last;
  return {begin, last};
}

KeyLimits WindowPattern::Keys(const QueryBlock& block, int64_t own, int64_t part) const {
  const int64_t end = spec_.causal ? std::clamp<int64_t>(own + 1, 0, block.num_keys) : block.num_keys;
  const KeyLimits window = Window(block, own, end);
  const int64_t global_end = std::min(end, GroupEnd(std::min(spec_.global, end), block.num_keys));
  switch (part) {
    case kWindow:
      return window;
    case kGlobalBefore:
      return {0, std::min(global_end, window.begin)};
    case kGlobalAfter:
      return {window.end, global_end};
    default:
      break;
  }
  const int64_t first = std::max(global_end, own - spec_.reach_left);
  const int64_t last = std::min(end, own + spec_.reach_right + 1);
  return IsBefore(part) ? KeyLimits{first, std::min(window.begin, last)}
                        : KeyLimits{std::max(first, window.end), last};
}

int64_t WindowPattern::NumParts() const {
  if (spec_.beyond != KeysBeyond::kNone) return kBeyondBefore + 2 * spec_.width;
  return spec_.global > 0 ? kBeyondBefore : kGlobalBefore;
}

int64_t WindowPattern::FirstResidue(const QueryBlock& block) const {
  return InterleavedRow(block.query_begin, block.num_queries, spec_.step) % spec_.step;
}

WindowPattern::Run WindowPattern::RunAt(const QueryBlock& block, int64_t index) const {
  if (!IsInterleaved()) return {block.query_begin, block.query_end};
  const int64_t residue = FirstResidue(block) + index;
  return {std::max(block.query_begin, InterleavedBegin(residue, block.num_queries, spec_.step)),
          std::min(block.query_end, InterleavedBegin(residue + 1, block.num_queries, spec_.step))};
}

int64_t WindowPattern::OwnKey(const QueryBlock& block, int64_t position) const {
  const int64_t row = IsInterleaved() ? InterleavedRow(position, block.num_queries, spec_.step) : position;
  return row + block.num_keys - block.num_queries;
}

int64_t WindowPattern::NumPieces(const QueryBlock& block) const {
  int64_t num_runs = 1;
  if (IsInterleaved()) {
    const int64_t last = InterleavedRow(block.query_end - 1, block.num_queries, spec_.step) % spec_.step;
    num_runs = last - FirstResidue(block) + 1;
  }
  return num_runs * NumParts() * (Count(block.listed) + 1);
}

WindowPattern::Piece WindowPattern::PieceAt(const QueryBlock& block, int64_t index) const {
  const int64_t num_gaps = Count(block.listed) + 1;
  return {
      .part = index / num_gaps % NumParts(), .run = index / num_gaps / NumParts(), .gap = index % num_gaps};
}

int64_t WindowPattern::NumRanges(const QueryBlock& block) const {
  return NumPieces(block) + (block.listed.empty() ? 0 : 1) + (block.past.held > 0 ? kNumPastRanges : 0);
}

int64_t WindowPattern::FirstSelected(int64_t key, int64_t part, int64_t own) const {
  const int64_t column = spec_.beyond == KeysBeyond::kDilated ? Residue(own, spec_.step)
                                                              : spec_.offset + (part - kBeyondBefore) / 2;
  return column + std::max<int64_t>(0, key - column + spec_.step - 1) / spec_.step * spec_.step;
}

KeyRange WindowPattern::PartRange(const QueryBlock& block, const Piece& piece) const {
  const Run run = RunAt(block, piece.run);
  const int64_t own = OwnKey(block, run.begin);
  const KeyLimits first = Keys(block, own, piece.part);
  const KeyLimits last = Keys(block, OwnKey(block, run.end - 1), piece.part);
  KeyRange range = {.begin = first.begin, .end = std::max(first.begin, last.end), .step = 1};
  range.exact = first.begin == last.begin && first.end == last.end && run.begin == block.query_begin &&
                run.end == block.query_end;
  if (!IsBeyond(piece.part)) return range;
  range.log2_count = log2_count_;
  if (spec_.beyond == KeysBeyond::kPooled) {
    range.source = KeySource::kPooled;
    range.begin = PooledPosition(range.begin, block.num_keys);
    range.end = PooledPosition(range.end, block.num_keys);
    return range;
  }
  range.step = spec_.step;
  range.begin = FirstSelected(range.begin, piece.part, own);
  return range;
}

KeyRange WindowPattern::ListedRange(const QueryBlock& block) const {
  return {.begin = 0, .end = Count(block.listed), .exact = !spec_.causal, .source = KeySource::kListed};
}

int64_t WindowPattern::FirstPast(const QueryBlock& block, int64_t query, int64_t index) const {
  // Time 0 is that of the first key of this run.
  const int64_t time = std::max(-block.past.held, query - spec_.left);
  return time + block.past.next + (index == 0 ? block.past.capacity : 0);
}

KeyRange WindowPattern::PastRange(const QueryBlock& block, int64_t index) const {
  const PastKeys& past = block.past;
  const int64_t first = FirstPast(block, block.query_begin, index);
  return {.begin = std::max(first, index == 0 ? past.next : 0),
          .end = index == 0 ? past.capacity : past.next,
          .exact = block.num_rows() == 1,
          .source = KeySource::kPast};
}

KeyRange WindowPattern::Range(const QueryBlock& block, int64_t index) const {
  const int64_t num_pieces = NumPieces(block);
  if (index >= num_pieces)
    return block.listed.empty() ? PastRange(block, index - num_pieces) : ListedRange(block);
  const Piece piece = PieceAt(block, index);
  KeyRange range = PartRange(block, piece);
  if (!block.listed.empty()) {
    const size_t gap = static_cast<size_t>(piece.gap);
    const int64_t begin = gap == 0 ? 0 : int64_t{block.listed[gap - 1]} + 1;
    const int64_t end = gap == block.listed.size() ? block.num_keys : int64_t{block.listed[gap]};
    if (begin > range.begin) range.begin += (begin - range.begin + range.step - 1) / range.step * range.step;
    range.end = std::min(range.end, end);
  }
  if (range.begin >= range.end) return {};  // of which every row sees all
  return range;
}

void WindowPattern::RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const {
  const int64_t num_pieces = NumPieces(block);
  int64_t position = block.query_begin;
  if (index >= num_pieces) {
    const KeyRange range = Range(block, index);
    for (KeyLimits& row : limits) {
      row = {range.begin, range.end};
      if (range.source == KeySource::kPast) {
        row.begin = FirstPast(block, position, index - num_pieces);
      } else if (spec_.causal) {
        row.end = std::ranges::upper_bound(block.listed, OwnKey(block, position)) - block.listed.begin();
      }
      ++position;
    }
    return;
  }
  const Piece piece = PieceAt(block, index);
  const Run run = RunAt(block, piece.run);
  const bool pooled = IsBeyond(piece.part) && spec_.beyond == KeysBeyond::kPooled;
  for (KeyLimits& row : limits) {
    const bool is_in_run = position >= run.begin && position < run.end;
    row = is_in_run ? Keys(block, OwnKey(block, position), piece.part) : KeyLimits{};
    if (pooled) row = {PooledPosition(row.begin, block.num_keys), PooledPosition(row.end, block.num_keys)};
    ++position;
  }
}

}  // namespace earshot
