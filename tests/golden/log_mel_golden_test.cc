// LogMel with our own filters against the features that transformers computes for a recorded clip.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "models/common/log_mel.h"
#include "models/common/mel_filters.h"
#include "runtime/memory/arena.h"
#include "tests/support/safetensors_file.h"

namespace earshot {
namespace {

struct FreeAligned {
  void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{kArenaAlignment}); }
};

TEST_CASE("log-mel features agree with transformers") {
  const std::string path = EARSHOT_SHARED_DIR "/golden/whisper-tiny.en-jfk.safetensors";
  if (!std::filesystem::exists(path)) SKIP(path << " is not here");
  const test::SafetensorsFile golden = test::ReadSafetensorsFile(path);
  const std::vector<float> audio = golden.Floats("audio");
  REQUIRE(golden.Get("mel").shape == std::vector<int64_t>{80, 3000});
  const std::vector<float> expected = golden.Floats("mel");

  const Result<std::vector<float>> filters = MelFilterBank({});
  REQUIRE(filters.ok());
  const LogMelConfig config{.filters = filters.value()};
  const size_t workspace_bytes = LogMel::WorkspaceBytes(config);
  const std::unique_ptr<std::byte[], FreeAligned> memory(new (std::align_val_t{kArenaAlignment})
                                                             std::byte[workspace_bytes]);
  Result<LogMel> log_mel = LogMel::Create(config, {memory.get(), workspace_bytes});
  REQUIRE(log_mel.ok());

  std::vector<float> features(3000 * 80);
  const Matrix<float> out{.data = features.data(), .rows = 3000, .cols = 80, .stride = 80};
  const int64_t clip_samples = static_cast<int64_t>(audio.size());
  const LogMelInput input{.samples = audio, .clip_samples = clip_samples, .padded_samples = 480000};
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(log_mel->Compute(input, 0, out).ok());
  NormalizeFeatures(out, MaxFeature(out));
  const std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - begin;

  // Both sides round in f32; a feature is log10(power) / 4, so 1e-4 is a power within 0.1 %.
  double worst = 0.0;
  for (size_t t = 0; t < 3000; ++t) {
    for (size_t m = 0; m < 80; ++m) {
      worst = std::max(worst, std::abs(static_cast<double>(features[t * 80 + m]) - expected[m * 3000 + t]));
    }
  }
  CAPTURE(worst, elapsed.count() / (static_cast<double>(clip_samples) / 160.0), workspace_bytes);
  CHECK(worst < 1e-4);
}

}  // namespace
}  // namespace earshot
