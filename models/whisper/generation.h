// One sequence of tokens after the prompt: the inner loop of decoding.
#ifndef EARSHOT_MODELS_WHISPER_GENERATION_H_
#define EARSHOT_MODELS_WHISPER_GENERATION_H_

#include <cstdint>
#include <span>

#include "models/common/random.h"
#include "models/common/sampling.h"
#include "models/common/token_list.h"
#include "models/whisper/logit_rules.h"
#include "models/whisper/network.h"
#include "models/whisper/transcription.h"
#include "models/whisper/vocabulary.h"
#include "runtime/core/matrix_view.h"
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

  // Begins anew, in the same memory.
  void Clear() {
    *this = {.tokens = tokens};
    tokens.Clear();
  }
  // Becomes equal to another one, whose memory it does not share.
  void Assign(const Generation& other) {
    const TokenList own = tokens;
    *this = other;
    tokens = own;
    tokens.Clear();
    tokens.AppendAndForget(other.tokens.tokens());
  }

  // As the paper's implementation counts: one more token than there are, for end-of-text.
  float AvgLogprob() const { return static_cast<float>(sum_logprob / static_cast<double>(num_tokens + 1)); }
  // What the best of several samples is chosen by: there it does not count.
  double Rank() const { return sum_logprob / static_cast<double>(num_tokens > 0 ? num_tokens : 1); }
};

inline bool ShouldStop(const Sink& sink) {
  return sink.should_stop != nullptr && sink.should_stop(sink.context);
}

inline std::span<float> RowOf(const Matrix<float>& logits, int64_t row) {
  return {logits.Row(row), static_cast<size_t>(logits.cols)};
}

// That nothing is said, by the logits after <|startoftranscript|>; 0 where the model has no token for it.
float NoSpeechProbability(const Vocabulary& vocabulary, std::span<const float> logits);

// Cuts a loop at the end off, so that its phrase stands there once; true if there was one.
bool CutLoop(const Vocabulary& vocabulary, TokenList& tokens);

// Takes the token that was chosen into the generation; false if that ends it.
bool Take(const GenerationRequest& request, const SampledToken& chosen, Generation& generation);

// Chooses tokens until end-of-text, max_tokens, a loop, or a wish to stop. `logits`: those that follow the
// prompt, in the memory that network.Decode returns; they are overwritten. The cache keeps the prompt, so
// that it can be continued again. Errors: those of the network. Never allocates.
Status Generate(const GenerationRequest& request, Network& network, std::span<float> logits, Pcg32& random,
                Generation& generation);

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_GENERATION_H_
