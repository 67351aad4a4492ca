// Chooses token after token.
#include "models/whisper/generation.h"

#include <cmath>
#include <cstddef>

#include "models/common/repetition.h"
#include "runtime/kernels/kernels.h"

namespace earshot::whisper {

float NoSpeechProbability(const Vocabulary& vocabulary, std::span<const float> logits) {
  if (vocabulary.no_speech == kNoToken) return 0;
  return std::exp(logits[static_cast<size_t>(vocabulary.no_speech)] - kernels::LogSumExp(logits));
}

bool CutLoop(const Vocabulary& vocabulary, TokenList& tokens) {
  const RepetitionRule rule = {.first_interchangeable_token = vocabulary.timestamp_begin};
  const int64_t repeated = RepeatedTailTokens(tokens.tokens(), rule);
  tokens.Truncate(tokens.size() - static_cast<size_t>(repeated));
  return repeated > 0;
}

bool Take(const GenerationRequest& request, const SampledToken& chosen, Generation& generation) {
  TokenList& tokens = generation.tokens;
  if (chosen.token == SampledToken::kNoToken) return false;  // everything forbidden: as good as end-of-text
  generation.sum_logprob += static_cast<double>(chosen.logprob);
  if (chosen.token == request.vocabulary.end_of_text) return false;
  tokens.Append(chosen.token);
  ++generation.num_tokens;
  generation.looped = request.stop_loops && CutLoop(request.vocabulary, tokens);
  if (generation.looped) return false;
  generation.truncated = static_cast<int64_t>(tokens.size()) >= request.max_tokens;
  return !generation.truncated;
}

Status Generate(const GenerationRequest& request, Network& network, std::span<float> logits, Pcg32& random,
                Generation& generation) {
  generation.Clear();
  const TokenList& tokens = generation.tokens;
  while (true) {
    request.rules.Apply(tokens.tokens(), logits);
    const SampledToken chosen =
        request.temperature > 0 ? SampleToken(logits, request.temperature, random) : PickMostLikely(logits);
    if (!Take(request, chosen, generation)) return {};
    generation.cancelled = ShouldStop(request.sink);
    if (generation.cancelled) return {};
    const int64_t position = request.prompt_tokens + static_cast<int64_t>(tokens.size()) - 1;
    EARSHOT_ASSIGN_OR_RETURN(logits, network.Decode(tokens.tokens().last(1), position));
  }
}

}  // namespace earshot::whisper
