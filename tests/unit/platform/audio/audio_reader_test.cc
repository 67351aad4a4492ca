// AudioReader: every codec and width against the analytic signal, rates, channels, files, pipes, and
// refusals.
#include "platform/audio/audio_reader.h"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <thread>

#include "tests/unit/platform/audio/wav_writer.h"

namespace earshot {
namespace {

using Catch::Matchers::ContainsSubstring;

// A file that lives as long as the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::span<const std::byte> bytes) {
    const int descriptor = mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    std::FILE* file = fdopen(descriptor, "wb");
    REQUIRE(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
    REQUIRE(std::fclose(file) == 0);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::remove(path_.c_str()); }
  const char* path() const { return path_.c_str(); }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "earshot_audio_XXXXXX").string();
};

std::string DataFile(const char* name) { return std::string(EARSHOT_SOURCE_DIR "/tests/data/audio/") + name; }

std::vector<float> ReadAll(AudioReader& reader, size_t block_samples = 1000) {
  std::vector<float> samples;
  std::vector<float> block(block_samples);
  for (;;) {
    const Result<size_t> count = reader.Read(block);
    REQUIRE(count.ok());
    if (count.value() == 0) return samples;
    samples.insert(samples.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(count.value()));
  }
}

std::vector<float> Decode(std::span<const std::byte> bytes) {
  Result<AudioReader> reader = AudioReader::OpenMemory(bytes);
  INFO(reader.status().message());
  REQUIRE(reader.ok());
  return ReadAll(reader.value());
}

Status OpenError(std::span<const std::byte> bytes) {
  const Result<AudioReader> reader = AudioReader::OpenMemory(bytes);
  REQUIRE_FALSE(reader.ok());
  return reader.status();
}

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST_CASE("every WAV width decodes to the sine it holds") {
  struct Case {
    uint16_t codec;
    uint16_t bits;
    double tolerance;
  };
  // Half a quantization step, and the rounding of f32 (2^-24 below 1).
  const double float_rounding = std::ldexp(1.0, -24);
  const Case cases[] = {{kWavPcm, 8, std::ldexp(0.5, -7) + float_rounding},
                        {kWavPcm, 16, std::ldexp(0.5, -15) + float_rounding},
                        {kWavPcm, 24, std::ldexp(0.5, -23) + float_rounding},
                        {kWavPcm, 32, std::ldexp(0.5, -31) + float_rounding},
                        {kWavFloat, 32, float_rounding},
                        {kWavFloat, 64, float_rounding}};
  const std::vector<double> sine = SineSamples(5000, 0.9, 440.0, 16000.0);
  for (const Case& c : cases) {
    CAPTURE(c.codec, c.bits);
    const std::vector<float> decoded = Decode(MakeWav({.codec = c.codec, .bits_per_sample = c.bits}, sine));
    REQUIRE(decoded.size() == sine.size());
    double worst = 0.0;
    for (size_t i = 0; i < sine.size(); ++i) worst = std::max(worst, std::abs(decoded[i] - sine[i]));
    CHECK(worst <= c.tolerance);
  }
}

TEST_CASE("silence of an 8-bit WAV is exactly zero") {
  const std::vector<std::byte> silence(100, std::byte{128});
  for (const float sample : Decode(MakeWav({.bits_per_sample = 8}, silence))) REQUIRE(sample == 0.0f);
}

TEST_CASE("A-law and mu-law decode by the formulas of G.711") {
  std::vector<std::byte> codes(256);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::byte>(i);
  const std::vector<float> a_law = Decode(MakeWav({.codec = kWavALaw, .bits_per_sample = 8}, codes));
  const std::vector<float> mu_law = Decode(MakeWav({.codec = kWavMuLaw, .bits_per_sample = 8}, codes));
  REQUIRE(a_law.size() == 256);
  REQUIRE(mu_law.size() == 256);
  for (int code = 0; code < 256; ++code) {
    CAPTURE(code);
    // Both as 16-bit integers. Mu-law: all bits inverted, bias 33 * 4. A-law: even bits inverted, 13 bits.
    const int mu = ~code & 0xFF;
    const int mu_magnitude = (((mu & 15) * 8 + 132) << (mu >> 4 & 7)) - 132;
    CHECK(mu_law[static_cast<size_t>(code)] ==
          static_cast<float>((mu & 0x80) != 0 ? -mu_magnitude : mu_magnitude) / 32768);
    const int a = code ^ 0x55;
    const int segment = a >> 4 & 7;
    const int a_magnitude = segment == 0 ? (a & 15) * 16 + 8 : ((a & 15) * 16 + 264) << (segment - 1);
    CHECK(a_law[static_cast<size_t>(code)] ==
          static_cast<float>((a & 0x80) != 0 ? a_magnitude : -a_magnitude) / 32768);
  }
}

