// Attention to a window of keys, as the package local-attention computes it (Roy et al. 2021, among others).
#ifndef EARSHOT_MODELS_LOCALATTENTION_GRAPH_H_
#define EARSHOT_MODELS_LOCALATTENTION_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::localattention {

// A causal language model: every query sees itself and the `local_attn_window_size` keys before it. Method
// `decode`: ids [T, 1] -> logits [T, V], from `position` on; a ring holds the keys of the window. Loops
// `full` (all tokens at once) and `incremental` (one by one, or `prefill` at first).
Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model);

// The attention alone, without weights. Methods `mode<N>` for each entry of the setting `modes`: q, k, v [T,
// H * D]
// -> out [T, H * D]. The package fills sequences up with rows of zeros to a multiple of the window, and where
// neither causality nor the exact window hides them, their keys take part: feed them too for the same
// numbers.
Result<ir::Graph> BuildAttention(ir::ReferenceModel& model);

}  // namespace earshot::localattention

#endif  // EARSHOT_MODELS_LOCALATTENTION_GRAPH_H_
