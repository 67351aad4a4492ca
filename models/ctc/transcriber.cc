// The loop over segments.
#include "models/ctc/transcriber.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>

#include "models/common/quiet_cut.h"
#include "models/loops/ctc_collapse.h"
#include "runtime/kernels/kernels.h"

namespace earshot::ctc {
namespace {

using speech::AudioSource;
using speech::kSamplesPerMs;
using speech::Segment;
using speech::Sink;
using speech::Summary;
using speech::TranscribeOptions;
using Clock = std::chrono::steady_clock;

// Nothing is heard where no sample is louder: -80 dB.
constexpr float kInaudible = 1e-4f;
// Nothing that was once a recording; sums of its squares stay finite.
constexpr float kMaxSample = 1e6f;
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
  if (options.task == speech::Task::kTranslate)
    return Status::Error(StatusCode::kInvalidArgument,
                         "this model writes what it hears: it cannot translate");
  if (options.language.size() < sizeof(Summary::language)) return Status::Ok();
  return Status::Error(StatusCode::kInvalidArgument, "\"%.*s\" is no code of a language",
                       static_cast<int>(std::min<size_t>(options.language.size(), 40)),
                       options.language.data());
}

}  // namespace

struct Transcriber::Recording {
  Network& network;
  const AudioSource& audio;
  const TranscribeOptions& options;
  const Sink& sink;
  Summary& summary;
  int64_t begin = 0;  // sample at which the next segment begins
  Network::Output output = {};
};

struct Transcriber::Text {
  double sum_logprob = 0;
  int64_t frames = 0;       // of the segment
  int64_t first_frame = 0;  // in which a token begins
  int64_t last_frame = 0;   // that has a label
};

Result<Transcriber> Transcriber::Create(const Dimensions& dimensions, Arena& arena) {
  Transcriber transcriber(dimensions);
  Status status;
  if (dimensions.hearing == Hearing::kLogMel) {
    Result<LogMelFeatures> features =
        LogMelFeatures::Create(dimensions.log_mel, dimensions.max_samples, arena);
    if (features.ok()) transcriber.features_ = features.value();
    status = features.status();
  }
  const auto max_tokens = static_cast<size_t>(dimensions.max_frames);
  // A space in front of all.
  const size_t raw_bytes = max_tokens * static_cast<size_t>(dimensions.max_piece_bytes) + 1;
  const size_t text_bytes = 3 * raw_bytes;  // a broken byte becomes a replacement character of three
  auto* tokens = arena.AllocateArray<int32_t>(max_tokens);
  auto* raw = arena.AllocateArray<char>(raw_bytes);
  auto* text = arena.AllocateArray<char>(text_bytes);
  EARSHOT_RETURN_IF_ERROR(status);
  if (tokens == nullptr || raw == nullptr || text == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "transcriber: %zu bytes given, %zu needed",
                         arena.capacity_bytes(), arena.required_bytes());
  }
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
  Recording recording = {network, audio, options, sink, summary};
  while (audio.total_samples - recording.begin >= dimensions_.min_samples) {
    if (ShouldStop(sink)) {
      return Status::Error(StatusCode::kCancelled, "stopped at %lld of %lld ms",
                           static_cast<long long>(recording.begin / kSamplesPerMs),
                           static_cast<long long>(summary.audio_ms));
    }
    EARSHOT_RETURN_IF_ERROR(TranscribeSegment(recording));
    if (sink.on_progress == nullptr) continue;
    const bool is_last = audio.total_samples - recording.begin < dimensions_.min_samples;
    sink.on_progress(sink.context, is_last ? summary.audio_ms : recording.begin / kSamplesPerMs,
                     summary.audio_ms);
  }
  return Status::Ok();
}

Status Transcriber::HearFirstSegment(Network& network, const AudioSource& audio) {
  EARSHOT_RETURN_IF_ERROR(CheckAudio(audio));
  if (audio.total_samples < dimensions_.min_samples) {
    return Status::Error(StatusCode::kInvalidArgument, "%lld samples of audio, at least %lld are needed",
                         static_cast<long long>(audio.total_samples),
                         static_cast<long long>(dimensions_.min_samples));
  }
  EARSHOT_ASSIGN_OR_RETURN(const int64_t samples, ReadSegment(network, audio, 0));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t rows, MakeInput(network, samples));
  return network.Run(rows).status();
}

// Room for the longest segment.
Result<std::span<float>> Transcriber::Samples(Network& network) {
  if (features_) return features_->samples();
  EARSHOT_ASSIGN_OR_RETURN(const Matrix<float> input, network.Input(dimensions_.max_samples));
  return std::span<float>(input.data, static_cast<size_t>(dimensions_.max_samples));
}

// Reads the segment that begins there; returns its samples.
Result<int64_t> Transcriber::ReadSegment(Network& network, const AudioSource& audio, int64_t begin) {
  EARSHOT_ASSIGN_OR_RETURN(const std::span<float> room, Samples(network));
  const int64_t rest = audio.total_samples - begin, count = std::min(rest, dimensions_.max_samples);
  const std::span<float> samples = room.first(static_cast<size_t>(count));
  EARSHOT_RETURN_IF_ERROR(audio.read(audio.context, begin, samples));
  if (!std::ranges::all_of(samples, [](float sample) { return std::fabs(sample) < kMaxSample; })) {
    return Status::Error(
        StatusCode::kInvalidAudio,
        "the audio has samples that are no numbers or far outside of +-1, in the %lld ms from %lld ms on",
        static_cast<long long>(count / kSamplesPerMs), static_cast<long long>(begin / kSamplesPerMs));
  }
  // What is left of a recording that is a little too long should not be a word alone.
  return rest <= count ? count : FindQuietCut(samples, {.earliest = (count + 1) / 2});
}

