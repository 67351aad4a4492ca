// Choosing the next token from logits: the most likely one, or one drawn at a temperature.
#ifndef EARSHOT_MODELS_COMMON_SAMPLING_H_
#define EARSHOT_MODELS_COMMON_SAMPLING_H_

#include <cstdint>
#include <span>

#include "models/common/random.h"

namespace earshot {

// A token and the natural logarithm of its probability under softmax(logits), whatever the temperature was.
// `token` is kNoToken where every logit is -infinity: nothing may be chosen.
struct SampledToken {
  static constexpr int32_t kNoToken = -1;
  int32_t token = kNoToken;
  float logprob = 0;
};

// The first largest logit. logits: [V] f32, V > 0; -infinity marks forbidden tokens. Never allocates.
SampledToken PickMostLikely(std::span<const float> logits);

// A token drawn from softmax(logits / temperature) by inverting the cumulative distribution with one random
// number. Tokens whose probability is below e^-30 of the most likely one's are never drawn; together they
// weigh less than one part in 10^8 for any vocabulary below 100,000. temperature > 0. Never allocates.
SampledToken SampleToken(std::span<const float> logits, float temperature, Pcg32& random);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_SAMPLING_H_
