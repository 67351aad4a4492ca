// Causal language models with windows of keys in all layers or in some. Mistral and Gemma have blocks of one
// kind: root-mean-square norms, rotary positions, heads that share keys, a gated feed-forward layer.
//
// A layer with a window keeps the keys and values of its last window - 1 tokens in a ring, a layer without
// one those of all tokens. One token or many at a time give the same numbers.
#ifndef EARSHOT_MODELS_CAUSALLM_GRAPH_H_
#define EARSHOT_MODELS_CAUSALLM_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::causallm {

// Method `decode`: input_ids [T, 1] -> logits [T, V], from `position` on. Loops: `full` feeds all tokens at
// once, `incremental` one by one (or `prefill` at first). Tokens of padding on the left are not to be fed:
// positions count by their differences alone.

// Mistral (Jiang et al. 2023): a sliding window in all layers, none where the setting is absent.
Result<ir::Graph> BuildMistral(ir::ReferenceModel& model);

// Gemma 3 (Gemma Team 2025): layers with a window and layers without one, each kind with its own base of
// rotary angles; norms around both halves of a block, and of queries and keys.
Result<ir::Graph> BuildGemma3(ir::ReferenceModel& model);

// GPT-Neo (Black et al. 2021): layer norms, learned positions, unscaled scores; layers with a window and
// layers without one in turn. `decode` takes position_ids [T, 1], too: rows of the table of positions.
Result<ir::Graph> BuildGptNeo(ir::ReferenceModel& model);

}  // namespace earshot::causallm

#endif  // EARSHOT_MODELS_CAUSALLM_GRAPH_H_