TEST_CASE("every rate gives the same tone at 16 kHz, in time and in length") {
  for (const uint32_t rate : {8000u, 11025u, 12000u, 12345u, 16000u, 22050u, 24000u, 32000u, 44100u, 48000u,
                              88200u, 96000u, 192000u, 384000u}) {
    CAPTURE(rate);
    const size_t count = rate / 2 + 7;
    const WavFields fields{.codec = kWavFloat, .sample_rate_hz = rate, .bits_per_sample = 32};
    const std::vector<std::byte> wav = MakeWav(fields, SineSamples(count, 0.5, 1000.0, rate));
    Result<AudioReader> reader = AudioReader::OpenMemory(wav);
    REQUIRE(reader.ok());
    const auto length = static_cast<size_t>(std::llround(static_cast<double>(count) * 16000.0 / rate));
    CHECK(reader->total_frames() == length);
    const std::vector<float> decoded = ReadAll(reader.value());
    REQUIRE(decoded.size() == length);
    // Away from the ends, where the filter sees the silence before and after the recording. The reference is
    // the tone itself: a shift in time of 1/1000 sample would cost 60 dB of the 90 dB asked for (the filter
    // is good for 95).
    double signal = 0.0;
    double noise = 0.0;
    for (size_t i = 200; i + 200 < length; ++i) {
      const double expected = Sine(0.5, 1000.0, static_cast<double>(i) / 16000.0);
      signal += expected * expected;
      noise += (decoded[i] - expected) * (decoded[i] - expected);
    }
    CHECK(10.0 * std::log10(signal / (noise + 1e-30)) > 90.0);
  }
}

TEST_CASE("what 16 kHz cannot hold is removed, not folded back") {
  for (const double frequency_hz : {9000.0, 12000.0, 15500.0, 20000.0}) {
    CAPTURE(frequency_hz);
    const WavFields fields{.codec = kWavFloat, .sample_rate_hz = 48000, .bits_per_sample = 32};
    const std::vector<float> decoded =
        Decode(MakeWav(fields, SineSamples(48000, 1.0, frequency_hz, 48000.0)));
    float peak = 0.0f;
    for (size_t i = 200; i + 200 < decoded.size(); ++i) peak = std::max(peak, std::abs(decoded[i]));
    CHECK(peak < 1.8e-5f);  // -95 dB
  }
}

TEST_CASE("channels are averaged") {
  for (const uint16_t channels : {uint16_t{2}, uint16_t{6}, uint16_t{64}}) {
    CAPTURE(channels);
    std::vector<double> samples;
    for (int frame = 0; frame < 3000; ++frame) {
      for (int c = 0; c < channels; ++c)
        samples.push_back((frame % 100) / 200.0 + (c % 2 == 0 ? 0.25 : -0.25));
    }
    const WavFields fields{.codec = kWavFloat, .num_channels = channels, .bits_per_sample = 32};
    const std::vector<float> decoded = Decode(MakeWav(fields, samples));
    REQUIRE(decoded.size() == 3000);
    for (size_t i = 0; i < decoded.size(); ++i) {
      REQUIRE(std::abs(decoded[i] - static_cast<float>(i % 100) / 200.0f) < 1e-5f);  // sums of up to 64 terms
    }
  }
}

TEST_CASE("the size of the pieces that are read does not matter") {
  const WavFields fields{.sample_rate_hz = 44100};
  const std::vector<std::byte> wav = MakeWav(fields, SineSamples(20000, 0.5, 700.0, 44100.0));
  const std::vector<float> expected = Decode(wav);
  for (const size_t block : {size_t{1}, size_t{17}, size_t{4096}, size_t{100000}}) {
    CAPTURE(block);
    Result<AudioReader> reader = AudioReader::OpenMemory(wav);
    REQUIRE(reader.ok());
    CHECK(ReadAll(reader.value(), block) == expected);
    std::vector<float> more(10);
    const Result<size_t> after_end = reader->Read(more);
    REQUIRE(after_end.ok());
    CHECK(after_end.value() == 0);
  }
}

