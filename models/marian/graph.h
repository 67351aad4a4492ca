// Translation by the transformer of Marian (Junczys-Dowmunt et al. 2018; Vaswani et al. 2017): post-norm
// blocks, sinusoidal positions, one table of tokens for all.
#ifndef EARSHOT_MODELS_MARIAN_GRAPH_H_
#define EARSHOT_MODELS_MARIAN_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::marian {

// Methods `encode`: input_ids [S, 1] -> encoder_out [S, D], and the keys and values of cross-attention into
// their caches; `decode`: decoder_input_ids [T, 1] at `position` -> logits [T, V]. Loops: `incremental`,
// `greedy`, `beam`.
Result<ir::Graph> Build(ir::ReferenceModel& model);

}  // namespace earshot::marian

#endif  // EARSHOT_MODELS_MARIAN_GRAPH_H_
