// The log-mel spectrogram of one 30-second window of a recording, normalized as the encoder expects it.
#ifndef EARSHOT_MODELS_WHISPER_WINDOW_FEATURES_H_
#define EARSHOT_MODELS_WHISPER_WINDOW_FEATURES_H_

#include <cstdint>
#include <limits>
#include <span>

#include "models/common/log_mel.h"
#include "models/whisper/transcription.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"
#include "runtime/memory/arena.h"

namespace earshot::whisper {

constexpr int64_t kMelFrameMs = 10;
constexpr int64_t kSamplesPerMelFrame = kMelFrameMs * kSamplesPerMs;

// Whole mel frames of that much audio: what is transcribed.
constexpr int64_t ContentFrames(int64_t total_samples) { return total_samples / kSamplesPerMelFrame; }

// Normalization needs the loudest feature of the whole recording, which a bounded memory cannot know
// beforehand: it is the loudest heard so far, the window at hand included. Up to 30 s of audio that is the
// same; later windows of a recording that begins softly and becomes loud differ slightly from the original's.
//
// Owns nothing, borrows memory, filters and the pool; never touches the heap. Threads: one call at a time,
// which shares the frames out over the pool; the result does not depend on it.
class WindowFeatures {
 public:
  // Takes its memory from the arena; from a measuring one the result is kOutOfMemory, and the arena knows the
  // bytes. Errors: also kInvalidArgument (an impossible configuration).
  static Result<WindowFeatures> Create(const LogMelConfig& config, const ThreadPool& pool, Arena& arena);

  // Forgets how loud the recording was.
  void Reset() { loudest_ = std::numeric_limits<float>::lowest(); }

  // Whether the last window held no sound at all: digital silence, or the noise of the last bit of 16. Nobody
  // speaks there, but the model would put words into it.
  bool inaudible() const { return window_loudest_ < kFaintestSound; }

  // mel: [frames, num_mels] f32, frame 0 being frame `first_frame` of the recording. Rows behind the content
  // hold padding. Errors: those of audio.read; kInvalidAudio if samples are no numbers or far outside of +-1.
  Status Compute(const AudioSource& audio, int64_t first_frame, WindowPadding padding, Matrix<float> mel);

 private:
  WindowFeatures(std::span<LogMel> log_mels, std::span<float> samples, const ThreadPool& pool)
      : log_mels_(log_mels), samples_(samples), pool_(pool) {}
  Status ComputeChunk(const AudioSource& audio, int64_t padded_samples, int64_t first_frame,
                      Matrix<float> mel);

  Status ComputeFrames(const LogMelInput& input, int64_t first_frame, Matrix<float> mel);

  std::span<LogMel> log_mels_;  // one for each thread
  std::span<float> samples_;    // those that a chunk of frames depends on
  ThreadPool pool_;
  // log10 of mel power. White noise of +-1 in 16 bits is near -8, speech 60 dB below full scale near -4.
  static constexpr float kFaintestSound = -7.0f;

  float loudest_ = std::numeric_limits<float>::lowest();         // feature of the recording so far
  float window_loudest_ = std::numeric_limits<float>::lowest();  // feature of the last window
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_WINDOW_FEATURES_H_
