// Where everything lies: states, inputs and outputs, activations.
#ifndef EARSHOT_CONVERTER_PLAN_MEMORY_PLANNER_H_
#define EARSHOT_CONVERTER_PLAN_MEMORY_PLANNER_H_

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::plan {

// Bytes that stay readable behind every value, for kernels that load whole vectors (XNNPACK reads up to
// XNN_EXTRA_BYTES = 16 past the end of an input). They may belong to another value; what counts is that each
// block goes on for so long.
constexpr uint64_t kReadableTailBytes = 64;

// Sets offset_bytes of every state and of every value that is an activation, input or output, and
// graph.memory_plan. Sizes are those at the largest values of the symbols.
//
// States lie one after the other; so do the inputs and outputs of all methods, for a caller may hold them all
// at once, but for transient ones. These lie among the activations. Activations of all methods share one
// arena: methods run one at a time and leave nothing behind but states and outputs.
//
// Errors: kUnsupported where sizes do not fit the format.
Status PlanMemory(ir::Graph& graph);

}  // namespace earshot::plan

#endif  // EARSHOT_CONVERTER_PLAN_MEMORY_PLANNER_H_
