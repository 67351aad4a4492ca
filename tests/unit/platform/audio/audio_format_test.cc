// DetectAudioFormat: by content, with names for what users try in vain.
#include "platform/audio/audio_format.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "tests/unit/platform/audio/wav_writer.h"

namespace earshot {
namespace {

using Catch::Matchers::ContainsSubstring;

Result<AudioFormat> Detect(const std::string& text) {
  ByteSource source = ByteSource::FromMemory(std::as_bytes(std::span(text)));
  return DetectAudioFormat(source);
}

// MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 144 * 128000 / 44100 = 417 bytes a frame.
std::string Mp3Frames(int count) {
  std::string frames;
  for (int i = 0; i < count; ++i) frames += std::string("\xFF\xFB\x90\x00", 4) + std::string(413, '\0');
  return frames;
}

// ID3v2.3 tag with `bytes` (< 16384) bytes behind its header.
std::string Id3(size_t bytes) {
  std::string tag("ID3\x03\x00\x00\x00\x00", 8);
  tag += static_cast<char>(bytes >> 7);
  tag += static_cast<char>(bytes & 0x7F);
  return tag + std::string(bytes, 'x');
}

TEST_CASE("the supported formats are told by their content") {
  CHECK(Detect(std::string("RIFF\0\0\0\0WAVEfmt ", 16)).value() == AudioFormat::kWav);
  CHECK(Detect(std::string("RF64\xFF\xFF\xFF\xFFWAVEds64", 16)).value() == AudioFormat::kWav);
  CHECK(Detect("fLaC....").value() == AudioFormat::kFlac);
  CHECK(Detect(Mp3Frames(3)).value() == AudioFormat::kMp3);
  CHECK(Detect(Mp3Frames(1)).value() == AudioFormat::kMp3);
  CHECK(Detect("garbage before" + Mp3Frames(3)).value() == AudioFormat::kMp3);
  CHECK(Detect(Id3(10000) + Mp3Frames(3)).value() ==
        AudioFormat::kMp3);  // the tag is longer than what is searched
  CHECK(Detect(Id3(10000) + "fLaC....").value() == AudioFormat::kFlac);
}

TEST_CASE("other content is refused, by name where it is known") {
  const auto refused = [](const std::string& content, const char* name) {
    const Result<AudioFormat> format = Detect(content);
    REQUIRE_FALSE(format.ok());
    CHECK(format.status().code() == StatusCode::kUnsupported);
    CHECK_THAT(format.status().message(), ContainsSubstring(name) && ContainsSubstring("WAV, FLAC and MP3"));
  };
  refused(std::string("OggS\0\2", 6), "Ogg");
  refused(std::string("\0\0\0\x20"
                      "ftypM4A ",
                      12),
          "M4A");
  refused("\x1A\x45\xDF\xA3....", "WebM");
  refused("FORM....AIFF", "AIFF");
  refused("\xFF\xF1\x50\x80", "AAC");
  refused("RIFF....AVI LIST", "not a supported");
  refused("Dear diary,\n", "not a supported");
  refused(Id3(20), "not a supported");
  refused(std::string(1, 'x').append(Mp3Frames(1)),
          "not a supported");  // one header in the middle may be chance
  refused(std::string(5000, '\xFF'), "not a supported");
}

TEST_CASE("detection leaves the source at its begin") {
  const std::string flac = Id3(300) + "fLaC";
  ByteSource source = ByteSource::FromMemory(std::as_bytes(std::span(flac)));
  REQUIRE(DetectAudioFormat(source).ok());
  char first[3];
  REQUIRE(source.Read(first, 3) == 3);
  CHECK(std::string(first, 3) == "ID3");
}

TEST_CASE("the fields of a WAV header are found for messages") {
  const std::vector<std::byte> wav =
      MakeWav({.codec = 0x1234, .num_channels = 300, .sample_rate_hz = 0x89ABCDEF, .bits_per_sample = 77},
              std::vector<std::byte>(8));
  ByteSource source = ByteSource::FromMemory(wav);
  const WavHeader header = PeekWavHeader(source);
  CHECK(header.codec == 0x1234);
  CHECK(header.num_channels == 300);
  CHECK(header.sample_rate_hz == 0x89ABCDEF);
  CHECK(header.bits_per_sample == 77);

  const std::string big_endian("RIFX\0\0\0\0WAVEfmt \0\0\0\x10\0\1\0\2\0\0\x3E\x80\0\0\0\0\0\4\0\x10", 36);
  ByteSource rifx = ByteSource::FromMemory(std::as_bytes(std::span(big_endian)));
  const WavHeader swapped = PeekWavHeader(rifx);
  CHECK(swapped.codec == 1);
  CHECK(swapped.num_channels == 2);
  CHECK(swapped.sample_rate_hz == 16000);
  CHECK(swapped.bits_per_sample == 16);
}

}  // namespace
}  // namespace earshot
