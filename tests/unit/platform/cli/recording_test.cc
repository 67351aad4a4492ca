// Recordings read piece by piece, with steps back.
#include "platform/cli/recording.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/platform/audio/wav_writer.h"

namespace earshot::cli {
namespace {

// A sample that tells its position: 16 bits hold it modulo 30,011, a prime, so that no two places nearby look
// alike.
double SampleAt(int64_t index) { return static_cast<double>(index % 30'011) / 32'768.0; }

class TemporaryWav {
 public:
  TemporaryWav(const std::string& name, int64_t num_samples, int64_t stated_data_bytes = -1)
      : path_((std::filesystem::temp_directory_path() / name).string()) {
    std::vector<double> samples(static_cast<size_t>(num_samples));
    for (size_t i = 0; i < samples.size(); ++i) samples[i] = SampleAt(static_cast<int64_t>(i));
    const std::vector<std::byte> bytes = MakeWav({.stated_data_bytes = stated_data_bytes}, samples);
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  ~TemporaryWav() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Positions of the first and the last sample of a piece, by their values.
void CheckPiece(Recording& recording, int64_t first, size_t count) {
  std::vector<float> samples(count);
  REQUIRE(recording.Read(first, samples).ok());
  CHECK(samples.front() == Catch::Approx(SampleAt(first)).margin(1e-6));
  CHECK(samples.back() == Catch::Approx(SampleAt(first + static_cast<int64_t>(count) - 1)).margin(1e-6));
}

TEST_CASE("A short recording can be read anywhere") {
  const TemporaryWav wav("earshot_recording_short.wav", 16'000);
  auto recording = Recording::Open(wav.path());
  REQUIRE(recording.ok());
  CHECK(recording->total_samples() == 16'000);
  CHECK(recording->warning().ok());
  CheckPiece(recording.value(), 8'000, 8'000);
  CheckPiece(recording.value(), 0, 16'000);
}

TEST_CASE("A recording longer than the buffer is read in windows that step back, and again from the begin") {
  constexpr int64_t kTotal = 200 * 16'000;
  const TemporaryWav wav("earshot_recording_long.wav", kTotal);
  auto recording = Recording::Open(wav.path());
  REQUIRE(recording.ok());
  CHECK(recording->total_samples() == kTotal);
  constexpr int64_t kWindow = 30 * 16'000;
  for (int64_t first = 0; first + kWindow <= kTotal; first += kWindow / 3)
    CheckPiece(recording.value(), first, kWindow);
  CheckPiece(recording.value(), kTotal - 1, 1);
  CheckPiece(recording.value(), 5, 1'000);  // much further back than the buffer reaches
}

TEST_CASE("A recording for several windows steps back by all of them without being decoded again") {
  constexpr int64_t kTotal = 250 * 16'000, kWindow = 30 * 16'000;
  const TemporaryWav wav("earshot_recording_windows.wav", kTotal);
  auto recording = Recording::Open(wav.path(), 4);
  REQUIRE(recording.ok());
  CHECK(recording->max_step_back() >= static_cast<size_t>(4 * kWindow));
  for (int64_t first = 0; first < 7 * kWindow; first += kWindow)
    CheckPiece(recording.value(), first, kWindow);
  // What is gone could not be read any more: the file is too short to be decoded again.
  std::filesystem::resize_file(wav.path(), 44 + 2 * 16'000);
  for (int64_t first = 3 * kWindow; first < 7 * kWindow; first += kWindow)
    CheckPiece(recording.value(), first, kWindow);
}

TEST_CASE("The length is what can be decoded, whatever the header says") {
  const TemporaryWav wav("earshot_recording_liar.wav", 16'000, 400'000'000);
  auto recording = Recording::Open(wav.path());
  REQUIRE(recording.ok());
  CHECK(recording->total_samples() == 16'000);
  CHECK(recording->warning().code() == StatusCode::kInvalidAudio);
}

TEST_CASE("Reading beyond the end is an error, not a guess") {
  const TemporaryWav wav("earshot_recording_end.wav", 1'600);
  auto recording = Recording::Open(wav.path());
  REQUIRE(recording.ok());
  std::vector<float> samples(100);
  CHECK(recording->Read(1'501, samples).code() == StatusCode::kInvalidArgument);
  CHECK(recording->Read(-1, samples).code() == StatusCode::kInvalidArgument);
  CHECK(recording->Read(1'500, samples).ok());
}

TEST_CASE("A recording that shrinks while it is read is an error that names it") {
  constexpr int64_t kTotal = 200 * 16'000;
  const TemporaryWav wav("earshot_recording_shrinks.wav", kTotal);
  auto recording = Recording::Open(wav.path());
  REQUIRE(recording.ok());
  std::filesystem::resize_file(wav.path(), 44 + 2 * 16'000);
  std::vector<float> samples(16'000);
  const Status status = recording->Read(kTotal - 16'000, samples);
  CHECK(status.code() == StatusCode::kIo);
  CHECK(std::string(status.message()).find("earshot_recording_shrinks.wav") != std::string::npos);
}

}  // namespace
}  // namespace earshot::cli
