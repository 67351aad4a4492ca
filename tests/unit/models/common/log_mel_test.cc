// LogMel against a direct evaluation of its definition in double precision, and its handling of parts of a
// clip.
#include "models/common/log_mel.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <new>
#include <numbers>
#include <random>
#include <vector>

#include "models/common/mel_filters.h"
#include "runtime/memory/arena.h"

namespace earshot {
namespace {

struct FreeAligned {
  void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{kArenaAlignment}); }
};

// A LogMel with its memory and filters.
class Extractor {
 public:
  explicit Extractor(int num_mels = 80) : filters_(MelFilterBank({.num_mels = num_mels}).value()) {
    const LogMelConfig config{.num_mels = num_mels, .filters = filters_};
    const size_t bytes = LogMel::WorkspaceBytes(config);
    memory_.reset(new (std::align_val_t{kArenaAlignment}) std::byte[bytes]);
    log_mel_ = std::make_unique<LogMel>(LogMel::Create(config, {memory_.get(), bytes}).value());
  }
  LogMel& operator*() { return *log_mel_; }
  LogMel* operator->() { return log_mel_.get(); }
  const std::vector<float>& filters() const { return filters_; }

 private:
  std::vector<float> filters_;
  std::unique_ptr<std::byte[], FreeAligned> memory_;
  std::unique_ptr<LogMel> log_mel_;
};

std::vector<float> Noise(size_t count) {
  std::mt19937 random(7);
  std::vector<float> samples(count);
  for (float& sample : samples) sample = static_cast<float>(random() % 20001) / 10000.0f - 1.0f;
  return samples;
}

LogMelInput Whole(const std::vector<float>& samples, int64_t padded_samples) {
  const int64_t count = static_cast<int64_t>(samples.size());
  return {.samples = samples, .clip_samples = count, .padded_samples = padded_samples};
}

std::vector<float> Compute(LogMel& log_mel, const LogMelInput& input, int64_t first_frame, int64_t num_frames,
                           int64_t num_mels = 80) {
  std::vector<float> features(static_cast<size_t>(num_frames * num_mels));
  const Status status =
      log_mel.Compute(input, first_frame,
                      {.data = features.data(), .rows = num_frames, .cols = num_mels, .stride = num_mels});
  INFO(status.message());
  REQUIRE(status.ok());
  return features;
}

struct Expected {
  double feature;
  double tolerance;
};

// The features of one frame from the definition: pad with zeros, mirror, window, transform, filter.
// The tolerance: a transform in f32 leaves in every bin an error e of a few roundings (16 here, for 9 levels
// of additions) of the root of the frame's energy, which is the mean size of a bin. A bin of power p is then
// off by 2 sqrt(p) e + e^2, which matters where a narrow filter hears one weak bin. 1e-6 is the rounding of
// the logarithm itself.
std::vector<Expected> Reference(const std::vector<float>& samples, int64_t padded, int64_t frame,
                                const std::vector<float>& filters) {
  std::vector<double> windowed(400);
  double energy = 0.0;
  for (int64_t i = 0; i < 400; ++i) {
    int64_t index = frame * 160 - 200 + i;
    while (index < 0 || index >= padded) index = index < 0 ? -index : 2 * (padded - 1) - index;
    const double sample =
        index < static_cast<int64_t>(samples.size()) ? samples[static_cast<size_t>(index)] : 0.0;
    const double angle = 2.0 * std::numbers::pi * static_cast<double>(i) / 400.0;
    windowed[static_cast<size_t>(i)] = sample * (0.5 - 0.5 * std::cos(angle));
  }
  for (const double sample : windowed) energy += sample * sample;
  const double bin_error = 16.0 * std::ldexp(1.0, -24) * std::sqrt(energy);
  std::vector<double> power(201);
  for (size_t k = 0; k < 201; ++k) {
    double re = 0.0;
    double im = 0.0;
    for (size_t i = 0; i < 400; ++i) {
      const double angle = 2.0 * std::numbers::pi * static_cast<double>(k * i % 400) / 400.0;
      re += windowed[i] * std::cos(angle);
      im -= windowed[i] * std::sin(angle);
    }
    power[k] = re * re + im * im;
  }
  std::vector<Expected> features(filters.size() / 201);
  for (size_t m = 0; m < features.size(); ++m) {
    double sum = 1e-300;
    double error = 0.0;
    for (size_t k = 0; k < 201; ++k) {
      const double weight = filters[m * 201 + k];
      sum += weight * power[k];
      error += weight * (2.0 * std::sqrt(power[k]) * bin_error + bin_error * bin_error);
    }
    features[m] = {.feature = std::log10(std::max(sum, 1e-10)),
                   .tolerance = error / sum / std::numbers::ln10 + 1e-6};
  }
  return features;
}

