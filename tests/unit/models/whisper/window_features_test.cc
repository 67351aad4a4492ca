// Log-mel features of windows of a recording.
#include "models/whisper/window_features.h"

#include <algorithm>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <vector>

#include "models/common/random.h"
#include "platform/threads/worker_threads.h"
#include "tests/unit/models/whisper/aligned_memory.h"
#include "tests/unit/models/whisper/small_model.h"

namespace earshot::whisper {
namespace {

constexpr int64_t kMels = kSmallModelMels;

// A tone that changes, at the given loudness.
std::vector<float> Tone(int64_t samples, float amplitude) {
  std::vector<float> audio(static_cast<size_t>(samples));
  for (size_t i = 0; i < audio.size(); ++i) {
    const double t = static_cast<double>(i) / 16000.0;
    audio[i] = amplitude * static_cast<float>(std::sin(2 * std::numbers::pi * (300.0 + 100.0 * t) * t));
  }
  return audio;
}

struct Reader {
  std::vector<float> audio;
  int64_t reads = 0;
  int64_t largest_read = 0;
};

Status Read(void* context, int64_t first_sample, std::span<float> samples) {
  auto& reader = *static_cast<Reader*>(context);
  if (first_sample < 0 || first_sample + std::ssize(samples) > std::ssize(reader.audio)) {
    return Status::Error(StatusCode::kInvalidArgument, "read outside the audio");
  }
  ++reader.reads;
  reader.largest_read = std::max(reader.largest_read, static_cast<int64_t>(samples.size()));
  std::copy_n(reader.audio.begin() + first_sample, samples.size(), samples.begin());
  return {};
}

class Features {
 public:
  explicit Features(const ThreadPool& pool = {})
      : config_(model_.dimensions().log_mel), memory_(Needed(config_, pool)), arena_(memory_.bytes()) {
    features_.emplace(WindowFeatures::Create(config_, pool, arena_).value());
  }

  // [frames, mels]
  std::vector<float> Compute(Reader& reader, int64_t first_frame, int64_t frames,
                             WindowPadding padding = WindowPadding::kSilentAudio) {
    std::vector<float> mel(static_cast<size_t>(frames * kMels), -99.0f);
    const AudioSource source = {&reader, std::ssize(reader.audio), Read};
    REQUIRE(features_->Compute(source, first_frame, padding, {mel.data(), frames, kMels, kMels}).ok());
    return mel;
  }
  WindowFeatures& get() { return *features_; }

  static size_t Needed(const LogMelConfig& config, const ThreadPool& pool = {}) {
    Arena arena;
    CHECK_FALSE(WindowFeatures::Create(config, pool, arena).ok());
    return arena.required_bytes();
  }
  const LogMelConfig& config() const { return config_; }

