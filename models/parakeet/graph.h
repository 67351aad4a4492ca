// Parakeet CTC: a FastConformer (Rekesh et al. 2023) with a CTC head.
#ifndef EARSHOT_MODELS_PARAKEET_GRAPH_H_
#define EARSHOT_MODELS_PARAKEET_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::parakeet {

// Methods `forward`: features [T, mels] -> logits [T', V], argmax [T', 1]; where the checkpoint has an
// example of an attention mask, `steps`: the same with what each layer puts out (subsampled, layerN,
// layerN.attn, layerN.conv). Loop `greedy`. Filters for the features of models/ctc/features.h.
Result<ir::Graph> Build(ir::ReferenceModel& model);

}  // namespace earshot::parakeet

#endif  // EARSHOT_MODELS_PARAKEET_GRAPH_H_
