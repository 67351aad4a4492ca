// Mono audio of any rate to 16 kHz, as a stream (through speexdsp).
#ifndef EARSHOT_PLATFORM_AUDIO_RESAMPLER_H_
#define EARSHOT_PLATFORM_AUDIO_RESAMPLER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/core/status.h"

struct SpeexResamplerState_;

namespace earshot {

// The rate that every model of this project hears.
constexpr uint32_t kModelSampleRateHz = 16000;

// Output sample k is the input at time k / 16000 s: the delay of the filter is taken out. 16 kHz input passes
// unchanged. Windowed-sinc filter, speexdsp quality 6, as measured with tones: flat within 0.001 dB up to
// 0.875 of the lower Nyquist frequency (7 kHz), -3 dB at 7.4 kHz, aliases and images below -95 dB, which is
// where 16-bit noise lies. Quality 10 would cost 3 to 7 times as much for a band edge of 7.75 kHz and -118
// dB. Threads: not thread-safe.
class Resampler {
 public:
  // kInvalidArgument: a rate of 0 or one whose filter cannot be built. kOutOfMemory.
  static Result<Resampler> Create(uint32_t input_rate_hz);

  struct Counts {
    size_t consumed;
    size_t produced;
  };
  // As much as fits; input that is not consumed has to be passed again.
  Counts Process(std::span<const float> in, std::span<float> out);

  // After the last input: the rest, up to round(n * 16000 / rate) samples for n samples of input. 0 when
  // complete.
  size_t Flush(std::span<float> out);

 private:
  struct Destroy {
    void operator()(SpeexResamplerState_* state) const;
  };

  Resampler() = default;

  std::unique_ptr<SpeexResamplerState_, Destroy> state_;  // null: input_rate_hz_ is 16000
  uint32_t input_rate_hz_ = kModelSampleRateHz;
  uint64_t consumed_ = 0;
  uint64_t produced_ = 0;
};

// round(samples * 16000 / rate_hz), halves up.
uint64_t ResampledLength(uint64_t samples, uint32_t rate_hz);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_AUDIO_RESAMPLER_H_
