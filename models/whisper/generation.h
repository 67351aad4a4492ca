// One sequence of tokens after the prompt: the inner loop of decoding.
#ifndef EARSHOT_MODELS_WHISPER_GENERATION_H_
#define EARSHOT_MODELS_WHISPER_GENERATION_H_

#include <cstdint>
#include <span>

#include "models/common/random.h"
#include "models/common/token_list.h"
#include "models/whisper/logit_rules.h"
#include "models/whisper/network.h"
#include "models/whisper/transcription.h"
#include "models/whisper/vocabulary.h"
#include "runtime/core/status.h"

namespace earshot::whisper {

struct GenerationRequest {
  const Vocabulary& vocabulary;
  const LogitRules& rules;
  const Sink& sink;           // asked whether to stop
  int64_t prompt_tokens = 0;  // already in the decoder's cache
  int64_t max_tokens = 0;
  float temperature = 0;  // 0: the most likely token each time
  bool stop_loops = true;
};

struct Generation {
  TokenList tokens;        // without end-of-text; capacity >= max_tokens
  double sum_logprob = 0;  // natural logarithm, of the tokens and of end-of-text
  int64_t num_tokens = 0;  // chosen, end-of-text not counted; more than in `tokens` if a loop was cut off
  bool looped = false;     // stopped in a loop, of which the tokens hold one round
  bool truncated = false;  // stopped at max_tokens
  bool cancelled = false;

  // As the paper's implementation counts: one more token than there are, for end-of-text.
  float AvgLogprob() const { return static_cast<float>(sum_logprob / static_cast<double>(num_tokens + 1)); }
  // What the best of several samples is chosen by: there it does not count.
  double Rank() const { return sum_logprob / static_cast<double>(num_tokens > 0 ? num_tokens : 1); }
};

// Chooses tokens until end-of-text, max_tokens, a loop, or a wish to stop. `logits`: those that follow the
// prompt, in the memory that network.Decode returns; they are overwritten. The cache keeps the prompt, so
// that it can be continued again. Errors: those of the network. Never allocates.
Status Generate(const GenerationRequest& request, Network& network, std::span<float> logits, Pcg32& random,
                Generation& generation);

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_GENERATION_H_