TEST_CASE("features follow the definition at the begin, the middle, the end and in the padding") {
  const auto num_mels = GENERATE(80, 128);
  Extractor extractor(num_mels);
  struct Clip {
    size_t samples;
    int64_t padded;
  };
  // No padding; padding of less than a frame; an odd length; the shortest possible; padding beyond the last
  // frame.
  for (const Clip clip :
       {Clip{3200, 3200}, Clip{3200, 3300}, Clip{3333, 4001}, Clip{201, 201}, Clip{1000, 4800}}) {
    CAPTURE(num_mels, clip.samples, clip.padded);
    const std::vector<float> samples = Noise(clip.samples);
    const int64_t num_frames = clip.padded / 160 + 1;
    const std::vector<float> features =
        Compute(*extractor, Whole(samples, clip.padded), 0, num_frames, num_mels);
    double worst = 0.0;  // in units of the tolerance
    for (int64_t t = 0; t < num_frames; ++t) {
      const std::vector<Expected> expected = Reference(samples, clip.padded, t, extractor.filters());
      for (size_t m = 0; m < expected.size(); ++m) {
        const double difference = features[static_cast<size_t>(t * num_mels) + m] - expected[m].feature;
        worst = std::max(worst, std::abs(difference) / expected[m].tolerance);
      }
    }
    CHECK(worst < 1.0);
  }
}

TEST_CASE("parts of a clip, given only the samples that are needed, give the same features") {
  Extractor extractor;
  const std::vector<float> samples = Noise(16123);
  for (const int64_t padded : {int64_t{16123}, int64_t{16200}, int64_t{32000}}) {
    CAPTURE(padded);
    const LogMelInput whole = Whole(samples, padded);
    const int64_t num_frames = extractor->NumFrames(padded);
    const std::vector<float> expected = Compute(*extractor, whole, 0, num_frames);
    std::vector<float> pieces;
    for (int64_t first = 0; first < num_frames; first += 7) {
      const int64_t count = std::min<int64_t>(7, num_frames - first);
      const LogMel::SampleRange needed = extractor->NeededSamples(whole, first, count);
      LogMelInput part = whole;
      part.begin = needed.begin;
      // A copy of just these, so that the sanitizers see a read of any other.
      const std::vector<float> copy(samples.data() + needed.begin, samples.data() + needed.end);
      part.samples = copy;
      const std::vector<float> features = Compute(*extractor, part, first, count);
      pieces.insert(pieces.end(), features.begin(), features.end());

      if (needed.begin == needed.end) continue;
      part.samples = part.samples.first(copy.size() - 1);
      std::vector<float> untouched(7 * 80, 42.0f);
      const Matrix<float> out{.data = untouched.data(), .rows = count, .cols = 80, .stride = 80};
      CHECK(extractor->Compute(part, first, out).code() == StatusCode::kInvalidArgument);
      part.samples = std::span(copy).subspan(1);
      part.begin = needed.begin + 1;
      CHECK(extractor->Compute(part, first, out).code() == StatusCode::kInvalidArgument);
      CHECK(untouched == std::vector<float>(7 * 80, 42.0f));
    }
    CHECK(pieces == expected);
  }
}

TEST_CASE("silence, padding and samples that are no numbers give the floor") {
  Extractor extractor;
  const std::vector<float> floor(20 * 80, -10.0f);
  CHECK(Compute(*extractor, Whole(std::vector<float>(3200, 0.0f), 3200), 0, 20) == floor);
  CHECK(Compute(*extractor, Whole(Noise(800), 480000), 100, 20) == floor);
  CHECK(Compute(*extractor, Whole({}, 3200), 0, 20) == floor);
  CHECK(Compute(*extractor, Whole(std::vector<float>(3200, std::nanf("")), 3200), 0, 20) == floor);
}

