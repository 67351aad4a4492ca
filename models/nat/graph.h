// Translation that predicts all tokens at once (Gu et al. 2018), and in a few rounds of masking
// (Ghazvininejad et al. 2019, "Mask-Predict"), as fairseq stores it.
#ifndef EARSHOT_MODELS_NAT_GRAPH_H_
#define EARSHOT_MODELS_NAT_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::nat {

// Methods `encode`: src_tokens [S, 1] -> encoder_out [S, D], length_logprobs [1, L]; `decode`: tokens [T, 1]
// -> logprobs [T, V]; `decode_copied` (of models that begin with copied source embeddings): copied_rows [T,
// 1] -> logprobs. Loops: `refine` (refine.h), `given` and `given_copied`: encode, then the decoder once.
Result<ir::Graph> BuildVanilla(ir::ReferenceModel& model);
Result<ir::Graph> BuildMaskPredict(ir::ReferenceModel& model);

}  // namespace earshot::nat

#endif  // EARSHOT_MODELS_NAT_GRAPH_H_
