// The mel filter bank that Whisper's features are made with, for the converter to store in the model file.
#ifndef EARSHOT_MODELS_COMMON_MEL_FILTERS_H_
#define EARSHOT_MODELS_COMMON_MEL_FILTERS_H_

#include <vector>

#include "runtime/core/status.h"

namespace earshot {

struct MelFilterBankConfig {
  int num_mels = 80;
  int fft_length = 400;
  double sample_rate_hz = 16000.0;
  double min_hz = 0.0;
  double max_hz = 8000.0;
};

// Triangular filters on M. Slaney's mel scale (Auditory Toolbox, 1998: linear below 1 kHz, logarithmic
// above), each scaled to unit area over frequency in Hz; computed in double precision. The same as
// librosa.filters.mel and transformers' mel_filter_bank with norm and scale "slaney". Returns [num_mels,
// fft_length / 2 + 1] row-major, weights on power. Allocates: host use. kInvalidArgument: a count below 1, or
// not 0 <= min_hz < max_hz <= sample_rate_hz / 2.
Result<std::vector<float>> MelFilterBank(const MelFilterBankConfig& config);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_MEL_FILTERS_H_
