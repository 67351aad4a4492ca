// A translator or summarizer that may copy words of its source (See et al. 2017, over a transformer), as
// fairseq's pointer_generator example has it.
#ifndef EARSHOT_MODELS_POINTERGENERATOR_GRAPH_H_
#define EARSHOT_MODELS_POINTERGENERATOR_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::pointer_generator {

// Method `encode`: src_tokens [S, 1] -> encoder_out [S, D]. Method `decode`: prev_output_tokens [T, 1], and
// src_tokens [1, S] again -> probs [T, V], copy_attention [T, S] and logits, the logarithm of probs. Ids from
// `embedded_types` on are markers of source positions: the model can copy them, but knows none. Loops:
// `teacher_forced`, `incremental`, `greedy`, `beam`.
Result<ir::Graph> Build(ir::ReferenceModel& model);

}  // namespace earshot::pointer_generator

#endif  // EARSHOT_MODELS_POINTERGENERATOR_GRAPH_H_
