// Predicting all tokens at once, and again where they are least certain.
#ifndef EARSHOT_MODELS_NAT_REFINE_H_
#define EARSHOT_MODELS_NAT_REFINE_H_

#include "models/loops/loop.h"
#include "runtime/core/status.h"

namespace earshot::nat {

// Driver "refine": methods [encode, decode, and decode_copied where the first pass starts from copied source
// rows]. Settings: bos, eos, mask: tokens; max_iterations: passes after the first; masks_worst: after each
// pass but the last a share of the tokens that falls to zero is masked again (Mask-Predict); length_beam:
// lengths tried around the predicted one; adaptive: stop when a pass changes nothing; predicts_offset:
// lengths are predicted relative to the source. Outputs: those of encode, length_pred [1], init_tokens,
// tokens and scores [n] of the best length, score [1] (mean log-probability), steps [1], and with one length
// historyK: the tokens before the first pass, after each, and after each masking.
Status RunRefine(const loops::LoopContext& context);

}  // namespace earshot::nat

#endif  // EARSHOT_MODELS_NAT_REFINE_H_