// Turns the samples that were read into the network's input; returns its rows.
Result<int64_t> Transcriber::MakeInput(Network& network, int64_t samples) {
  if (features_) {
    const int64_t rows = features_->NumFrames(samples);
    EARSHOT_ASSIGN_OR_RETURN(const Matrix<float> input, network.Input(rows));
    EARSHOT_RETURN_IF_ERROR(features_->Compute(samples, input));
    return rows;
  }
  if (dimensions_.hearing == Hearing::kNormalizedSamples) {
    EARSHOT_ASSIGN_OR_RETURN(const std::span<float> room, Samples(network));
    NormalizeSamples(room.first(static_cast<size_t>(samples)));
  }
  return samples;
}

Status Transcriber::TranscribeSegment(Recording& recording) {
  EARSHOT_ASSIGN_OR_RETURN(const int64_t samples,
                           ReadSegment(recording.network, recording.audio, recording.begin));
  EARSHOT_ASSIGN_OR_RETURN(const std::span<float> room, Samples(recording.network));
  const bool is_audible = std::ranges::any_of(room.first(static_cast<size_t>(samples)),
                                              [](float sample) { return std::fabs(sample) > kInaudible; });
  // A cut may leave less than the network needs.
  if (is_audible && samples >= dimensions_.min_samples) {
    Text text;
    EARSHOT_RETURN_IF_ERROR(Hear(recording, samples));
    const Clock::time_point begin = Clock::now();
    Decode(recording.output, text);
    recording.summary.decode_ms += MillisecondsSince(begin);
    recording.summary.tokens += std::ssize(tokens_.tokens());
    EARSHOT_RETURN_IF_ERROR(Emit(recording, samples, text));
  } else {
    ++recording.summary.skipped_windows;
  }
  recording.begin += samples;
  return Status::Ok();
}

Status Transcriber::Hear(Recording& recording, int64_t samples) {
  const Clock::time_point begin = Clock::now();
  EARSHOT_ASSIGN_OR_RETURN(const int64_t rows, MakeInput(recording.network, samples));
  const double features_ms = MillisecondsSince(begin);
  EARSHOT_ASSIGN_OR_RETURN(recording.output, recording.network.Run(rows));
  Summary& summary = recording.summary;
  summary.features_ms += features_ms;
  summary.encode_ms += MillisecondsSince(begin) - features_ms;
  ++summary.windows;
  // The model knows one language and does not say which.
  std::ranges::copy(recording.options.language, summary.language.begin());
  summary.language_probability = recording.options.language.empty() ? 0.0f : 1.0f;
  return Status::Ok();
}

void Transcriber::Decode(const Network::Output& output, Text& text) {
  tokens_.Clear();
  loops::CtcCollapse collapse(dimensions_.blank);
  text.frames = output.labels.rows;
  for (int64_t frame = 0; frame < output.labels.rows; ++frame) {
    const int32_t label = *output.labels.Row(frame);
    if (label != dimensions_.blank) text.last_frame = frame;
    if (!collapse.BeginsToken(label)) continue;
    const std::span<const float> logits(output.logits.Row(frame), static_cast<size_t>(output.logits.cols));
    text.sum_logprob += static_cast<double>(logits[static_cast<size_t>(label)] - kernels::LogSumExp(logits));
    if (tokens_.size() == 0) text.first_frame = frame;
    tokens_.Append(label);
  }
}

Status Transcriber::Emit(Recording& recording, int64_t samples, const Text& text) {
  size_t raw_bytes = 1;
  raw_text_[0] = ' ';
  EARSHOT_RETURN_IF_ERROR(dimensions_.pieces.Append(tokens_.tokens(), raw_text_, raw_bytes));
  const size_t begin = raw_bytes > 1 && raw_text_[1] == ' ' ? 1 : 0;
  EARSHOT_ASSIGN_OR_RETURN(const size_t bytes,
                           ReplaceInvalidUtf8({raw_text_.data() + begin, raw_bytes - begin}, text_));
  const std::string_view clean(text_.data(), bytes);
  if (IsBlank(clean)) return Status::Ok();
  // Frames lie evenly within the segment.
  const auto ms_at = [&](int64_t frame) {
    return (recording.begin + samples * frame / text.frames) / kSamplesPerMs;
  };
  const int64_t start_ms = ms_at(text.first_frame);
  const double average = text.sum_logprob / static_cast<double>(tokens_.size());
  const Segment segment = {.id = static_cast<int>(recording.summary.segments++),
                           .start_ms = start_ms,
                           .end_ms = std::max(ms_at(text.last_frame + 1), start_ms + 1),
                           .text = clean,
                           .tokens = tokens_.tokens(),
                           .avg_logprob = static_cast<float>(average)};
  if (recording.sink.on_segment != nullptr) recording.sink.on_segment(recording.sink.context, segment);
  return Status::Ok();
}

}  // namespace earshot::ctc
