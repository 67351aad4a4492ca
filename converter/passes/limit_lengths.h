// Shortens what a model can take in one go, so that it needs less memory.
#ifndef EARSHOT_CONVERTER_PASSES_LIMIT_LENGTHS_H_
#define EARSHOT_CONVERTER_PASSES_LIMIT_LENGTHS_H_

#include <cstdint>
#include <string>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::passes {

// Sets the maximum of this symbol to `maximum` in all methods that have it, and shortens the states that are
// as long as the symbol: those of which some method sees as many rows from the first on, and that had the old
// maximum of rows. Tables of positions keep their length: rows beyond the maximum are just never read.
// Errors: kInvalidArgument if no method has the symbol, or `maximum` is not within its range.
Status LimitLength(ir::Graph& graph, const std::string& symbol, int64_t maximum);

}  // namespace earshot::passes

#endif  // EARSHOT_CONVERTER_PASSES_LIMIT_LENGTHS_H_
