// Linear whose result serves to choose (fb::Linear.ranked), computed nearly: all of a row from the leading 4
// bits of the weights (runtime/xnnpack/coarse_weights.h), then those within kMargin of the largest of their
// group, at most kMaxCandidates, exactly: from the int8 weights, which stay in the file, and the activations
// in f32. All of a row are off by the same summand.
//
// How nearly: on Whisper's vocabularies the rest is off by 0.24 (tiny.en) and 0.27 (base) in the root mean
// square over all tokens and the steps of a recording, by 1.3 and 1.7 for the tokens where that is most. The
// token that is chosen was among the first three of the near ones; with kMargin it would have to be off by
// five times the worst of those to be missed. Logarithms of probabilities are off by 0.001 on average, 0.006
// at most.
#ifndef EARSHOT_RUNTIME_OPS_RANKED_LINEAR_H_
#define EARSHOT_RUNTIME_OPS_RANKED_LINEAR_H_

#include "runtime/ops/op.h"

namespace earshot {

// Whether the session asks for it and this Linear can be computed so: ranked, with int8 weights and nothing
// else.
bool IsRankedNearly(const OpSetup& setup);

// As OpDefinition has them. Precondition: IsRankedNearly.
Result<OpMemory> MeasureRankedLinear(const OpSetup& setup);
Result<OpKernel*> CreateRankedLinear(const OpSetup& setup, Arena& persistent, std::span<std::byte> workspace);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_RANKED_LINEAR_H_