TEST_CASE("FLAC gives the very samples that were encoded") {
  const std::string path = DataFile("tone_16000_mono.flac");
  Status warning;
  const Result<std::vector<float>> decoded = DecodeAudioFile(path.c_str(), {}, &warning);
  INFO(decoded.status().message());
  REQUIRE(decoded.ok());
  CHECK(warning.ok());
  REQUIRE(decoded.value().size() == 4000);
  for (size_t i = 0; i < 4000; ++i) {
    const double expected =
        std::round(Sine(0.5, 440.0, static_cast<double>(i) / 16000.0) * 32768.0) / 32768.0;
    REQUIRE(decoded.value()[i] == static_cast<float>(expected));
  }
}

TEST_CASE("a 24-bit stereo FLAC at 44.1 kHz is mixed down and resampled") {
  Result<AudioReader> reader = AudioReader::Open(DataFile("tones_44100_stereo.flac").c_str());
  REQUIRE(reader.ok());
  CHECK(std::string(reader->info().format) == "FLAC");
  CHECK(reader->info().sample_rate_hz == 44100);
  CHECK(reader->info().num_channels == 2);
  CHECK(reader->total_frames() == 4000);
  const std::vector<float> decoded = ReadAll(reader.value());
  REQUIRE(decoded.size() == 4000);
  for (size_t i = 200; i + 200 < 4000; ++i) {
    const double seconds = static_cast<double>(i) / 16000.0;
    const double expected = (Sine(0.5, 440.0, seconds) + Sine(0.25, 1000.0, seconds)) / 2.0;
    REQUIRE(std::abs(decoded[i] - expected) < 1e-5);  // the filter's ripple
  }
}

TEST_CASE("MP3 holds the tone, at the right pitch and level") {
  Result<AudioReader> reader = AudioReader::Open(DataFile("tone_44100_mono.mp3").c_str());
  REQUIRE(reader.ok());
  CHECK(std::string(reader->info().format) == "MP3");
  const std::vector<float> decoded = ReadAll(reader.value());
  // 0.5 s; a decoder may leave the encoder's delay and padding in place, up to 4 frames of 1152 samples
  // at 44.1 kHz.
  CHECK(decoded.size() >= 8000);
  CHECK(decoded.size() <= 8000 + 4 * 1152 * 16000 / 44100);
  // The part that a sine of 440 Hz of any phase explains: all but what the encoder lost (64 kbit/s, -40 dB
  // and better).
  double in_phase = 0.0;
  double quadrature = 0.0;
  double energy = 0.0;
  constexpr size_t kBegin = 2000;
  constexpr size_t kEnd = 6000;  // 110 whole periods
  for (size_t i = kBegin; i < kEnd; ++i) {
    const double seconds = static_cast<double>(i) / 16000.0;
    in_phase += decoded[i] * Sine(1.0, 440.0, seconds);
    quadrature += decoded[i] * Sine(1.0, 440.0, seconds + 0.25 / 440.0);
    energy += decoded[i] * decoded[i];
  }
  const double amplitude = std::hypot(in_phase, quadrature) * 2.0 / (kEnd - kBegin);
  CHECK(std::abs(amplitude - 0.475) < 0.005);  // LAME multiplies the 0.5 that it is given by 0.95
  const double explained = amplitude * amplitude / 2.0 * (kEnd - kBegin);
  CHECK((energy - explained) / energy < 1e-4);
}

void SetRiffLength(std::vector<std::byte>& wav, uint32_t bytes) {
  WavWriter length;
  length.Little(bytes, 4);
  std::ranges::copy(length.Take(), wav.begin() + 4);
}

TEST_CASE("a WAV whose lengths were never filled in is read to its end without complaint") {
  const std::vector<double> sine = SineSamples(1000, 0.5, 440.0, 16000.0);
  const std::vector<float> expected = Decode(MakeWav({}, sine));
  for (const uint32_t riff_bytes : {0u, 36u, 0xFFFFFFFFu}) {
    CAPTURE(riff_bytes);
    std::vector<std::byte> wav = MakeWav({.stated_data_bytes = 0}, sine);
    SetRiffLength(wav, riff_bytes);
    const TemporaryFile file(wav);
    Result<AudioReader> from_file = AudioReader::Open(file.path());
    Result<AudioReader> from_memory = AudioReader::OpenMemory(wav);
    for (Result<AudioReader>* reader : {&from_file, &from_memory}) {
      REQUIRE(reader->ok());
      CHECK(ReadAll(reader->value()) == expected);
      CHECK(reader->value().warning().ok());
    }
    // With another chunk, of odd length, before the samples.
    WavWriter list;
    list.Text("LIST");
    list.Little(5, 4);
    list.Text("INFOx");
    list.Little(0, 1);
    const std::vector<std::byte> chunk = list.Take();
    wav.insert(wav.begin() + 36, chunk.begin(), chunk.end());
    CHECK(Decode(wav) == expected);
  }
}

