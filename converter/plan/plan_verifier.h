// A second opinion on the memory plan, from code that shares nothing with the planner.
#ifndef EARSHOT_CONVERTER_PLAN_PLAN_VERIFIER_H_
#define EARSHOT_CONVERTER_PLAN_PLAN_VERIFIER_H_

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::plan {

// Plays every method op by op over a map of who wrote which byte last, with all symbols at their maximum and
// once more at their minimum, and fails (kInternal, with method, op and values) if
// - an op reads bytes of a value that nobody wrote, or that another value has overwritten;
// - an op writes over its own input where its kernel cannot, or not exactly in place;
// - an input is overwritten, or an output is not whole at the end;
// - states, inputs or outputs overlap, anything is misaligned, or its end and the readable tail leave its
// block.
//
// What ops read and write in states is not played: views of those move with the symbols, and every run checks
// them.
Status VerifyPlan(const ir::Graph& graph);

}  // namespace earshot::plan

#endif  // EARSHOT_CONVERTER_PLAN_PLAN_VERIFIER_H_
