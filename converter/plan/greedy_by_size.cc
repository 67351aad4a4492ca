// Greedy-by-size offset assignment.
#include "converter/plan/greedy_by_size.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "runtime/memory/arena.h"

namespace earshot::plan {
namespace {

uint64_t EndOf(const Buffer& buffer) { return buffer.offset_bytes + AlignUp(buffer.size_bytes); }

// `placed` is sorted by offset and may overlap itself.
uint64_t FindOffset(const Buffer& buffer, const std::vector<const Buffer*>& placed) {
  uint64_t best_offset = 0;
  uint64_t best_gap = std::numeric_limits<uint64_t>::max();
  uint64_t free_begin = 0;
  for (const Buffer* neighbour : placed) {
    if (!neighbour->lifetime.Overlaps(buffer.lifetime)) continue;
    if (neighbour->offset_bytes > free_begin) {
      const uint64_t gap = neighbour->offset_bytes - free_begin;
      if (gap >= AlignUp(buffer.size_bytes) && gap < best_gap) {
        best_gap = gap;
        best_offset = free_begin;
      }
    }
    free_begin = std::max(free_begin, EndOf(*neighbour));
  }
  return best_gap == std::numeric_limits<uint64_t>::max() ? free_begin : best_offset;
}

}  // namespace

uint64_t AssignOffsets(std::span<Buffer> buffers) {
  std::vector<Buffer*> by_size;
  for (Buffer& buffer : buffers) by_size.push_back(&buffer);
  std::ranges::stable_sort(by_size, std::greater<>{},
                           [](const Buffer* buffer) { return buffer->size_bytes; });

  std::vector<const Buffer*> placed;
  uint64_t end = 0;
  for (Buffer* buffer : by_size) {
    buffer->offset_bytes = FindOffset(*buffer, placed);
    end = std::max(end, EndOf(*buffer));
    const auto behind = std::ranges::upper_bound(placed, buffer->offset_bytes, {},
                                                 [](const Buffer* p) { return p->offset_bytes; });
    placed.insert(behind, buffer);
  }
  return end;
}

}  // namespace earshot::plan