TEST_CASE("a WAV written to a pipe, of unknown length, is read to its end without complaint") {
  const std::vector<double> sine = SineSamples(1000, 0.5, 440.0, 16000.0);
  for (const int64_t stated : {int64_t{0xFFFFFFFF}, int64_t{0x7FFFF000}}) {
    CAPTURE(stated);
    const std::vector<std::byte> wav = MakeWav({.stated_data_bytes = stated}, sine);
    Result<AudioReader> reader = AudioReader::OpenMemory(wav);
    REQUIRE(reader.ok());
    CHECK(ReadAll(reader.value()).size() == 1000);
    CHECK(reader->warning().ok());
  }
}

TEST_CASE("samples that are no numbers become silence, and are reported") {
  std::vector<double> samples(100, 0.5);
  samples[3] = std::numeric_limits<double>::quiet_NaN();
  samples[50] = std::numeric_limits<double>::infinity();
  samples[51] = -std::numeric_limits<double>::infinity();
  samples[52] = 1e30;
  const std::vector<std::byte> wav = MakeWav({.codec = kWavFloat, .bits_per_sample = 32}, samples);
  Result<AudioReader> reader = AudioReader::OpenMemory(wav);
  REQUIRE(reader.ok());
  const std::vector<float> decoded = ReadAll(reader.value());
  REQUIRE(decoded.size() == 100);
  for (size_t i = 0; i < 100; ++i) CHECK(decoded[i] == (i == 3 || (i >= 50 && i <= 52) ? 0.0f : 0.5f));
  CHECK(reader->unusable_samples() == 4);
  CHECK(reader->warning().code() == StatusCode::kInvalidAudio);
}

TEST_CASE("a recording that is cut off gives what there is, and a warning") {
  std::vector<std::byte> wav = MakeWav({}, SineSamples(16000, 0.5, 440.0, 16000.0));
  wav.resize(44 + 2 * 4000);
  Result<AudioReader> reader = AudioReader::OpenMemory(wav);
  REQUIRE(reader.ok());
  CHECK(ReadAll(reader.value()).size() == 4000);
  CHECK(reader->warning().code() == StatusCode::kInvalidAudio);
  // 0.25 s decoded; miniaudio before 0.11.23 or so keeps the promise of the header (1 s), later ones may cut
  // it.
  CHECK_THAT(reader->warning().message(), ContainsSubstring("0.25 s"));
}

TEST_CASE("recordings without audio are refused with the reason") {
  CHECK_THAT(OpenError({}).message(), ContainsSubstring("empty"));
  const Status no_samples = OpenError(MakeWav({.stated_data_bytes = 100}, std::span<const std::byte>{}));
  CHECK(no_samples.code() == StatusCode::kInvalidAudio);
  CHECK_THAT(no_samples.message(), ContainsSubstring("no audio samples"));
  const std::vector<std::byte> data(1000);
  const Status gsm = OpenError(MakeWav({.codec = 0x31}, data));  // GSM 06.10
  CHECK(gsm.code() == StatusCode::kInvalidAudio);
  CHECK_THAT(gsm.message(), ContainsSubstring("codec 0x0031"));
  CHECK(OpenError(MakeWav({.codec = 0x31, .stated_data_bytes = 0}, data)).code() ==
        StatusCode::kInvalidAudio);
}

TEST_CASE("a WAV that says that it has no samples is a recording of nothing") {
  std::vector<std::byte> wav = MakeWav({}, std::span<const std::byte>{});
  CHECK(Decode(wav).empty());
  SetRiffLength(wav, 0);  // a recorder that was stopped before the first sample
  CHECK(Decode(wav).empty());
  // What follows the samples that are not there is no audio if the length of the file covers it.
  WavWriter list;
  list.Text("LIST");
  list.Little(4, 4);
  list.Text("INFO");
  const std::vector<std::byte> chunk = list.Take();
  wav.insert(wav.end(), chunk.begin(), chunk.end());
  SetRiffLength(wav, 36 + 12);
  CHECK(Decode(wav).empty());
}

