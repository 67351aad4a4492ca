// The patterns of an attention op's heads, from the model file to objects in the persistent arena.
#ifndef EARSHOT_RUNTIME_OPS_HEAD_PATTERNS_H_
#define EARSHOT_RUNTIME_OPS_HEAD_PATTERNS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/attention/attention_pattern.h"
#include "runtime/attention/patterns/block_pattern.h"
#include "runtime/attention/patterns/paired_pattern.h"
#include "runtime/attention/patterns/summary_pattern.h"
#include "runtime/attention/patterns/window_pattern.h"
#include "runtime/core/status.h"
#include "runtime/memory/arena.h"
#include "runtime/schema/model_generated.h"

namespace earshot {

// What the table says; of a head that is a union of windows, strides and such. Precondition, here and below:
// ValidateMethod passed.
WindowSpec WindowSpecOf(const fb::HeadPattern& head);

// Of a head with blocks; borrowed from the table.
BlockTable BlockTableOf(const fb::HeadPattern& head);

// Room for the pattern of one head, whatever its class; none of them needs a destructor.
class HeadPatternSlot {
 public:
  // What the table says; the result lies in the slot.
  const AttentionPattern* Make(const fb::HeadPattern& head);

 private:
  alignas(8) std::byte memory_[std::max({sizeof(WindowPattern), sizeof(BlockPattern), sizeof(PairedPattern),
                                         sizeof(SummaryPattern)})];
};

bool HasSelection(const fb::HeadPattern& head, fb::SelectionKind kind);
// Of any head.
bool HasSelection(const fb::Attention& attention, fb::SelectionKind kind);

// Pairs of a query and one of the op's keys that it sees, in a run without listed keys and without a past.
int64_t CountPairs(const fb::HeadPattern& head, int64_t num_queries, int64_t num_keys);

// Largest distance from a query back to a key of its window.
int64_t LongestWindow(const fb::Attention& attention);

// AttentionShape::min_pool_length.
int64_t MinPoolLength(const fb::Attention& attention);

// Bytes that CreateHeadPatterns takes of its arena.
size_t HeadPatternsBytes(const fb::Attention& attention);

// For an op whose pattern is Heads. The result lies in the arena. kOutOfMemory.
Result<const AttentionPattern*> CreateHeadPatterns(const fb::Attention& attention, Arena& persistent);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_HEAD_PATTERNS_H_
