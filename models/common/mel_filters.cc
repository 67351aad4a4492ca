// MelFilterBank: corner frequencies evenly spaced in mel, triangles between them.
#include "models/common/mel_filters.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace earshot {
namespace {

// Slaney's scale: 3 mel per 200 Hz up to 1 kHz (15 mel), above it 27 steps per factor 6.4.
constexpr double kHzPerMel = 200.0 / 3.0;
constexpr double kBreakHz = 1000.0;
constexpr double kBreakMel = kBreakHz / kHzPerMel;
const double kLogStep = std::log(6.4) / 27.0;

double HzToMel(double hz) {
  return hz < kBreakHz ? hz / kHzPerMel : kBreakMel + std::log(hz / kBreakHz) / kLogStep;
}

double MelToHz(double mel) {
  return mel < kBreakMel ? mel * kHzPerMel : kBreakHz * std::exp((mel - kBreakMel) * kLogStep);
}

}  // namespace

Result<std::vector<float>> MelFilterBank(const MelFilterBankConfig& config) {
  const bool valid = config.num_mels >= 1 && config.fft_length >= 2 && config.min_hz >= 0.0 &&
                     config.min_hz < config.max_hz && config.max_hz <= config.sample_rate_hz / 2.0;
  if (!valid) {
    return Status::Error(
        StatusCode::kInvalidArgument,
        "mel filter bank: %d mels, FFT length %d, %g to %g Hz at a sample rate of %g Hz is not possible",
        config.num_mels, config.fft_length, config.min_hz, config.max_hz, config.sample_rate_hz);
  }
  const size_t num_mels = static_cast<size_t>(config.num_mels);
  const size_t num_bins = static_cast<size_t>(config.fft_length) / 2 + 1;
  const double min_mel = HzToMel(config.min_hz);
  const double mel_step = (HzToMel(config.max_hz) - min_mel) / static_cast<double>(num_mels + 1);
  const auto corner_hz = [&](size_t index) {
    if (index == num_mels + 1)
      return config.max_hz;  // exactly, or rounding leaves a trace in the bin at this frequency
    return MelToHz(min_mel + mel_step * static_cast<double>(index));
  };

  std::vector<float> filters(num_mels * num_bins);
  for (size_t mel = 0; mel < num_mels; ++mel) {
    const double left_hz = corner_hz(mel);
    const double peak_hz = corner_hz(mel + 1);
    const double right_hz = corner_hz(mel + 2);
    const double height = 2.0 / (right_hz - left_hz);  // unit area
    for (size_t bin = 0; bin < num_bins; ++bin) {
      const double hz = static_cast<double>(bin) * config.sample_rate_hz / config.fft_length;
      const double rising = (hz - left_hz) / (peak_hz - left_hz);
      const double falling = (right_hz - hz) / (right_hz - peak_hz);
      filters[mel * num_bins + bin] = static_cast<float>(height * std::max(0.0, std::min(rising, falling)));
    }
  }
  return filters;
}

}  // namespace earshot
