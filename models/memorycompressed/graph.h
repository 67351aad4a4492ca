// Memory-compressed attention (Liu et al. 2018): keys and values of several positions become one by a
// convolution.
#ifndef EARSHOT_MODELS_MEMORYCOMPRESSED_GRAPH_H_
#define EARSHOT_MODELS_MEMORYCOMPRESSED_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::memory_compressed {

// Methods `full` and `causal`: x [T, D] -> out [T, D], for any T.
Result<ir::Graph> Build(ir::ReferenceModel& model);

}  // namespace earshot::memory_compressed

#endif  // EARSHOT_MODELS_MEMORYCOMPRESSED_GRAPH_H_