 private:
  SmallModel model_;
  LogMelConfig config_;
  AlignedMemory memory_;
  Arena arena_;
  std::optional<WindowFeatures> features_;
};

// The same by LogMel at once, the clip padded with silence.
std::vector<float> AtOnce(const std::vector<float>& audio, const LogMelConfig& config, int64_t frames) {
  AlignedMemory memory(LogMel::WorkspaceBytes(config));
  LogMel log_mel = LogMel::Create(config, memory.bytes()).value();
  std::vector<float> mel(static_cast<size_t>(frames * kMels));
  const Matrix<float> out = {mel.data(), frames, kMels, kMels};
  const int64_t length = std::ssize(audio);
  LogMelInput input;
  input.samples = audio;
  input.clip_samples = length;
  input.padded_samples = std::max(length, frames * 160) + 16000;
  REQUIRE(log_mel.Compute(input, 0, out).ok());
  NormalizeFeatures(out, MaxFeature(out));
  return mel;
}

TEST_CASE("a window read in chunks is the window computed at once") {
  // A length that is no whole number of frames or chunks, then silence.
  Reader reader = {Tone(3 * 16000 + 77, 0.5f)};
  Features features;
  CHECK(features.Compute(reader, 0, 1000) == AtOnce(reader.audio, features.config(), 1000));
  CHECK(reader.reads == 4);
  CHECK(reader.largest_read <= 16240);
}

TEST_CASE("a later window is a part of the whole recording's features") {
  Reader reader = {Tone(20 * 16000, 0.5f)};
  Features features;
  const std::vector<float> whole = AtOnce(reader.audio, features.config(), 2500);
  features.Compute(reader, 0, 1500);
  const std::vector<float> later = features.Compute(reader, 1234, 1000);
  CHECK(std::equal(later.begin(), later.end(), whole.begin() + 1234 * kMels));
}

TEST_CASE("loudness is remembered from window to window, until reset") {
  Reader loud = {Tone(16000, 0.9f)}, soft = {Tone(16000, 0.009f)};
  Features features;
  const std::vector<float> alone = features.Compute(soft, 0, 100);
  const std::vector<float> loud_alone = features.Compute(loud, 0, 100);
  const std::vector<float> after_loud = features.Compute(soft, 0, 100);
  features.get().Reset();
  CHECK(features.Compute(soft, 0, 100) == alone);
  // What is more than 8 below the loudest in log10 of power is raised to that floor, a distance of 2 once
  // divided by 4.
  const float floor = *std::max_element(loud_alone.begin(), loud_alone.end()) - 2.0f;
  CHECK(*std::min_element(after_loud.begin(), after_loud.end()) == Catch::Approx(floor).margin(1e-6));
  CHECK(*std::min_element(alone.begin(), alone.end()) < floor - 0.5f);
  CHECK(*std::max_element(after_loud.begin(), after_loud.end()) ==
        *std::max_element(alone.begin(), alone.end()));
}

TEST_CASE("padding is either silence or zeros behind the last whole frame") {
  Reader reader = {Tone(16000 + 100, 0.5f)};
  Features features;
  const std::vector<float> silent = features.Compute(reader, 0, 300);
  const std::vector<float> zero = features.Compute(reader, 0, 300, WindowPadding::kZeroMel);
  CHECK(std::equal(silent.begin(), silent.begin() + 100 * kMels, zero.begin()));
  CHECK(std::all_of(zero.begin() + 100 * kMels, zero.end(), [](float x) { return x == 0.0f; }));
  // Frames from 103 on see no sample of the tone.
  const float floor = *std::max_element(silent.begin(), silent.end()) - 2.0f;
  CHECK(std::all_of(silent.begin() + 103 * kMels, silent.end(),
                    [&](float x) { return std::fabs(x - floor) < 1e-5f; }));
}

TEST_CASE("only what no microphone hears is inaudible") {
  Reader last_bit = {std::vector<float>(16000)};  // noise of -1, 0 and 1 in 16 bits
  Pcg32 random(1);
  for (float& sample : last_bit.audio) sample = (static_cast<float>(random.Next() % 3) - 1.0f) / 32768.0f;
  Reader silence = {std::vector<float>(16000, 0.0f)}, soft = {Tone(16000, 0.001f)};
  Features features;
  features.Compute(silence, 0, 100);
  CHECK(features.get().inaudible());
  features.Compute(last_bit, 0, 100);
  CHECK(features.get().inaudible());
  features.Compute(soft, 0, 100);  // 60 dB below full scale
  CHECK_FALSE(features.get().inaudible());
  features.Compute(silence, 0, 100);  // also after something louder
  CHECK(features.get().inaudible());
}

TEST_CASE("samples that are not finite, or absurdly loud, are an error") {
  for (const float sample :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), -1e25f}) {
    Features features;
    std::vector<float> mel(100 * kMels);
    Reader reader = {Tone(16000, 0.5f)};
    reader.audio[8000] = sample;
    const AudioSource source = {&reader, std::ssize(reader.audio), Read};
    const Status status =
        features.get().Compute(source, 0, WindowPadding::kSilentAudio, {mel.data(), 100, kMels, kMels});
    CHECK(status.code() == StatusCode::kInvalidAudio);
  }
}

TEST_CASE("an error of the audio source comes through") {
  Features features;
  std::vector<float> mel(100 * kMels);
  const AudioSource source = {nullptr, 16000, [](void*, int64_t, std::span<float>) {
                                return Status::Error(StatusCode::kIo, "the microphone is gone");
                              }};
  const Status status =
      features.get().Compute(source, 0, WindowPadding::kSilentAudio, {mel.data(), 100, kMels, kMels});
  CHECK(status.code() == StatusCode::kIo);
}

TEST_CASE("features are the same with any number of threads") {
  Features alone;
  Reader reader = {Tone(40'000, 0.5f)};
  const std::vector<float> expected = alone.Compute(reader, 0, 253);
  for (const size_t num_threads : {2u, 3u, 4u}) {
    const WorkerThreads threads = WorkerThreads::Start(num_threads).value();
    Features together(threads.pool());
    CHECK(together.Compute(reader, 0, 253) == expected);
  }
}

TEST_CASE("features in too little memory are refused") {
  const SmallModel model;
  const LogMelConfig config = model.dimensions().log_mel;
  AlignedMemory memory(Features::Needed(config) - kArenaAlignment);
  Arena arena(memory.bytes());
  CHECK(WindowFeatures::Create(config, {}, arena).status().code() == StatusCode::kOutOfMemory);
}

}  // namespace
}  // namespace earshot::whisper
