// Speech encoders on the waveform with a CTC head: wav2vec 2.0 (Baevski et al. 2020) and its conformer form.
#ifndef EARSHOT_MODELS_WAV2VEC2_GRAPH_H_
#define EARSHOT_MODELS_WAV2VEC2_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::wav2vec2 {

// Method `forward`: input_values [N, 1] -> logits [T, V], argmax [T, 1]. Where the checkpoint has an example
// of an attention mask, also what is on the way: conv_features, projected, hidden0 .. hiddenL (the inputs of
// the layers and the output of the last one); and `masked`: the same for a recording that was filled up, with
// frame_mask [T, 1] (1 or 0) and key_bias [1, T] (0, or very low for frames that nobody attends to). Loops
// `greedy`, `ctc_nll`.
Result<ir::Graph> BuildTransformer(ir::ReferenceModel& model);
Result<ir::Graph> BuildConformer(ir::ReferenceModel& model);

}  // namespace earshot::wav2vec2

#endif  // EARSHOT_MODELS_WAV2VEC2_GRAPH_H_
