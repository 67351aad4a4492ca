// Networks that point at their inputs one after the other: pointer network (Vinyals et al. 2015; Bello et al.
// 2016) and attention model (Kool et al. 2019), for tours.
#ifndef EARSHOT_MODELS_POINTER_GRAPH_H_
#define EARSHOT_MODELS_POINTER_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::pointer {

// Methods `encode`: locs [N, 2] -> what the encoder makes of the nodes, into states too; `step`: ids, visited
// [1, N] (0, or -inf where it has been) -> log_probs [1, N]. Loop `tour`, see tour.h.
Result<ir::Graph> BuildPointerNetwork(ir::ReferenceModel& model);
Result<ir::Graph> BuildAttentionModel(ir::ReferenceModel& model);

}  // namespace earshot::pointer

#endif  // EARSHOT_MODELS_POINTER_GRAPH_H_
