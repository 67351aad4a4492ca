// Prefill, best-of sampling, and the fallback over temperatures.
#include "models/whisper/window_decoder.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace earshot::whisper {
namespace {

// Without the white space at both ends.
std::string_view Stripped(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

struct WindowDecoder::Request {
  int64_t MaxTokens(const DecoderTables& tables) const {
    // The last token need not fit into the cache: nothing is computed from it.
    return std::min(WantedTokens(options, tables.max_text_tokens), tables.max_text_tokens + 1 - position);
  }

  Network& network;
  const WindowPrompt& prompt;
  const TranscribeOptions& options;
  const Sink& sink;
  Pcg32& random;
  WindowTranscript& transcript;
  int64_t position = 0;          // tokens in the decoder's cache
  std::span<float> logits = {};  // after them
};

Result<WindowDecoder> WindowDecoder::Create(const DecoderTables& tables, Arena& arena) {
  const auto max_tokens = static_cast<size_t>(tables.max_text_tokens);
  const auto vocab_size = static_cast<size_t>(tables.vocabulary.size);
  const size_t text_bytes = max_tokens * static_cast<size_t>(tables.max_piece_bytes);
  auto* ratio_memory = arena.AllocateArray<std::byte>(CompressionRatio::kWorkspaceBytes);
  auto* text = arena.AllocateArray<char>(text_bytes);
  auto* logits = arena.AllocateArray<float>(vocab_size);
  const BeamSearch beams = BeamSearch::Create(tables.max_text_tokens, arena);
  constexpr size_t kNumLists = 4;
  auto* tokens = arena.AllocateArray<int32_t>(kNumLists * max_tokens);
  if (arena.required_bytes() > arena.capacity_bytes()) {
    return Status::Error(StatusCode::kOutOfMemory, "window decoder: %zu bytes given, %zu needed",
                         arena.capacity_bytes(), arena.required_bytes());
  }
  EARSHOT_ASSIGN_OR_RETURN(const CompressionRatio ratio,
                           CompressionRatio::Create({ratio_memory, CompressionRatio::kWorkspaceBytes}));
  WindowDecoder decoder(tables, ratio);
  decoder.beams_ = beams;
  decoder.text_ = {text, text_bytes};
  decoder.prompt_logits_ = {logits, vocab_size};
  const auto list = [&](size_t index) {
    return TokenList(std::span(tokens + index * max_tokens, max_tokens));
  };
  decoder.prompt_ = list(0);
  decoder.current_.tokens = list(1);
  decoder.candidate_.tokens = list(2);
  decoder.kept_.tokens = list(3);
  return decoder;
}

Result<std::string_view> WindowDecoder::Text(std::span<const int32_t> tokens) {
  size_t used = 0;
  EARSHOT_RETURN_IF_ERROR(tables_.pieces.Append(tokens, text_, used));
  return std::string_view(text_.data(), used);
}

Status WindowDecoder::Run(Request& request, std::span<const int32_t> tokens) {
  EARSHOT_ASSIGN_OR_RETURN(request.logits, request.network.Decode(tokens, request.position));
  request.position += std::ssize(tokens);
  return {};
}

std::span<const int32_t> WindowDecoder::PromptTail(int32_t language_token, const TranscribeOptions& options,
                                                   std::span<int32_t, kMaxPromptTail> room) const {
  const Vocabulary& v = tables_.vocabulary;
  size_t count = 0;
  if (v.multilingual) {
    if (language_token != kNoToken) room[count++] = language_token;
    room[count++] = options.task == Task::kTranslate ? v.translate : v.transcribe;
  }
  if (!options.timestamps) room[count++] = v.no_timestamps;
  return room.first(count);
}

Status WindowDecoder::Prefill(Request& request) {
  const Vocabulary& v = tables_.vocabulary;
  WindowTranscript& transcript = request.transcript;
  prompt_.Clear();
  std::span<const int32_t> previous = request.prompt.previous_tokens;
  previous = previous.last(std::min(previous.size(), prompt_.capacity() / 2 - 1));
  if (!previous.empty()) {
    prompt_.Append(v.start_of_previous);
    prompt_.AppendAndForget(previous);
  }
  prompt_.Append(v.start_of_transcript);
  EARSHOT_RETURN_IF_ERROR(Run(request, prompt_.tokens()));

  transcript.score.no_speech_prob = NoSpeechProbability(v, request.logits);
  if (v.multilingual) {
    transcript.language_token = request.prompt.language_token;
    if (transcript.language_token == kNoToken) {
      const Vocabulary::LanguageGuess guess = v.GuessLanguage(request.logits);
      transcript.language_token = guess.token;
      transcript.language_probability = guess.probability;
    }
  }

  std::array<int32_t, kMaxPromptTail> room;
  const std::span<const int32_t> tail = PromptTail(transcript.language_token, request.options, room);
  if (!tail.empty()) EARSHOT_RETURN_IF_ERROR(Run(request, tail));
  std::ranges::copy(request.logits, prompt_logits_.begin());
  return {};
}

// Leaves the best sample in candidate_.
Status WindowDecoder::Attempt(Request& request, float temperature) {
  const TranscribeOptions& options = request.options;
  const LogitRules rules(tables_.vocabulary, tables_.lists, options.timestamps);
  const GenerationRequest generation = {
      .vocabulary = tables_.vocabulary,
      .rules = rules,
      .sink = request.sink,
      .prompt_tokens = request.position,
      .max_tokens = request.MaxTokens(tables_),
      .temperature = temperature,
      .stop_loops = options.stop_loops,
  };
  std::ranges::copy(prompt_logits_, request.logits.begin());
  if (temperature == 0 && options.beam_size > 1) {
    EARSHOT_RETURN_IF_ERROR(
        beams_.Search(generation, request.network, request.logits, options.beam_size, current_));
    Keep(request, true);
    return {};
  }
  const int samples = temperature > 0 ? options.best_of : 1;
  return samples > 1 && request.network.max_beams() > 1 ? SampleSideBySide(request, generation, samples)
                                                        : SampleOneByOne(request, generation, samples);
}

// Counts current_, which becomes candidate_ if it is better or the first one.
void WindowDecoder::Keep(Request& request, bool is_first) {
  request.transcript.tokens_chosen += current_.num_tokens;
  request.transcript.cancelled |= current_.cancelled;
  if (is_first || (!current_.cancelled && current_.Rank() > candidate_.Rank()))
    std::swap(current_, candidate_);
}

Status WindowDecoder::SampleOneByOne(Request& request, const GenerationRequest& generation, int samples) {
  for (int sample = 0; sample < samples && !request.transcript.cancelled; ++sample) {
    std::ranges::copy(prompt_logits_, request.logits.begin());
    EARSHOT_RETURN_IF_ERROR(Generate(generation, request.network, request.logits, request.random, current_));
    if (current_.looped) ++request.transcript.loops_stopped;
    Keep(request, sample == 0);
  }
  return {};
}

Status WindowDecoder::SampleSideBySide(Request& request, const GenerationRequest& generation, int samples) {
  for (int begin = 0; begin < samples && !request.transcript.cancelled;) {
    const int64_t count = std::min<int64_t>(samples - begin, request.network.max_beams());
    std::ranges::copy(prompt_logits_, request.logits.begin());
    SampleResult result = {.best = current_};
    EARSHOT_RETURN_IF_ERROR(
        beams_.Sample(generation, request.network, request.logits, count, request.random, result));
    request.transcript.loops_stopped += result.loops;
    Keep(request, begin == 0);
    begin += static_cast<int>(count);
  }
  return {};
}

Result<AttemptScore> WindowDecoder::Score(const Generation& generation, float no_speech_prob) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string_view text, Text(generation.tokens.tokens()));
  return AttemptScore{.avg_logprob = generation.AvgLogprob(),
                      .compression_ratio = compression_ratio_.Compute(Stripped(text)),
                      .no_speech_prob = no_speech_prob,
                      .looped = generation.looped};
}

