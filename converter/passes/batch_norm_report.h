// What became of the batch norms of a model, as a table for people.
#ifndef EARSHOT_CONVERTER_PASSES_BATCH_NORM_REPORT_H_
#define EARSHOT_CONVERTER_PASSES_BATCH_NORM_REPORT_H_

#include <string>

#include "converter/ir/graph.h"

namespace earshot::passes {

// One line for each batch norm of each method, then a count; empty for a model without any.
std::string FormatBatchNorms(const ir::Graph& graph);

}  // namespace earshot::passes

#endif  // EARSHOT_CONVERTER_PASSES_BATCH_NORM_REPORT_H_
