// Windows, global blocks and random blocks of keys (Zaheer et al. 2020, "BigBird"): one table of blocks for
// each head.
#ifndef EARSHOT_MODELS_BIGBIRD_GRAPH_H_
#define EARSHOT_MODELS_BIGBIRD_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::bigbird {

// The encoder of transformers for sequences that are padded to the setting `padded_length` (or as many
// positions as the model has). Methods: input_ids [T, 1], the tokens before the padding -> hidden0 (the
// embedding), hidden1,
// ... [T, D]. `steps`: with the random blocks that the checkpoint holds, rand_attn_layer<N> [H, blocks - 2,
// number]; `steps_first_block`: as the package evaluates, with the first block in the place of each random
// one; `steps_full`: full attention. A sequence of few blocks is attended in full by all of them.
Result<ir::Graph> Build(ir::ReferenceModel& model);

}  // namespace earshot::bigbird

#endif  // EARSHOT_MODELS_BIGBIRD_GRAPH_H_
