// Offsets for buffers with known lifetimes.
#ifndef EARSHOT_CONVERTER_PLAN_GREEDY_BY_SIZE_H_
#define EARSHOT_CONVERTER_PLAN_GREEDY_BY_SIZE_H_

#include <cstdint>
#include <span>

#include "converter/plan/liveness.h"

namespace earshot::plan {

// Sets every buffer's offset_bytes, a multiple of kArenaAlignment, so that buffers that live at the same time
// do not overlap; returns the end of the highest one, aligned.
//
// Greedy by size (Pisarchyk & Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", section
// 5): from the largest buffer to the smallest, each goes into the smallest gap that fits between those
// already placed whose lifetimes overlap its own. The largest matter most and meet no fragmentation; on the
// graphs here that ends at the lower bound. O(n^2 log n). Ties are broken by the order of the span: the
// result is reproducible.
uint64_t AssignOffsets(std::span<Buffer> buffers);

}  // namespace earshot::plan

#endif  // EARSHOT_CONVERTER_PLAN_GREEDY_BY_SIZE_H_
