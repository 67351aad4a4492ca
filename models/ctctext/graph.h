// Text to text without a loop over tokens: an encoder whose rows connectionist temporal classification
// (Graves et al. 2006) aligns with the tokens of the result. What models/recipes trains; nobody else's
// layout.
#ifndef EARSHOT_MODELS_CTCTEXT_GRAPH_H_
#define EARSHOT_MODELS_CTCTEXT_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::ctctext {

// Method `forward`: input_ids [S, 1] -> logits [S, V], argmax [S, 1]. Loops: `ctc_greedy`, `ctc_nll`; their
// setting `gap` is the token that stands after each one of the source, so that there are rows for more tokens
// than the source has. Setting `body`: "transformer" (post-norm blocks, positions from the checkpoint) or
// "convolution" (residual blocks of a convolution, batch norm and ReLU).
Result<ir::Graph> Build(ir::ReferenceModel& model);

}  // namespace earshot::ctctext

#endif  // EARSHOT_MODELS_CTCTEXT_GRAPH_H_
