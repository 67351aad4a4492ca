// The loop over windows.
#include "models/whisper/transcriber.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "models/common/token_decoder.h"

namespace earshot::whisper {
namespace {

// Less audio than this at the end is not worth a window; the model tends to invent words for it.
constexpr int64_t kMinContentMs = 100;
// A window that ran into a loop may have come no further than its first words. Going on so near would loop
// again.
constexpr int64_t kMinAdvanceAfterLoopMs = 1000;
// Text sampled above this temperature would mislead the next window.
constexpr float kMaxPromptTemperature = 0.5f;
// Tokens, timestamps included, that so much audio may take: a multiple of what the fastest speakers say
// (English: 7 in a second), with room for languages whose characters take several tokens each. What is
// generous costs only where a text runs away; too little costs words, except in the first try at a window,
// which is followed by another.
struct TokenRate {
  int64_t per_second;
  int64_t at_least;
};
constexpr TokenRate kFirstTryRate = {.per_second = 15, .at_least = 16};
constexpr TokenRate kHighestRate = {.per_second = 30, .at_least = 32};
// Far from overflow, and beyond any recording.
constexpr int64_t kMaxSamples = int64_t{1} << 55;

class Stopwatch {
 public:
  double Milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

Status CheckOptions(const TranscribeOptions& options) {
  const auto error = [](const char* what) { return Status::Error(StatusCode::kInvalidArgument, "%s", what); };
  if (options.temperatures.empty()) return error("no temperature was given; 0 is greedy decoding");
  for (const float temperature : options.temperatures) {
    if (!std::isfinite(temperature) || temperature < 0) return error("a temperature must be 0 or more");
  }
  if (options.best_of < 1) return error("best_of must be 1 or more");
  if (options.beam_size < 1) return error("beam_size must be 1 or more");
  if (options.margin_ms < 0) return error("margin_ms must be 0 or more");
  if (options.max_attempt_lengths < 1) return error("max_attempt_lengths must be 1 or more");
  if (options.max_new_tokens < 0) return error("max_new_tokens must be 0 (the model's usual) or more");
  return {};
}

// Options with the number of tokens limited to what the audio can hold.
TranscribeOptions Limited(const TranscribeOptions& options, const TokenRate& rate, int64_t content_ms,
                          int64_t max_text_tokens) {
  const int64_t possible = rate.at_least + content_ms * rate.per_second / 1000;
  TranscribeOptions limited = options;
  limited.max_new_tokens = static_cast<int>(std::min(WantedTokens(options, max_text_tokens), possible));
  return limited;
}

// Rows of mel to encode for a window with that much audio; even, since the encoder halves them.
int64_t RightSizedFrames(int64_t content_ms, int margin_ms, int64_t whole_window) {
  const int64_t wanted = (content_ms + margin_ms) / kMelFrameMs;
  return std::min(whole_window, (wanted + 1) / 2 * 2);
}

// Whether a text over less than a whole window may stand. That nothing was said is for whole windows to say:
// over shorter ones the model now and then ends before it has begun.
bool IsConvincing(const TranscribeOptions& options, const Vocabulary& vocabulary,
                  const WindowTranscript& transcript) {
  const bool has_text =
      std::ranges::any_of(transcript.tokens, [&](int32_t token) { return !vocabulary.IsTimestamp(token); });
  return has_text && !transcript.truncated && !NeedsFallback(options, transcript.score) &&
         !IsSilence(options, transcript.score);
}

Status ResolveLanguage(const Vocabulary& vocabulary, const TranscribeOptions& options, int32_t& token) {
  token = kNoToken;
  const int code_bytes = static_cast<int>(std::min<size_t>(options.language.size(), 32));
  const char* code = options.language.data();
  if (!vocabulary.multilingual) {
    if (options.task == Task::kTranslate) {
      return Status::Error(StatusCode::kInvalidArgument,
                           "this model knows only English: it cannot translate");
    }
    if (options.language.empty() || options.language == "en") return {};
    return Status::Error(StatusCode::kInvalidArgument, "this model knows only English, not \"%.*s\"",
                         code_bytes, code);
  }
  if (options.language.empty()) return {};
  token = vocabulary.FindLanguage(options.language);
  if (token != kNoToken) return {};
  return Status::Error(
      StatusCode::kInvalidArgument,
      "this model knows no language \"%.*s\"; give a code such as en, de or zh, or none to have it detected",
      code_bytes, code);
}

void SetLanguage(std::string_view code, float probability, Summary& summary) {
  summary.language = {};
  std::ranges::copy(code.substr(0, summary.language.size() - 1), summary.language.begin());
  summary.language_probability = probability;
}

}  // namespace

struct Transcriber::Recording {
  Network& network;
  const AudioSource& audio;
  const TranscribeOptions& options;
  const Sink& sink;
  Summary& summary;
  Pcg32 random;
  int32_t language_token;
  int64_t begin_ms = 0;    // of the next window
  int64_t content_ms = 0;  // whole mel frames of the recording
  bool cancelled = false;
};

Result<Transcriber> Transcriber::Create(const Dimensions& dimensions, const ThreadPool& pool, Arena& arena) {
  const DecoderTables& tables = dimensions.tables;
  const auto max_tokens = static_cast<size_t>(tables.max_text_tokens);
  // A broken byte becomes a replacement character of three.
  const size_t text_bytes = 3 * max_tokens * static_cast<size_t>(tables.max_piece_bytes);
  const size_t max_previous = max_tokens / 2 - 1;
  auto* previous = arena.AllocateArray<int32_t>(max_previous);
  auto* text = arena.AllocateArray<char>(text_bytes);
  // Both take their memory, so that a measuring arena learns of all of it, before an error of either counts.
  Result<WindowFeatures> features = WindowFeatures::Create(dimensions.log_mel, pool, arena);
  Result<WindowDecoder> decoder = WindowDecoder::Create(tables, arena);
  if (!features.ok()) return features.status();
  if (!decoder.ok()) return decoder.status();
  if (previous == nullptr || text == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "transcriber: %zu bytes given, %zu needed",
                         arena.capacity_bytes(), arena.required_bytes());
  }
  Transcriber transcriber(features.value(), decoder.value());
  transcriber.previous_ = TokenList({previous, max_previous});
  transcriber.text_ = {text, text_bytes};
  return transcriber;
}

Status Transcriber::CheckArguments(const AudioSource& audio, const TranscribeOptions& options,
                                   int32_t& language_token) const {
  EARSHOT_RETURN_IF_ERROR(CheckOptions(options));
  EARSHOT_RETURN_IF_ERROR(ResolveLanguage(vocabulary(), options, language_token));
  if (audio.total_samples < 0 || audio.total_samples > kMaxSamples || audio.read == nullptr) {
    return Status::Error(StatusCode::kInvalidArgument, "%lld samples of audio, or no function to read them",
                         static_cast<long long>(audio.total_samples));
  }
  return {};
}

Status Transcriber::Run(Network& network, const AudioSource& audio, const TranscribeOptions& options,
                        const Sink& sink, Summary& summary) {
  summary = {};
  int32_t language_token = kNoToken;
  EARSHOT_RETURN_IF_ERROR(CheckArguments(audio, options, language_token));
  if (options.beam_size > std::max<int64_t>(1, network.max_beams())) {
    return Status::Error(
        StatusCode::kInvalidArgument, "a beam size of %d: this model, or this session, has room for %lld",
        options.beam_size, static_cast<long long>(std::max<int64_t>(1, network.max_beams())));
  }
  summary.audio_ms = audio.total_samples / kSamplesPerMs;
  features_.Reset();
  previous_.Clear();
  Recording recording = {network, audio, options, sink, summary, Pcg32(options.seed), language_token};
  recording.content_ms = ContentFrames(audio.total_samples) * kMelFrameMs;
  while (recording.content_ms - recording.begin_ms >= kMinContentMs) {
    if (!recording.cancelled && sink.should_stop != nullptr)
      recording.cancelled = sink.should_stop(sink.context);
    if (!recording.cancelled) EARSHOT_RETURN_IF_ERROR(TranscribeWindow(recording));
    if (recording.cancelled) {
      return Status::Error(StatusCode::kCancelled, "stopped at %lld of %lld ms",
                           static_cast<long long>(recording.begin_ms),
                           static_cast<long long>(summary.audio_ms));
    }
    if (sink.on_progress != nullptr) {
      const bool last = recording.content_ms - recording.begin_ms < kMinContentMs;
      sink.on_progress(sink.context, last ? summary.audio_ms : recording.begin_ms, summary.audio_ms);
    }
  }
  return {};
}

Status Transcriber::ComputeFeatures(Recording& recording, int64_t mel_frames) {
  const Stopwatch features_time;
  EARSHOT_ASSIGN_OR_RETURN(const Matrix<float> mel, recording.network.MelInput(mel_frames));
  EARSHOT_RETURN_IF_ERROR(
      features_.Compute(recording.audio, recording.begin_ms / kMelFrameMs, recording.options.padding, mel));
  recording.summary.features_ms += features_time.Milliseconds();
  return {};
}

Status Transcriber::EncodeFirstWindow(Network& network, const AudioSource& audio,
                                      const TranscribeOptions& options) {
  int32_t unused = kNoToken;
  EARSHOT_RETURN_IF_ERROR(CheckArguments(audio, options, unused));
  features_.Reset();
  const int64_t whole_window = network.max_mel_frames();
  const int64_t content_ms = std::min(whole_window, ContentFrames(audio.total_samples)) * kMelFrameMs;
  EARSHOT_ASSIGN_OR_RETURN(const Matrix<float> mel,
                           network.MelInput(RightSizedFrames(content_ms, options.margin_ms, whole_window)));
  EARSHOT_RETURN_IF_ERROR(features_.Compute(audio, 0, options.padding, mel));
  return network.Encode(mel.rows);
}

Status Transcriber::TranscribeWindow(Recording& recording) {
  const TranscribeOptions& options = recording.options;
  Summary& summary = recording.summary;
  const int64_t mel_frames = recording.network.max_mel_frames();
  const int64_t content_ms = std::min(mel_frames * kMelFrameMs, recording.content_ms - recording.begin_ms);
  EARSHOT_RETURN_IF_ERROR(ComputeFeatures(recording, mel_frames));
  if (features_.inaudible()) return SkipWindow(recording, content_ms);
  WindowTranscript transcript;
  EARSHOT_RETURN_IF_ERROR(EncodeAndDecode(recording, content_ms, transcript));
  if (summary.windows == 0) {
    const bool known = vocabulary().multilingual;
    SetLanguage(known ? vocabulary().LanguageCode(transcript.language_token) : "en",
                transcript.language_probability, summary);
    recording.language_token = transcript.language_token;
  }
  ++summary.windows;
  recording.cancelled = transcript.cancelled;

  const WindowSpan window = {.begin_ms = recording.begin_ms, .content_ms = content_ms};
  if (IsSilence(options, transcript.score)) return SkipWindow(recording, content_ms);
  SegmentSplitter splitter(vocabulary(), window, transcript.tokens);
  EARSHOT_RETURN_IF_ERROR(EmitSegments(recording, splitter, transcript));
  if (!options.condition_on_previous_text || transcript.last_temperature > kMaxPromptTemperature)
    previous_.Clear();
  const int64_t min_advance_ms = transcript.score.looped ? kMinAdvanceAfterLoopMs : 0;
  recording.begin_ms += std::min(std::max(splitter.advance_ms(), min_advance_ms), window.content_ms);
  return {};
}

Status Transcriber::EncodeAndDecode(Recording& recording, int64_t content_ms, WindowTranscript& transcript) {
  const TranscribeOptions& options = recording.options;
  const int64_t whole_window = recording.network.max_mel_frames();
  const int64_t right_sized = RightSizedFrames(content_ms, options.margin_ms, whole_window);
  const int64_t max_text_tokens = decoder_.tables().max_text_tokens;
  if (right_sized < whole_window) {
    TranscribeOptions first_try = Limited(options, kFirstTryRate, content_ms, max_text_tokens);
    first_try.temperatures = options.temperatures.first(1);
    EARSHOT_RETURN_IF_ERROR(DecodeFrames(recording, right_sized, first_try, transcript));
    if (transcript.cancelled || IsConvincing(options, vocabulary(), transcript)) return {};
    ++recording.summary.reencoded_windows;
    ++recording.summary.fallbacks;
  }
  return DecodeFrames(recording, whole_window, Limited(options, kHighestRate, content_ms, max_text_tokens),
                      transcript);
}

Status Transcriber::DecodeFrames(Recording& recording, int64_t mel_frames, const TranscribeOptions& options,
                                 WindowTranscript& transcript) {
  Summary& summary = recording.summary;
  const Stopwatch encode_time;
  EARSHOT_RETURN_IF_ERROR(recording.network.Encode(mel_frames));
  summary.encode_ms += encode_time.Milliseconds();
  const Stopwatch decode_time;
  const WindowPrompt prompt = {.previous_tokens = previous_.tokens(),
                               .language_token = recording.language_token};
  EARSHOT_RETURN_IF_ERROR(
      decoder_.Decode(recording.network, prompt, options, recording.sink, recording.random, transcript));
  summary.decode_ms += decode_time.Milliseconds();
  summary.tokens += transcript.tokens_chosen;
  summary.fallbacks += transcript.attempts - 1;
  summary.loops_stopped += transcript.loops_stopped;
  return {};
}

Status Transcriber::SkipWindow(Recording& recording, int64_t content_ms) {
  ++recording.summary.skipped_windows;
  recording.begin_ms += content_ms;
  return {};
}

Status Transcriber::EmitSegments(Recording& recording, SegmentSplitter& splitter,
                                 const WindowTranscript& transcript) {
  SegmentSpan span;
  while (splitter.Next(&span)) {
    const int64_t end_ms = std::min(span.end_ms, recording.summary.audio_ms);
    if (span.start_ms >= end_ms) continue;  // empty, or in the padding behind the audio
    EARSHOT_ASSIGN_OR_RETURN(const std::string_view text, CleanText(span.tokens));
    if (IsBlank(text)) continue;
    previous_.AppendAndForget(span.tokens);
    const Segment segment = {.id = static_cast<int>(recording.summary.segments++),
                             .start_ms = span.start_ms,
                             .end_ms = end_ms,
                             .text = text,
                             .tokens = span.tokens,
                             .avg_logprob = transcript.score.avg_logprob,
                             .compression_ratio = transcript.score.compression_ratio,
                             .no_speech_prob = transcript.score.no_speech_prob,
                             .temperature = transcript.temperature};
    if (recording.sink.on_segment != nullptr) recording.sink.on_segment(recording.sink.context, segment);
  }
  return {};
}

Result<std::string_view> Transcriber::CleanText(std::span<const int32_t> tokens) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string_view raw, decoder_.Text(tokens));
  EARSHOT_ASSIGN_OR_RETURN(const size_t bytes, ReplaceInvalidUtf8(raw, text_));
  return std::string_view(text_.data(), bytes);
}

}  // namespace earshot::whisper
