// What the network is given of a segment of audio.
#ifndef EARSHOT_MODELS_CTC_FEATURES_H_
#define EARSHOT_MODELS_CTC_FEATURES_H_

#include <cstdint>
#include <span>

#include "models/common/log_mel.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/memory/arena.h"

namespace earshot::ctc {

// In place (x - mean) / sqrt(variance + 1e-7), as transformers' Wav2Vec2FeatureExtractor.
void NormalizeSamples(std::span<float> samples);

// In place, each column: (x - mean) / (deviation + 1e-5), the deviation of a sample of rows. At least two
// rows.
void NormalizeColumns(Matrix<float> features);

// The features of NVIDIA's NeMo as transformers' ParakeetFeatureExtractor makes them: pre-emphasis by 0.97,
// silence beyond both ends, natural logarithms of mel power (LogMelStyle::kNatural), each mel band of zero
// mean and unit variance over the segment. One frame for each whole hop.
//
// Owns nothing, borrows memory and filters; never touches the heap. Threads: one call at a time.
class LogMelFeatures {
 public:
  // Takes its memory from the arena; from a measuring one the result is kOutOfMemory, and the arena knows the
  // bytes. Errors: also kInvalidArgument (an impossible configuration).
  static Result<LogMelFeatures> Create(const LogMelConfig& config, int64_t max_samples, Arena& arena);

  // Where to write the samples: room for max_samples.
  std::span<float> samples() const { return samples_; }

  int64_t NumFrames(int64_t num_samples) const { return num_samples / hop_; }

  // Of the first `num_samples` samples, which it changes. features: [NumFrames(num_samples), num_mels], at
  // least two rows.
  Status Compute(int64_t num_samples, Matrix<float> features);

 private:
  LogMelFeatures(const LogMel& log_mel, int64_t hop) : log_mel_(log_mel), hop_(hop) {}

  LogMel log_mel_;
  int64_t hop_ = 1;
  int64_t lead_ = 0;          // whole hops of silence before the samples
  std::span<float> padded_;   // silence, samples, silence
  std::span<float> samples_;  // a part of it
};

}  // namespace earshot::ctc

#endif  // EARSHOT_MODELS_CTC_FEATURES_H_
