// The loop over segments and the loop over tokens.
#include "models/moonshine/transcriber.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>

#include "models/common/quiet_cut.h"
#include "models/common/random.h"
#include "models/common/repetition.h"
#include "models/common/sampling.h"

namespace earshot::moonshine {
namespace {

using speech::AudioSource;
using speech::kSampleRateHz;
using speech::kSamplesPerMs;
using speech::Segment;
using speech::Sink;
using speech::Summary;
using speech::TranscribeOptions;
using Clock = std::chrono::steady_clock;

// Less audio than this holds no word.
constexpr int64_t kMinContent = kSampleRateHz / 10;
// Nothing is heard where no sample is louder: -80 dB.
constexpr float kInaudible = 1e-4f;
// Nothing that was once a recording; sums of its squares stay finite.
constexpr float kMaxSample = 1e6f;
// Jeffries et al. 2024 stop a text at 6.5 tokens for each second of speech. A word that is cut off costs more
// than one that is made up, so there are a few more for what is short.
constexpr double kTokensPerSecond = 6.5;
constexpr int64_t kMoreTokens = 8;
// Far from overflow, and beyond any recording.
constexpr int64_t kMaxSamples = int64_t{1} << 55;

double MillisecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

bool ShouldStop(const Sink& sink) { return sink.should_stop != nullptr && sink.should_stop(sink.context); }

Status CheckAudio(const AudioSource& audio) {
  if (audio.total_samples >= 0 && audio.total_samples <= kMaxSamples && audio.read != nullptr)
    return Status::Ok();
  return Status::Error(StatusCode::kInvalidArgument, "%lld samples of audio, or no function to read them",
                       static_cast<long long>(audio.total_samples));
}

Status CheckArguments(const AudioSource& audio, const TranscribeOptions& options) {
  EARSHOT_RETURN_IF_ERROR(CheckAudio(audio));
  const auto refuse = [](const char* what) {
    return Status::Error(StatusCode::kInvalidArgument, "%s", what);
  };
  if (options.task == speech::Task::kTranslate)
    return refuse("this model knows only English: it cannot translate");
  if (!options.language.empty() && options.language != "en") return refuse("this model knows only English");
  if (options.temperatures.empty() || !std::isfinite(options.temperatures[0]) || options.temperatures[0] < 0)
    return refuse("the first temperature must be 0 or more");
  return options.max_new_tokens >= 0 ? Status::Ok()
                                     : refuse("max_new_tokens must be 0 (the model's usual) or more");
}

}  // namespace

struct Transcriber::Recording {
  Network& network;
  const AudioSource& audio;
  const TranscribeOptions& options;
  const Sink& sink;
  Summary& summary;
  Pcg32 random;
  int64_t begin = 0;  // sample at which the next segment begins
  bool cancelled = false;
};

struct Transcriber::Text {
  double sum_logprob = 0;
  int64_t chosen = 0;  // tokens, the end of the text not counted
};

Result<Transcriber> Transcriber::Create(const Dimensions& dimensions, Arena& arena) {
  const auto max_tokens = static_cast<size_t>(dimensions.max_tokens);
  const size_t raw_bytes = max_tokens * static_cast<size_t>(dimensions.max_piece_bytes);
  const size_t text_bytes = 3 * raw_bytes;  // a broken byte becomes a replacement character of three
  auto* tokens = arena.AllocateArray<int32_t>(max_tokens);
  auto* raw = arena.AllocateArray<char>(raw_bytes);
  auto* text = arena.AllocateArray<char>(text_bytes);
  if (tokens == nullptr || raw == nullptr || text == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "transcriber: %zu bytes given, %zu needed",
                         arena.capacity_bytes(), arena.required_bytes());
  }
  Transcriber transcriber(dimensions);
  transcriber.tokens_ = TokenList({tokens, max_tokens});
  transcriber.raw_text_ = {raw, raw_bytes};
  transcriber.text_ = {text, text_bytes};
  return transcriber;
}

Status Transcriber::Run(Network& network, const AudioSource& audio, const TranscribeOptions& options,
                        const Sink& sink, Summary& summary) {
  summary = {};
  EARSHOT_RETURN_IF_ERROR(CheckArguments(audio, options));
  summary.audio_ms = audio.total_samples / kSamplesPerMs;
  Recording recording = {network, audio, options, sink, summary, Pcg32(options.seed)};
  while (audio.total_samples - recording.begin >= kMinContent) {
    recording.cancelled = recording.cancelled || ShouldStop(sink);
    if (!recording.cancelled) EARSHOT_RETURN_IF_ERROR(TranscribeSegment(recording));
    if (recording.cancelled) {
      return Status::Error(StatusCode::kCancelled, "stopped at %lld of %lld ms",
                           static_cast<long long>(recording.begin / kSamplesPerMs),
                           static_cast<long long>(summary.audio_ms));
    }
    if (sink.on_progress == nullptr) continue;
    const bool is_last = audio.total_samples - recording.begin < kMinContent;
    sink.on_progress(sink.context, is_last ? summary.audio_ms : recording.begin / kSamplesPerMs,
                     summary.audio_ms);
  }
  return Status::Ok();
}

Status Transcriber::EncodeFirstSegment(Network& network, const AudioSource& audio) {
  EARSHOT_RETURN_IF_ERROR(CheckAudio(audio));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t samples, ReadSegment(network, audio, 0));
  return network.Encode(std::max(samples, dimensions_.min_samples));
}

