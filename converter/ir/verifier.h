// Checks that a graph is whole: run on what a model's graph builder made and after every pass.
#ifndef EARSHOT_CONVERTER_IR_VERIFIER_H_
#define EARSHOT_CONVERTER_IR_VERIFIER_H_

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::ir {

// kInternal with method, op or value (index and name) unless all of this holds:
// - every index is in range, names of methods, symbols, states, inputs and outputs are unique and not empty;
// - a tensor holds exactly the bytes its shape and type ask for; constants and states have the shape of what
// they stand for;
// - every length lies in [0, kMaxLength] and every view inside its base for all values of the symbol it
// depends on. Where the
//   rows of a view depend on two symbols only the runtime can tell (Session::Run does); here they must fit
//   for some values;
// - operand counts, element types and symbolic shapes of every op agree, also with its result;
// - ops run in order: what an op reads has been written before, in every column; inputs and states may be
// read at any time;
// - nothing is written twice: an activation or output as a whole once, or in views whose columns (or fixed
// rows) do not
//   overlap, and likewise the parts of a state within one method; constants and inputs never;
// - every output is written, in all columns and all rows.
// The memory plan (offsets) is checked elsewhere.
Status Verify(const Graph& graph);

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_VERIFIER_H_