TEST_CASE("impossible headers are refused, with what they say") {
  const std::vector<std::byte> data(4096);
  const auto refused = [&](const WavFields& fields, const char* expected) {
    const Status status = OpenError(MakeWav(fields, data));
    CHECK(status.code() == StatusCode::kInvalidAudio);
    CHECK_THAT(status.message(), ContainsSubstring(expected));
  };
  refused({.sample_rate_hz = 0}, " 0 Hz");
  refused({.sample_rate_hz = 4'000'000'000u}, "4000000000 Hz");
  refused({.sample_rate_hz = 999}, "999 Hz");
  refused({.num_channels = 0}, " 0 channels");
  refused({.num_channels = 65}, "65 channels");
  refused({.num_channels = 255}, "255 channels");
  refused({.num_channels = 65535}, "65535 channels");
  refused({.bits_per_sample = 0}, " 0 bits");
  refused({.fmt_bytes = 0xFFFFFFFF}, "cannot be used");
  refused({.fmt_bytes = 0x7FFFFFF0}, "cannot be used");
}

TEST_CASE("a header that leads its reader in a circle is given up") {
  // The format chunk claims -8 bytes as a signed number. A reader that takes its 18 bytes (the last two are
  // the length of an extension, none) and skips "the rest", -26 bytes, is back at the begin of this chunk.
  // miniaudio 0.11.25 does.
  std::vector<std::byte> wav = MakeWav({.fmt_bytes = 0xFFFFFFF8}, std::vector<std::byte>(4096));
  wav.insert(wav.begin() + 36, 2, std::byte{0});
  CHECK(OpenError(wav).code() == StatusCode::kInvalidAudio);
}

TEST_CASE("files: the path and the cause are in the message") {
  const Result<AudioReader> missing = AudioReader::Open("/nonexistent/clip.wav");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.status().code() == StatusCode::kNotFound);
  CHECK_THAT(missing.status().message(), ContainsSubstring("/nonexistent/clip.wav"));

  const std::string folder = std::filesystem::temp_directory_path().string();
  const Result<AudioReader> directory = AudioReader::Open(folder.c_str());
  REQUIRE_FALSE(directory.ok());
  CHECK(directory.status().code() == StatusCode::kInvalidArgument);
  CHECK_THAT(directory.status().message(), ContainsSubstring("directory"));

  const TemporaryFile text(Bytes("just a text\n"));
  const Result<AudioReader> not_audio = AudioReader::Open(text.path());
  REQUIRE_FALSE(not_audio.ok());
  CHECK(not_audio.status().code() == StatusCode::kUnsupported);
  CHECK_THAT(not_audio.status().message(), ContainsSubstring(text.path()));
}

TEST_CASE("a file decodes as the same bytes in memory do; longer than the limit is refused") {
  const std::vector<std::byte> wav =
      MakeWav({.sample_rate_hz = 8000}, SineSamples(16000, 0.5, 440.0, 8000.0));
  const TemporaryFile file(wav);
  const Result<std::vector<float>> decoded = DecodeAudioFile(file.path(), {.max_seconds = 2.0});
  REQUIRE(decoded.ok());
  CHECK(decoded.value() == Decode(wav));
  const Result<std::vector<float>> too_long = DecodeAudioFile(file.path(), {.max_seconds = 1.9});
  REQUIRE_FALSE(too_long.ok());
  CHECK(too_long.status().code() == StatusCode::kInvalidArgument);
}

TEST_CASE("a pipe is read to its end, within the limit") {
  const std::vector<std::byte> wav = MakeWav({}, SineSamples(50000, 0.5, 440.0, 16000.0));
  for (const uint64_t max_bytes : {uint64_t{wav.size()}, uint64_t{wav.size() - 1}}) {
    CAPTURE(max_bytes);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::thread writer([&] {
      // The reader may close before everything is written; Catch2's macros are not for threads.
      for (size_t done = 0; done < wav.size();) {
        const ssize_t count = write(ends[1], wav.data() + done, wav.size() - done);
        if (count <= 0) break;
        done += static_cast<size_t>(count);
      }
      close(ends[1]);
    });
    const std::string path = "/dev/fd/" + std::to_string(ends[0]);
    Result<AudioReader> reader = AudioReader::Open(path.c_str(), {.max_bytes = max_bytes});
    writer.join();
    close(ends[0]);
    if (max_bytes == wav.size()) {
      REQUIRE(reader.ok());
      CHECK(ReadAll(reader.value()).size() == 50000);
    } else {
      REQUIRE_FALSE(reader.ok());
      CHECK_THAT(reader.status().message(), ContainsSubstring("limit"));
    }
  }
}

}  // namespace
}  // namespace earshot
