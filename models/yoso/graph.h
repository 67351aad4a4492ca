// YOSO (Zeng et al. 2021): weights of attention are how likely query and key have the same hash, here as
// expected values instead of drawn ones.
#ifndef EARSHOT_MODELS_YOSO_GRAPH_H_
#define EARSHOT_MODELS_YOSO_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::yoso {

// Method `encode`: input_ids [T, 1] -> last_hidden_state [T, width].
Result<ir::Graph> Build(ir::ReferenceModel& model);

}  // namespace earshot::yoso

#endif  // EARSHOT_MODELS_YOSO_GRAPH_H_