Status WindowDecoder::Decode(Network& network, const WindowPrompt& prompt, const TranscribeOptions& options,
                             const Sink& sink, Pcg32& random, WindowTranscript& transcript) {
  transcript = {};
  Request request = {network, prompt, options, sink, random, transcript};
  EARSHOT_RETURN_IF_ERROR(Prefill(request));
  const float no_speech_prob = transcript.score.no_speech_prob;
  const int64_t token_budget = request.MaxTokens(tables_) * options.max_attempt_lengths;
  for (const float temperature : options.temperatures) {
    EARSHOT_RETURN_IF_ERROR(Attempt(request, temperature));
    EARSHOT_ASSIGN_OR_RETURN(const AttemptScore score, Score(candidate_, no_speech_prob));
    const bool good = !NeedsFallback(options, score);
    const bool first = ++transcript.attempts == 1;
    transcript.last_temperature = temperature;
    // An attempt that was cut short is worth less than any that was not.
    if (first || (!transcript.cancelled && (good || IsBetterFailure(options, score, transcript.score)))) {
      std::swap(candidate_, kept_);
      transcript.score = score;
      transcript.temperature = temperature;
      transcript.truncated = kept_.truncated;
    }
    if (good || transcript.cancelled || transcript.tokens_chosen >= token_budget) break;
  }
  transcript.tokens = kept_.tokens.tokens();
  return {};
}

}  // namespace earshot::whisper
