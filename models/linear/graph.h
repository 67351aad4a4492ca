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

// The same encoder over random features (graph_feature_map.h), which the methods take: x and layer<n>.omega
// [D, F]
// -> out. The settings say whether the model has the method `favor`; otherwise it has `fourier` and
// `generalized`, of which the caller knows which one it was trained with.
Result<ir::Graph> BuildRandomFeatureEncoder(ir::ReferenceModel& model);

// The language model of the linear-attention-transformer package (Shen et al. 2021: softmax over the channels
// of queries and over the positions of keys). Method `forward`: ids [T, 1] -> logits [T, V]; `masked`, unless
// it is causal: also mask [T, 1].
Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model);

}  // namespace earshot::linear

#endif  // EARSHOT_MODELS_LINEAR_GRAPH_H_
