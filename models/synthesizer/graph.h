// Attention whose weights are learned, not compared (Tay et al. 2020, "Synthesizer").
#ifndef EARSHOT_MODELS_SYNTHESIZER_GRAPH_H_
#define EARSHOT_MODELS_SYNTHESIZER_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::synthesizer {

// One method for each way to make the weights: `vanilla`, `dense`, `random`, `factorized_dense`,
// `factorized_random`, `mixture`. x [L, D] -> out [L, D], attention [L, L]; L is fixed. One head, no output
// projection.
Result<ir::Graph> Build(ir::ReferenceModel& model);

}  // namespace earshot::synthesizer

#endif  // EARSHOT_MODELS_SYNTHESIZER_GRAPH_H_