TEST_CASE("rows may have a stride") {
  Extractor extractor;
  const std::vector<float> samples = Noise(1600);
  const std::vector<float> expected = Compute(*extractor, Whole(samples, 1600), 0, 10);
  std::vector<float> strided(10 * 100, 42.0f);
  REQUIRE(
      extractor
          ->Compute(Whole(samples, 1600), 0, {.data = strided.data(), .rows = 10, .cols = 80, .stride = 100})
          .ok());
  for (size_t i = 0; i < strided.size(); ++i) {
    CHECK(strided[i] == (i % 100 < 80 ? expected[i / 100 * 80 + i % 100] : 42.0f));
  }
}

TEST_CASE("impossible requests are refused") {
  Extractor extractor;
  const std::vector<float> samples = Noise(1600);
  std::vector<float> features(100 * 80);
  const auto refused = [&](const LogMelInput& input, int64_t first_frame, int64_t rows, int64_t cols = 80) {
    const Matrix<float> out{.data = features.data(), .rows = rows, .cols = cols, .stride = cols};
    return extractor->Compute(input, first_frame, out).code() == StatusCode::kInvalidArgument;
  };
  const LogMelInput good = Whole(samples, 1600);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  CHECK_FALSE(refused(good, 0, 11));
  CHECK_FALSE(refused(good, 11, 0));
  CHECK(refused(good, 0, 12));
  CHECK(refused(good, -1, 2));
  CHECK(refused(good, kMax, 1));
  CHECK(refused(good, kMin, 1));
  CHECK(refused(good, 0, -1));
  CHECK(refused(good, 0, kMax));
  CHECK(refused(good, 0, 5, 79));
  CHECK(refused(Whole(samples, 1599), 0, 1));
  CHECK(refused(Whole(samples, kMax), 0, 1));
  CHECK(refused(Whole(Noise(200), 200), 0, 1));  // too short to mirror
  LogMelInput negative = good;
  negative.begin = kMin;
  CHECK(refused(negative, 0, 5));
}

TEST_CASE("impossible configurations and memory are refused") {
  const std::vector<float> filters = MelFilterBank({}).value();
  const auto code = [](const LogMelConfig& config, std::span<std::byte> memory) {
    return LogMel::Create(config, memory).status().code();
  };
  alignas(kArenaAlignment) std::byte memory[16384];
  const LogMelConfig good{.filters = filters};
  const size_t needed = LogMel::WorkspaceBytes(good);
  REQUIRE(needed < sizeof(memory));
  CHECK(code(good, {memory, needed}) == StatusCode::kOk);
  CHECK(code(good, {memory, needed - 1}) == StatusCode::kOutOfMemory);
  CHECK(code(good, {memory + 4, needed}) == StatusCode::kInvalidArgument);
  for (const LogMelConfig bad :
       {LogMelConfig{.num_mels = 0, .filters = filters}, LogMelConfig{.num_mels = 79, .filters = filters},
        LogMelConfig{.filters = {}}, LogMelConfig{.fft_length = 0, .filters = filters},
        LogMelConfig{.fft_length = 401, .filters = filters},
        LogMelConfig{.fft_length = 1 << 30, .filters = filters},
        LogMelConfig{.hop_length = 0, .filters = filters}}) {
    CHECK(code(bad, memory) == StatusCode::kInvalidArgument);
    CHECK(LogMel::WorkspaceBytes(bad) == 0);
  }
  const std::vector<float> seven(80 * 8);  // 14 = 2 * 7: KissFFT would allocate
  CHECK(code({.fft_length = 14, .filters = seven}, memory) == StatusCode::kInvalidArgument);
}

TEST_CASE("normalization clamps to 8 below the largest and scales") {
  std::vector<float> features = {2.0f, -3.0f, -10.0f, 99.0f, 0.0f, -6.0f, -6.5f, 99.0f};
  const Matrix<float> view{.data = features.data(), .rows = 2, .cols = 3, .stride = 4};
  const float max = MaxFeature(view);
  CHECK(max == 2.0f);
  NormalizeFeatures(view, max);
  CHECK(features == std::vector<float>{1.5f, 0.25f, -0.5f, 99.0f, 1.0f, -0.5f, -0.5f, 99.0f});
}

}  // namespace
}  // namespace earshot
