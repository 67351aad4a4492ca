// Features against their definition in double precision.
#include "models/ctc/features.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>
#include <vector>

#include "models/common/mel_filters.h"
#include "models/common/random.h"

namespace earshot::ctc {
namespace {

constexpr int kMels = 24, kFft = 512, kWindow = 400, kHop = 160;

std::vector<float> Noise(size_t count) {
  Pcg32 random(7);
  std::vector<float> samples(count);
  for (float& sample : samples) sample = static_cast<float>(random.NextUnit() - 0.5);
  return samples;
}

// torch.stft(center=True, pad_mode="constant") of one frame, in the middle of the transform a window of 400.
std::vector<double> Power(const std::vector<double>& samples, int64_t frame) {
  std::vector<double> windowed(kFft, 0.0);
  for (int i = 0; i < kWindow; ++i) {
    const int64_t index = frame * kHop - kWindow / 2 + i;
    if (index < 0 || index >= std::ssize(samples)) continue;
    const double window = 0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * i / (kWindow - 1));
    windowed[static_cast<size_t>(i)] = window * samples[static_cast<size_t>(index)];
  }
  std::vector<double> power;
  for (int bin = 0; bin <= kFft / 2; ++bin) {
    std::complex<double> sum = 0;
    for (int i = 0; i < kFft; ++i)
      sum += windowed[static_cast<size_t>(i)] * std::polar(1.0, -2.0 * std::numbers::pi * bin * i / kFft);
    power.push_back(std::norm(sum));
  }
  return power;
}

std::vector<std::vector<double>> Reference(const std::vector<float>& samples,
                                           const std::vector<float>& filters) {
  std::vector<double> emphasized(samples.begin(), samples.end());
  for (size_t i = emphasized.size(); i-- > 1;) emphasized[i] -= 0.97 * emphasized[i - 1];
  const int64_t frames = std::ssize(samples) / kHop;
  std::vector<std::vector<double>> features(static_cast<size_t>(frames), std::vector<double>(kMels));
  for (int64_t frame = 0; frame < frames; ++frame) {
    const std::vector<double> power = Power(emphasized, frame);
    for (size_t mel = 0; mel < kMels; ++mel) {
      double sum = 0;
      for (size_t bin = 0; bin < power.size(); ++bin)
        sum += static_cast<double>(filters[mel * power.size() + bin]) * power[bin];
      features[static_cast<size_t>(frame)][mel] = std::log(sum + std::exp2(-24.0));
    }
  }
  for (size_t mel = 0; mel < kMels; ++mel) {
    double mean = 0, squares = 0;
    for (const auto& row : features) mean += row[mel] / static_cast<double>(frames);
    for (const auto& row : features) squares += (row[mel] - mean) * (row[mel] - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(frames - 1)) + 1e-5;
    for (auto& row : features) row[mel] = (row[mel] - mean) / deviation;
  }
  return features;
}

TEST_CASE("Log-mel features are those of their definition, whatever was heard before") {
  const std::vector<float> filters = MelFilterBank({.num_mels = kMels, .fft_length = kFft}).value();
  const LogMelConfig config = {.num_mels = kMels,
                               .fft_length = kFft,
                               .hop_length = kHop,
                               .filters = filters,
                               .style = LogMelStyle::kNatural};
  constexpr int64_t kMaxSamples = 4000;
  Arena measuring;
  CHECK(LogMelFeatures::Create(config, kMaxSamples, measuring).status().code() == StatusCode::kOutOfMemory);
  std::vector<std::byte> memory(measuring.required_bytes() + kArenaAlignment);
  const size_t shift = reinterpret_cast<uintptr_t>(memory.data()) % kArenaAlignment;
  Arena arena({memory.data() + (kArenaAlignment - shift) % kArenaAlignment, measuring.required_bytes()});
  auto features = LogMelFeatures::Create(config, kMaxSamples, arena);
  REQUIRE(features.ok());
  for (const size_t count : {size_t{4000}, size_t{1999}, size_t{320}}) {
    const std::vector<float> samples = Noise(count);
    std::ranges::copy(samples, features->samples().begin());
    const auto expected = Reference(samples, filters);
    std::vector<float> out(expected.size() * kMels);
    const Matrix<float> matrix = {
        .data = out.data(), .rows = std::ssize(expected), .cols = kMels, .stride = kMels};
    REQUIRE(features->Compute(static_cast<int64_t>(count), matrix).ok());
    double worst = 0;
    for (size_t i = 0; i < out.size(); ++i)
      worst = std::max(worst, std::fabs(static_cast<double>(out[i]) - expected[i / kMels][i % kMels]));
    // Powers are right to some 1e-5 of themselves in single precision; a deviation is about 0.5.
    CHECK(worst < 1e-3);
  }
  CHECK(features->Compute(160, {.data = nullptr, .rows = 1, .cols = kMels, .stride = kMels}).code() ==
        StatusCode::kInvalidArgument);
}

TEST_CASE("Samples get zero mean and unit variance") {
  std::vector<float> samples = Noise(1000);
  for (float& sample : samples) sample = 3 * sample + 5;
  NormalizeSamples(samples);
  double sum = 0, squares = 0;
  for (const float sample : samples) {
    sum += static_cast<double>(sample);
    squares += static_cast<double>(sample) * static_cast<double>(sample);
  }
  CHECK(std::fabs(sum / 1000) < 1e-6);
  CHECK(std::fabs(squares / 1000 - 1) < 1e-5);
  NormalizeSamples({});
}

}  // namespace
}  // namespace earshot::ctc
