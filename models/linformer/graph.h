// Attention to keys and values that a learned projection along time has compressed (Wang et al. 2020,
// "Linformer").
#ifndef EARSHOT_MODELS_LINFORMER_GRAPH_H_
#define EARSHOT_MODELS_LINFORMER_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::linformer {

// Method `forward`: ids [T, 1] -> logits [T, V]. A shorter sequence uses the first rows of the projections.
Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model);

// One attention layer. Methods `self`: x [T, D] -> self [T, D]; `cross`: x, context [S, D] -> cross [T, D].
Result<ir::Graph> BuildAttention(ir::ReferenceModel& model);

}  // namespace earshot::linformer

#endif  // EARSHOT_MODELS_LINFORMER_GRAPH_H_
