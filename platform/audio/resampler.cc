// Resampler: speexdsp with its delay removed and its tail flushed.
#include "platform/audio/resampler.h"

#include <speex/speex_resampler.h>

#include <algorithm>
#include <array>

namespace earshot {
namespace {

constexpr int kQuality = 6;                   // see the header
constexpr size_t kMaxBlockSamples = 1 << 16;  // speexdsp counts in 32 bits

}  // namespace

void Resampler::Destroy::operator()(SpeexResamplerState_* state) const { speex_resampler_destroy(state); }

Result<Resampler> Resampler::Create(uint32_t input_rate_hz) {
  Resampler resampler;
  resampler.input_rate_hz_ = input_rate_hz;
  if (input_rate_hz == kModelSampleRateHz) return resampler;
  int error = RESAMPLER_ERR_INVALID_ARG;
  if (input_rate_hz > 0) {
    resampler.state_.reset(speex_resampler_init(1, input_rate_hz, kModelSampleRateHz, kQuality, &error));
  }
  if (resampler.state_ == nullptr || error != RESAMPLER_ERR_SUCCESS) {
    return Status::Error(
        error == RESAMPLER_ERR_ALLOC_FAILED ? StatusCode::kOutOfMemory : StatusCode::kInvalidArgument,
        "cannot resample from %u Hz to %u Hz: %s", input_rate_hz, kModelSampleRateHz,
        speex_resampler_strerror(error));
  }
  speex_resampler_skip_zeros(resampler.state_.get());
  return resampler;
}

Resampler::Counts Resampler::Process(std::span<const float> in, std::span<float> out) {
  if (state_ == nullptr) {
    const size_t count = std::min(in.size(), out.size());
    std::copy_n(in.begin(), count, out.begin());
    consumed_ += count;
    produced_ += count;
    return {.consumed = count, .produced = count};
  }
  auto consumed = static_cast<spx_uint32_t>(std::min(in.size(), kMaxBlockSamples));
  auto produced = static_cast<spx_uint32_t>(std::min(out.size(), kMaxBlockSamples));
  speex_resampler_process_float(state_.get(), 0, in.data(), &consumed, out.data(), &produced);
  consumed_ += consumed;
  produced_ += produced;
  return {.consumed = consumed, .produced = produced};
}

size_t Resampler::Flush(std::span<float> out) {
  const uint64_t length = ResampledLength(consumed_, input_rate_hz_);
  const uint64_t missing = length - std::min(length, produced_);
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(out.size(), missing));
  constexpr std::array<float, 512> kSilence{};
  const uint64_t consumed_input = consumed_;
  size_t done = 0;
  while (done < wanted) done += Process(kSilence, out.subspan(done, wanted - done)).produced;
  consumed_ = consumed_input;  // the silence is not part of the recording
  return done;
}

uint64_t ResampledLength(uint64_t samples, uint32_t rate_hz) {
  // Whole seconds apart, so that no product overflows.
  const uint64_t seconds = samples / rate_hz;
  const uint64_t rest = samples % rate_hz;
  return seconds * kModelSampleRateHz + (rest * kModelSampleRateHz + rate_hz / 2) / rate_hz;
}

}  // namespace earshot
