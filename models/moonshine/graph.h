// Moonshine (Jeffries et al. 2024): an encoder that hears raw audio through convolutions and has rotary
// positions, so that its time grows with the length of the audio; a decoder with caches. And its successor
// for streams, whose encoder knows no positions and sees a window of keys.
#ifndef EARSHOT_MODELS_MOONSHINE_GRAPH_H_
#define EARSHOT_MODELS_MOONSHINE_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::moonshine {

// Settings by the names that transformers gives them, of a Hugging Face config.json as well as of a reference
// checkpoint.
//
// Methods `encode`: input_values [samples, 1] at 16 kHz -> encoder_out [source, D], and the keys and values
// of cross-attention into their caches; `decode`: decoder_input_ids [T, 1] at `position` -> logits [1, V] of
// the last row. Where the checkpoint has an example of an attention mask, also `masked`: as `encode`, but
// only the first `source` frames may be seen. Loops: `incremental`, `full` (every prefix at once), `greedy`;
// with the prefix masked_ over `masked`.
Result<ir::Graph> Build(ir::ReferenceModel& model);

// Methods `embed`: input_values [frames, samples of a frame] -> features [T, D]; `encode`: features [source,
// D] -> encoder_out [source, D] and the caches; `decode` as above. Where the checkpoint has an example of an
// attention mask, also `embed_masked`, with a factor for each row of each stage: frame_mask, conv1_mask,
// conv2_mask; and `encode_unbounded`, in which every frame sees every other one. Loops over `encode` and
// `decode` as above.
Result<ir::Graph> BuildStreaming(ir::ReferenceModel& model);

}  // namespace earshot::moonshine

#endif  // EARSHOT_MODELS_MOONSHINE_GRAPH_H_
