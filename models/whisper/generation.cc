// Chooses token after token.
#include "models/whisper/generation.h"

#include "models/common/repetition.h"
#include "models/common/sampling.h"

namespace earshot::whisper {
namespace {

bool ShouldStop(const Sink& sink) { return sink.should_stop != nullptr && sink.should_stop(sink.context); }

// Cuts a loop off, so that its phrase stands there once; true if there was one.
bool CutLoop(const Vocabulary& vocabulary, TokenList& tokens) {
  const RepetitionRule rule = {.first_interchangeable_token = vocabulary.timestamp_begin};
  const int64_t repeated = RepeatedTailTokens(tokens.tokens(), rule);
  tokens.Truncate(tokens.size() - static_cast<size_t>(repeated));
  return repeated > 0;
}

}  // namespace

Status Generate(const GenerationRequest& request, Network& network, std::span<float> logits, Pcg32& random,
                Generation& generation) {
  generation = {.tokens = generation.tokens};
  TokenList& tokens = generation.tokens;
  tokens.Clear();
  while (true) {
    request.rules.Apply(tokens.tokens(), logits);
    const SampledToken chosen =
        request.temperature > 0 ? SampleToken(logits, request.temperature, random) : PickMostLikely(logits);
    if (chosen.token == SampledToken::kNoToken) return {};  // everything forbidden: as good as end-of-text
    generation.sum_logprob += static_cast<double>(chosen.logprob);
    if (chosen.token == request.vocabulary.end_of_text) return {};
    tokens.Append(chosen.token);
    ++generation.num_tokens;
    if (request.stop_loops && CutLoop(request.vocabulary, tokens)) {
      generation.looped = true;
      return {};
    }
    if (static_cast<int64_t>(tokens.size()) >= request.max_tokens) {
      generation.truncated = true;
      return {};
    }
    if (ShouldStop(request.sink)) {
      generation.cancelled = true;
      return {};
    }
    const int64_t position = request.prompt_tokens + static_cast<int64_t>(tokens.size()) - 1;
    EARSHOT_ASSIGN_OR_RETURN(logits, network.Decode(tokens.tokens().last(1), position));
  }
}

}  // namespace earshot::whisper
