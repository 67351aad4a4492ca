// Damaged recordings: whatever the bytes, opening and reading end, without a crash, with finite samples.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "platform/audio/audio_reader.h"
#include "tests/unit/platform/audio/wav_writer.h"

namespace earshot {
namespace {

std::vector<std::byte> LoadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::byte> bytes(text.size());
  for (size_t i = 0; i < text.size(); ++i) bytes[i] = static_cast<std::byte>(text[i]);
  return bytes;
}

struct Recording {
  const char* name;
  std::vector<std::byte> bytes;
};

std::vector<Recording> Recordings() {
  const std::string folder = EARSHOT_SOURCE_DIR "/tests/data/audio/";
  const WavFields stereo{.num_channels = 2, .sample_rate_hz = 44100, .bits_per_sample = 24};
  return {{"WAV", MakeWav({}, SineSamples(3000, 0.5, 440.0, 16000.0))},
          {"WAV, stereo", MakeWav(stereo, SineSamples(3000, 0.5, 440.0, 44100.0))},
          {"FLAC", LoadFile(folder + "tone_16000_mono.flac")},
          {"FLAC, stereo", LoadFile(folder + "tones_44100_stereo.flac")},
          {"MP3", LoadFile(folder + "short_44100_stereo.mp3")}};
}

struct Outcome {
  bool opened = false;
  bool finite = true;
  size_t samples = 0;
  bool warned = false;
};

Outcome ReadDamaged(std::span<const std::byte> bytes) {
  // A copy of exactly this size on the heap, so that the sanitizers see a read beyond it.
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  Outcome outcome;
  Result<AudioReader> reader = AudioReader::OpenMemory(copy);
  if (!reader.ok()) {
    REQUIRE(reader.status().message()[0] != '\0');
    return outcome;
  }
  outcome.opened = true;
  std::vector<float> block(4096);
  for (;;) {
    const Result<size_t> count = reader->Read(block);
    REQUIRE(count.ok());
    if (count.value() == 0) break;
    for (size_t i = 0; i < count.value(); ++i) outcome.finite = outcome.finite && std::isfinite(block[i]);
    outcome.samples += count.value();
    // A wrong rate stretches the sound by up to 44; nothing makes an hour out of these files.
    REQUIRE(outcome.samples < size_t{3600} * 16000);
  }
  outcome.warned = !reader->warning().ok();
  return outcome;
}

TEST_CASE("recordings cut off at 200 places") {
  for (const Recording& recording : Recordings()) {
    CAPTURE(recording.name);
    const size_t whole = ReadDamaged(recording.bytes).samples;
    REQUIRE(whole > 0);
    size_t previous = 0;
    for (size_t i = 0; i < 200; ++i) {
      const size_t size = recording.bytes.size() * i / 200;
      CAPTURE(size);
      const Outcome outcome = ReadDamaged(std::span(recording.bytes).first(size));
      CHECK(outcome.finite);
      CHECK(outcome.opened == (outcome.samples > 0));
      CHECK(outcome.samples <= whole);
      CHECK(outcome.samples >= previous);  // more bytes never give less sound
      previous = outcome.samples;
    }
    CHECK(previous > whole / 2);  // the longest has 99.5 % of the bytes
  }
}

TEST_CASE("cut-off WAV and FLAC recordings warn") {
  for (const Recording& recording : Recordings()) {
    if (std::string_view(recording.name).substr(0, 3) == "MP3") continue;  // does not state its length
    CAPTURE(recording.name);
    const Outcome outcome = ReadDamaged(std::span(recording.bytes).first(recording.bytes.size() * 3 / 4));
    CHECK(outcome.opened);
    CHECK(outcome.warned);
    CHECK_FALSE(ReadDamaged(recording.bytes).warned);
  }
}

TEST_CASE("recordings with 2,000 random changes of bytes each") {
  std::mt19937 random(20240611);
  size_t refused = 0;
  for (const Recording& recording : Recordings()) {
    if (recording.bytes.size() > 10000) continue;  // most changes would hit the same samples of sound
    CAPTURE(recording.name);
    size_t opened = 0;
    for (int round = 0; round < 2000; ++round) {
      CAPTURE(round);
      std::vector<std::byte> damaged = recording.bytes;
      // Half of the rounds aim at the header, where a change does most.
      const size_t range = round % 2 == 0 ? damaged.size() : std::min<size_t>(damaged.size(), 64);
      for (uint32_t changes = 1 + random() % 8; changes > 0; --changes) {
        damaged[random() % range] = static_cast<std::byte>(random() & 0xFF);
      }
      const Outcome outcome = ReadDamaged(damaged);
      CHECK(outcome.finite);
      opened += outcome.opened ? 1 : 0;
    }
    CHECK(opened > 200);  // most damage to the sound itself leaves something to hear
    refused += 2000 - opened;
  }
  CHECK(refused > 0);  // and some headers are beyond use (MP3 has none at its begin: the next frame serves)
}

}  // namespace
}  // namespace earshot
