// Summaries of long texts (Phang et al. 2022, "PEGASUS-X"): blocks of tokens that see themselves and a few
// global tokens, which are learned and see everything; every other layer has its blocks shifted by half a
// block.
//
// Global tokens and tokens are the rows of one matrix, global ones first: norms and attention differ by rows,
// the rest of a layer is the same for both.
#ifndef EARSHOT_MODELS_PEGASUSX_GRAPH_H_
#define EARSHOT_MODELS_PEGASUSX_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::pegasusx {

// Methods `encode`: input_ids [S, 1], no padding -> encoder_out [S, D], and the keys and values of
// cross-attention into their caches; `encode_steps`: input_ids -> enc_hidden<N> [S, D], the input of layer N,
// and global_last [G, D]; `decode`: decoder_input_ids [T, 1] at `position` -> logits [T, V]. Loops:
// `incremental`, `teacher_forced`, `greedy`.
Result<ir::Graph> Build(ir::ReferenceModel& model);

}  // namespace earshot::pegasusx

#endif  // EARSHOT_MODELS_PEGASUSX_GRAPH_H_
