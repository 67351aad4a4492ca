// The memory plan for people: sizes beside the lower bound, and a picture of the activations over the ops.
#ifndef EARSHOT_CONVERTER_PLAN_PLAN_REPORT_H_
#define EARSHOT_CONVERTER_PLAN_PLAN_REPORT_H_

#include <string>

#include "converter/ir/graph.h"

namespace earshot::plan {

// Sizes of the blocks, then for each method a picture and its legend. Requires a planned graph. UTF-8.
//
//   encode: 41 ops, 11520064 bytes of activations
//   ┌─────────────────────┐
//   │···aaaa··············│   one column: one op or several, from the first on the left
//   │bbbbcccc·············│   one row: a slice of the arena, the lowest offset at the bottom
//   └─────────────────────┘   letters: the value that holds the bytes; · free
std::string FormatMemoryPlan(const ir::Graph& graph);

}  // namespace earshot::plan

#endif  // EARSHOT_CONVERTER_PLAN_PLAN_REPORT_H_
