// Linear attention through random features of the softmax kernel (Choromanski et al. 2021, "Performer").
#ifndef EARSHOT_MODELS_PERFORMER_GRAPH_H_
#define EARSHOT_MODELS_PERFORMER_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::performer {

// Language model of performer-pytorch; causal ones may have heads that attend to windows beside those with
// random features. Methods `forward`: ids [T, 1] -> logits [T, V]; of models that are not causal also
// `masked`: ids, mask [T, 1] (1 or 0). The package's mask silences values only, so that masked keys still
// count in the sum of weights; a model of that package is built so, `masks_keys` in Config is the sane form.
Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model);

}  // namespace earshot::performer

#endif  // EARSHOT_MODELS_PERFORMER_GRAPH_H_
