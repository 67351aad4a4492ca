// Windows of keys, dilated ones too, and global tokens that see and are seen by all (Beltagy et al. 2020,
// "Longformer").
//
// Local queries: one attention whose heads see a window and the listed global keys. Global queries: their
// rows are gathered, projected by weights of their own, attend in full, and are put back in place.
#ifndef EARSHOT_MODELS_LONGFORMER_GRAPH_H_
#define EARSHOT_MODELS_LONGFORMER_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::longformer {

// The encoder of transformers. Methods `forward`: input_ids [T, 1], no padding -> last_hidden_state [T, D];
// `steps`: also hidden0 (the embedding), hidden1, ... Where the checkpoint has projections of global tokens,
// `forward_global` and `steps_global` take global_ids [G, 1] too: where they stand, ascending.
Result<ir::Graph> BuildEncoder(ir::ReferenceModel& model);

// One attention layer after the other of the original package, each by itself, without an output projection.
// Methods `layer<N>.plain`: x [T, D] -> out [T, D]; `layer<N>.masked_global`: also global_ids [G, 1];
// `layer0.per_head`: each head with its own dilation, where the settings have those.
Result<ir::Graph> BuildAttention(ir::ReferenceModel& model);

}  // namespace earshot::longformer

#endif  // EARSHOT_MODELS_LONGFORMER_GRAPH_H_
