// Transformers whose attention reorders the product: linear transformers (Katharopoulos et al. 2020).
#ifndef EARSHOT_MODELS_LINEAR_GRAPH_H_
#define EARSHOT_MODELS_LINEAR_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::linear {

// Encoder of pytorch-fast-transformers, feature map elu(x) + 1. Method `forward`: x [T, D] -> out [T, D]. The
// causal form carries its sums in states, so that rows may come piece by piece: loop `stepwise`.
Result<ir::Graph> BuildEncoder(ir::ReferenceModel& model);
Result<ir::Graph> BuildCausalEncoder(ir::ReferenceModel& model);

}  // namespace earshot::linear

#endif  // EARSHOT_MODELS_LINEAR_GRAPH_H_
