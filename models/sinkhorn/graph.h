// The language model of the sinkhorn-transformer package, around sparse Sinkhorn attention (Tay et al. 2020).
#ifndef EARSHOT_MODELS_SINKHORN_GRAPH_H_
#define EARSHOT_MODELS_SINKHORN_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::sinkhorn {

// Methods `forward`: ids [T, 1] -> logits [T, V], and the matrices R<layer> that order the buckets; T is a
// multiple of the bucket, or the longest length where the model is causal or has weights for pairs of
// buckets. `masked`, where buckets are chosen and the model is not causal: also mask [T, 1]. `with_noise`,
// where they are mixed: also noise<layer> [buckets, heads * buckets]. Where the package takes sorted keys for
// values there are all of them as the package has it, too, with the suffix "_repeated_keys".
Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model);

}  // namespace earshot::sinkhorn

#endif  // EARSHOT_MODELS_SINKHORN_GRAPH_H_
