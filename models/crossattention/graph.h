// Decoders that look at more than the last layer of the encoder.
#ifndef EARSHOT_MODELS_CROSSATTENTION_GRAPH_H_
#define EARSHOT_MODELS_CROSSATTENTION_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::crossattention {

// PyTorch's encoder and decoder layers; each decoder layer attends to an encoder state of its own. Methods
// `encode`: src [S, 1] -> enc_state0 (the embedding) .. enc_stateN; `decode_<map>`: tgt [T, 1] at `position`
// -> logits, for each map of the settings, and `transparent` (a learned mixture of all states) and
// `two_views` (the last state and the one of the map `consistent`, in one softmax). Loops `<map>`: encode,
// then all rows at once; `<map>_stepwise`: row by row.
Result<ir::Graph> BuildLayerwise(ir::ReferenceModel& model);

// Meshed-memory transformer (Cornia et al. 2020): learned slots beside keys and values of the encoder, and a
// gate for each encoder layer in the decoder. Methods `encode`: features [S, F] -> enc_layer0 ..; `decode`:
// tgt [T, 1] -> logprobs. Loops `full` and `incremental`.
Result<ir::Graph> BuildMeshedMemory(ir::ReferenceModel& model);

}  // namespace earshot::crossattention

#endif  // EARSHOT_MODELS_CROSSATTENTION_GRAPH_H_