// Puts the segment that begins there where the encoder reads it, silence behind it if it is too short;
// returns its samples.
Result<int64_t> Transcriber::ReadSegment(Network& network, const AudioSource& audio, int64_t begin) const {
  EARSHOT_ASSIGN_OR_RETURN(const std::span<float> input, network.AudioInput());
  const int64_t rest = audio.total_samples - begin, count = std::min(rest, dimensions_.max_samples);
  const std::span<float> samples = input.first(static_cast<size_t>(count));
  EARSHOT_RETURN_IF_ERROR(audio.read(audio.context, begin, samples));
  if (!std::ranges::all_of(samples, [](float sample) { return std::fabs(sample) < kMaxSample; })) {
    return Status::Error(
        StatusCode::kInvalidAudio,
        "the audio has samples that are no numbers or far outside of +-1, in the %lld ms from %lld ms on",
        static_cast<long long>(count / kSamplesPerMs), static_cast<long long>(begin / kSamplesPerMs));
  }
  const size_t min_samples = static_cast<size_t>(dimensions_.min_samples);
  if (samples.size() < min_samples)
    std::ranges::fill(input.subspan(samples.size(), min_samples - samples.size()), 0.0f);
  // What is left of a recording that is a little too long should not be a word alone.
  return rest <= count ? count : FindQuietCut(samples, {.earliest = (count + 1) / 2});
}

Status Transcriber::TranscribeSegment(Recording& recording) {
  EARSHOT_ASSIGN_OR_RETURN(const int64_t samples,
                           ReadSegment(recording.network, recording.audio, recording.begin));
  EARSHOT_ASSIGN_OR_RETURN(const std::span<float> input, recording.network.AudioInput());
  const bool is_audible = std::ranges::any_of(input.first(static_cast<size_t>(samples)),
                                              [](float sample) { return std::fabs(sample) > kInaudible; });
  if (is_audible) {
    Text text;
    EARSHOT_RETURN_IF_ERROR(Encode(recording, samples));
    EARSHOT_RETURN_IF_ERROR(Decode(recording, samples, text));
    EARSHOT_RETURN_IF_ERROR(Emit(recording, samples, text));
  } else {
    ++recording.summary.skipped_windows;
  }
  recording.begin += samples;
  return Status::Ok();
}

Status Transcriber::Encode(Recording& recording, int64_t samples) {
  const Clock::time_point begin = Clock::now();
  EARSHOT_RETURN_IF_ERROR(recording.network.Encode(std::max(samples, dimensions_.min_samples)));
  Summary& summary = recording.summary;
  summary.encode_ms += MillisecondsSince(begin);
  ++summary.windows;
  summary.language = {'e', 'n'};
  summary.language_probability = 1;
  return Status::Ok();
}

// The last position takes a token of which nobody reads what follows.
int64_t Transcriber::MaxTokens(const Recording& recording, int64_t samples) const {
  const double seconds = static_cast<double>(samples) / static_cast<double>(kSampleRateHz);
  const int64_t possible = static_cast<int64_t>(std::ceil(seconds * kTokensPerSecond)) + kMoreTokens;
  const int64_t wanted = recording.options.max_new_tokens > 0 ? recording.options.max_new_tokens : possible;
  return std::min(wanted, dimensions_.max_tokens - 1);
}

Status Transcriber::Decode(Recording& recording, int64_t samples, Text& text) {
  const Clock::time_point begin = Clock::now();
  const TranscribeOptions& options = recording.options;
  const float temperature = options.temperatures.front();
  const int64_t max_tokens = MaxTokens(recording, samples);
  tokens_.Clear();
  int32_t token = dimensions_.start;
  while (text.chosen < max_tokens) {
    EARSHOT_ASSIGN_OR_RETURN(const std::span<const float> logits,
                             recording.network.Decode({&token, 1}, text.chosen));
    const SampledToken best =
        temperature > 0 ? SampleToken(logits, temperature, recording.random) : PickMostLikely(logits);
    if (best.token == SampledToken::kNoToken) break;
    text.sum_logprob += static_cast<double>(best.logprob);
    if (best.token == dimensions_.end_of_text) break;
    token = best.token;
    tokens_.Append(token);
    ++text.chosen;
    const int64_t repeated = options.stop_loops ? RepeatedTailTokens(tokens_.tokens(), {}) : 0;
    tokens_.Truncate(tokens_.size() - static_cast<size_t>(repeated));
    if (repeated > 0) {
      ++recording.summary.loops_stopped;
      break;
    }
    recording.cancelled = ShouldStop(recording.sink);
    if (recording.cancelled) break;
  }
  recording.summary.tokens += text.chosen;
  recording.summary.decode_ms += MillisecondsSince(begin);
  return Status::Ok();
}

Status Transcriber::Emit(Recording& recording, int64_t samples, const Text& text) {
  size_t raw_bytes = 0;
  EARSHOT_RETURN_IF_ERROR(dimensions_.pieces.Append(tokens_.tokens(), raw_text_, raw_bytes));
  EARSHOT_ASSIGN_OR_RETURN(const size_t bytes, ReplaceInvalidUtf8({raw_text_.data(), raw_bytes}, text_));
  const std::string_view clean(text_.data(), bytes);
  if (IsBlank(clean)) return Status::Ok();
  const double average = text.sum_logprob / static_cast<double>(text.chosen + 1);
  const Segment segment = {.id = static_cast<int>(recording.summary.segments++),
                           .start_ms = recording.begin / kSamplesPerMs,
                           .end_ms = (recording.begin + samples) / kSamplesPerMs,
                           .text = clean,
                           .tokens = tokens_.tokens(),
                           .avg_logprob = static_cast<float>(average),
                           .temperature = recording.options.temperatures.front()};
  if (recording.sink.on_segment != nullptr) recording.sink.on_segment(recording.sink.context, segment);
  return Status::Ok();
}

}  // namespace earshot::moonshine
