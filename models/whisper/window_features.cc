// Reads a window of audio in chunks and turns it into normalized log-mel features.
#include "models/whisper/window_features.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <new>

namespace earshot::whisper {
namespace {

// One second at a time: a small buffer, and few calls of AudioSource::read.
constexpr int64_t kChunkFrames = 100;

// Nothing that was once a recording; powers of it stay finite.
constexpr float kMaxSample = 1e6f;

size_t ChunkSamples(const LogMelConfig& config) {
  return static_cast<size_t>((kChunkFrames - 1) * config.hop_length + config.fft_length);
}

}  // namespace

Result<WindowFeatures> WindowFeatures::Create(const LogMelConfig& config, const ThreadPool& pool,
                                              Arena& arena) {
  const size_t log_mel_bytes = LogMel::WorkspaceBytes(config), num_threads = pool.num_threads();
  auto* log_mels = arena.AllocateArray<LogMel>(num_threads);
  auto* samples = arena.AllocateArray<float>(ChunkSamples(config));
  // All take their memory, so that a measuring arena learns of all of it.
  for (size_t thread = 0; thread < num_threads; ++thread) {
    auto* memory = static_cast<std::byte*>(arena.Allocate(log_mel_bytes));
    if (log_mels == nullptr || memory == nullptr) continue;
    const Result<LogMel> log_mel = LogMel::Create(config, {memory, log_mel_bytes});
    if (!log_mel.ok()) return log_mel.status();
    new (log_mels + thread) LogMel(log_mel.value());
  }
  if (arena.required_bytes() > arena.capacity_bytes()) {
    return Status::Error(StatusCode::kOutOfMemory, "audio features: %zu bytes given, %zu needed",
                         arena.capacity_bytes(), arena.required_bytes());
  }
  return WindowFeatures({log_mels, num_threads}, {samples, ChunkSamples(config)}, pool);
}

Status WindowFeatures::Compute(const AudioSource& audio, int64_t first_frame, WindowPadding padding,
                               Matrix<float> mel) {
  // Silence for a whole window, since one may begin at the last frame of the content, and so much more that
  // no frame sees the recording mirrored at the end of the silence.
  const int64_t padded_samples = audio.total_samples + (mel.rows + kChunkFrames) * kSamplesPerMelFrame;
  for (int64_t row = 0; row < mel.rows; row += kChunkFrames) {
    const Matrix<float> chunk = mel.Rows(row, std::min(kChunkFrames, mel.rows - row));
    EARSHOT_RETURN_IF_ERROR(ComputeChunk(audio, padded_samples, first_frame + row, chunk));
  }
  window_loudest_ = MaxFeature(mel);
  loudest_ = std::max(loudest_, window_loudest_);
  NormalizeFeatures(mel, loudest_);
  if (padding == WindowPadding::kZeroMel) {
    const int64_t content =
        std::clamp<int64_t>(ContentFrames(audio.total_samples) - first_frame, 0, mel.rows);
    for (int64_t row = content; row < mel.rows; ++row) std::fill_n(mel.Row(row), mel.cols, 0.0f);
  }
  return {};
}

Status WindowFeatures::ComputeChunk(const AudioSource& audio, int64_t padded_samples, int64_t first_frame,
                                    Matrix<float> mel) {
  LogMelInput input;
  input.clip_samples = audio.total_samples;
  input.padded_samples = padded_samples;
  const LogMel::SampleRange needed = log_mels_[0].NeededSamples(input, first_frame, mel.rows);
  const auto num_samples = static_cast<size_t>(needed.end - needed.begin);
  if (num_samples > 0) {
    EARSHOT_RETURN_IF_ERROR(audio.read(audio.context, needed.begin, samples_.first(num_samples)));
    input.samples = samples_.first(num_samples);
    input.begin = needed.begin;
    // One such sample would silence or saturate its frames unnoticed.
    if (!std::ranges::all_of(input.samples, [](float sample) { return std::fabs(sample) < kMaxSample; })) {
      return Status::Error(StatusCode::kInvalidAudio,
                           "the audio has samples that are no numbers or far outside of +-1, at %lld ms",
                           static_cast<long long>(first_frame * kMelFrameMs));
    }
  }
  return ComputeFrames(input, first_frame, mel);
}

Status WindowFeatures::ComputeFrames(const LogMelInput& input, int64_t first_frame, Matrix<float> mel) {
  const auto num_parts = static_cast<int64_t>(log_mels_.size());
  const int64_t part_frames = (mel.rows + num_parts - 1) / num_parts;
  std::atomic<bool> failed = false;
  pool_.ParallelFor(log_mels_.size(), [&](size_t part, size_t) {
    const int64_t begin = std::min(mel.rows, static_cast<int64_t>(part) * part_frames);
    const int64_t count = std::min(part_frames, mel.rows - begin);
    if (!log_mels_[part].Compute(input, first_frame + begin, mel.Rows(begin, count)).ok()) failed = true;
  });
  // What a part refuses, the first one refuses for the whole: it says what is wrong.
  return failed ? log_mels_[0].Compute(input, first_frame, mel) : Status::Ok();
}

}  // namespace earshot::whisper
