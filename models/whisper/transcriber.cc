// The loop over windows.
#include "models/whisper/transcriber.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "models/common/token_decoder.h"
#include "models/whisper/transcriber_recording.h"
#include "models/whisper/window_cuts.h"

namespace earshot::whisper {
namespace {

// A window that ran into a loop may have come no further than its first words. Going on so near would loop
// again.
constexpr int64_t kMinAdvanceAfterLoopMs = 1000;
// Text sampled above this temperature would mislead the next window.
constexpr float kMaxPromptTemperature = 0.5f;
// Far from overflow, and beyond any recording.
constexpr int64_t kMaxSamples = int64_t{1} << 55;

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

}  // namespace

Status Transcriber::CheckOptions(const TranscribeOptions& options) {
  const auto error = [](const char* what) { return Status::Error(StatusCode::kInvalidArgument, "%s", what); };
  if (options.temperatures.empty()) return error("no temperature was given; 0 is greedy decoding");
  for (const float temperature : options.temperatures) {
    if (!std::isfinite(temperature) || temperature < 0) return error("a temperature must be 0 or more");
  }
  if (options.best_of < 1) return error("best_of must be 1 or more");
  if (options.beam_size < 1) return error("beam_size must be 1 or more");
  if (options.batch_size < 1) return error("batch_size must be 1 or more");
  if (options.batch_size > 1 && (options.beam_size > 1 || options.temperatures.front() > 0))
    return error("windows are decoded side by side at temperature 0 and without beams");
  if (options.batch_size > 1 && options.whole_windows)
    return error("windows side by side end in pauses: not with whole_windows");
  if (options.batch_size > 1 && options.condition_on_previous_text)
    return error("windows that are decoded side by side know nothing of each other's text");
  if (options.margin_ms < 0) return error("margin_ms must be 0 or more");
  if (options.max_attempt_lengths < 1) return error("max_attempt_lengths must be 1 or more");
  if (options.max_new_tokens < 0) return error("max_new_tokens must be 0 (the model's usual) or more");
  return {};
}

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
  const WindowGroup group = WindowGroup::Create(tables.max_text_tokens, arena);
  if (!features.ok()) return features.status();
  if (!decoder.ok()) return decoder.status();
  if (arena.required_bytes() > arena.capacity_bytes()) {
    return Status::Error(StatusCode::kOutOfMemory, "transcriber: %zu bytes given, %zu needed",
                         arena.capacity_bytes(), arena.required_bytes());
  }
  Transcriber transcriber(features.value(), decoder.value(), group);
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
  if (options.batch_size > std::max<int64_t>(1, network.max_windows())) {
    return Status::Error(
        StatusCode::kInvalidArgument, "a batch size of %d: this model, or this session, has room for %lld",
        options.batch_size, static_cast<long long>(std::max<int64_t>(1, network.max_windows())));
  }
  summary.audio_ms = audio.total_samples / kSamplesPerMs;
  features_.Reset();
  previous_.Clear();
  Recording recording = {network, audio, options, sink, summary, Pcg32(options.seed), language_token};
  recording.content_ms = ContentFrames(audio.total_samples) * kMelFrameMs;
  while (recording.content_ms - recording.begin_ms >= kMinContentMs) {
    if (!recording.cancelled && sink.should_stop != nullptr)
      recording.cancelled = sink.should_stop(sink.context);
    if (!recording.cancelled) {
      EARSHOT_RETURN_IF_ERROR(WantsGroup(recording)   ? TranscribeGroup(recording)
                              : options.whole_windows ? TranscribeWindow(recording)
                                                      : TranscribeUpToPause(recording));
    }
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

// What lies behind the pause is not heard: the model would begin a sentence there.
Status Transcriber::TranscribeUpToPause(Recording& recording) {
  const int64_t window_ms = recording.network.max_mel_frames() * kMelFrameMs;
  const AudioSource audio = recording.audio;
  const int64_t content_ms = recording.content_ms;
  EARSHOT_ASSIGN_OR_RETURN(const int64_t end_ms, FindWindowEnd(audio, recording.begin_ms, window_ms));
  recording.EndAt(audio, end_ms);
  EARSHOT_RETURN_IF_ERROR(TranscribeWindow(recording, end_ms < content_ms));
  recording.audio = audio;
  recording.content_ms = content_ms;
  return Status::Ok();
}

Status Transcriber::TranscribeWindow(Recording& recording, bool ends_in_pause) {
  const int64_t mel_frames = recording.network.max_mel_frames();
  const int64_t content_ms = std::min(mel_frames * kMelFrameMs, recording.content_ms - recording.begin_ms);
  EARSHOT_RETURN_IF_ERROR(ComputeFeatures(recording, mel_frames));
  if (features_.inaudible()) return SkipWindow(recording, content_ms);
  WindowTranscript transcript;
  EARSHOT_RETURN_IF_ERROR(EncodeAndDecode(recording, content_ms, transcript));
  return AcceptWindow(
      recording, transcript,
      {.begin_ms = recording.begin_ms, .content_ms = content_ms, .ends_in_pause = ends_in_pause});
}

Status Transcriber::AcceptWindow(Recording& recording, const WindowTranscript& transcript,
                                 const WindowSpan& window) {
  const TranscribeOptions& options = recording.options;
  if (recording.summary.windows == 0) {
    SetLanguage(vocabulary().multilingual ? vocabulary().LanguageCode(transcript.language_token) : "en",
                transcript.language_probability, recording.summary);
    recording.language_token = transcript.language_token;
  }
  ++recording.summary.windows;
  recording.cancelled = transcript.cancelled;
  if (IsSilence(options, transcript.score)) return SkipWindow(recording, window.content_ms);
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
