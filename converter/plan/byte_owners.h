// Which value wrote each byte of a block last.
#ifndef EARSHOT_CONVERTER_PLAN_BYTE_OWNERS_H_
#define EARSHOT_CONVERTER_PLAN_BYTE_OWNERS_H_

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

namespace earshot::plan {

constexpr int kNobody = -1;

// Bytes [begin, end).
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Kept as intervals, so a write of megabytes costs as much as one of a byte. Plain; for the verifier.
class ByteOwners {
 public:
  void Write(ByteRange range, int owner) {
    if (range.begin >= range.end) return;
    SplitAt(range.begin);
    SplitAt(range.end);
    intervals_.erase(intervals_.lower_bound(range.begin), intervals_.lower_bound(range.end));
    intervals_[range.begin] = {range.end, owner};
  }

  // The first owner in the range that is not `owner`; `owner` itself if it has all of it.
  int FirstStranger(ByteRange range, int owner) const {
    uint64_t position = range.begin;
    while (position < range.end) {
      auto after = intervals_.upper_bound(position);
      if (after == intervals_.begin()) return kNobody;
      const Interval& interval = std::prev(after)->second;
      if (interval.end <= position) return kNobody;
      if (interval.owner != owner) return interval.owner;
      position = interval.end;
    }
    return owner;
  }

 private:
  struct Interval {
    uint64_t end = 0;
    int owner = kNobody;
  };

  void SplitAt(uint64_t position) {
    auto after = intervals_.upper_bound(position);
    if (after == intervals_.begin()) return;
    const auto interval = std::prev(after);
    if (interval->first == position || interval->second.end <= position) return;
    intervals_[position] = interval->second;
    interval->second.end = position;
  }

  std::map<uint64_t, Interval> intervals_;  // by begin, disjoint
};

}  // namespace earshot::plan

#endif  // EARSHOT_CONVERTER_PLAN_BYTE_OWNERS_H_
