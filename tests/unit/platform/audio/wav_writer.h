// Makes WAV files in memory for tests, honest ones and ones with impossible headers.
#ifndef EARSHOT_TESTS_UNIT_PLATFORM_AUDIO_WAV_WRITER_H_
#define EARSHOT_TESTS_UNIT_PLATFORM_AUDIO_WAV_WRITER_H_

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace earshot {

constexpr uint16_t kWavPcm = 1;
constexpr uint16_t kWavFloat = 3;
constexpr uint16_t kWavALaw = 6;
constexpr uint16_t kWavMuLaw = 7;

struct WavFields {
  uint16_t codec = kWavPcm;
  uint16_t num_channels = 1;
  uint32_t sample_rate_hz = 16000;
  uint16_t bits_per_sample = 16;
  // What the header states; by default the truth.
  uint32_t fmt_bytes = 16;
  int64_t stated_data_bytes = -1;
};

class WavWriter {
 public:
  void Text(std::string_view text) {
    for (const char c : text) bytes_.push_back(static_cast<std::byte>(c));
  }
  void Little(uint64_t value, int num_bytes) {
    for (int i = 0; i < num_bytes; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFF));
  }
  std::vector<std::byte> Take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

inline std::vector<std::byte> MakeWav(const WavFields& fields, std::span<const std::byte> data) {
  const uint32_t data_bytes = static_cast<uint32_t>(
      fields.stated_data_bytes < 0 ? static_cast<int64_t>(data.size()) : fields.stated_data_bytes);
  const uint32_t block_bytes = uint32_t{fields.num_channels} * fields.bits_per_sample / 8;
  WavWriter wav;
  wav.Text("RIFF");
  wav.Little(data_bytes + 36, 4);
  wav.Text("WAVEfmt ");
  wav.Little(fields.fmt_bytes, 4);
  wav.Little(fields.codec, 2);
  wav.Little(fields.num_channels, 2);
  wav.Little(fields.sample_rate_hz, 4);
  wav.Little(uint64_t{fields.sample_rate_hz} * block_bytes, 4);
  wav.Little(block_bytes, 2);
  wav.Little(fields.bits_per_sample, 2);
  wav.Text("data");
  wav.Little(data_bytes, 4);
  std::vector<std::byte> bytes = wav.Take();
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

// One sample of `value` in [-1, 1) in the fields' codec and width (PCM or float).
inline void AppendSample(const WavFields& fields, double value, WavWriter& out) {
  const int bits = fields.bits_per_sample;
  if (fields.codec == kWavFloat) {
    if (bits == 32) out.Little(std::bit_cast<uint32_t>(static_cast<float>(value)), 4);
    if (bits == 64) out.Little(std::bit_cast<uint64_t>(value), 8);
    return;
  }
  const double full_scale = std::ldexp(1.0, bits - 1);
  int64_t integer = std::llround(value * full_scale);
  if (integer > std::llround(full_scale) - 1) integer = std::llround(full_scale) - 1;
  if (bits == 8) integer += 128;  // the only unsigned width
  out.Little(static_cast<uint64_t>(integer), bits / 8);
}

inline std::vector<std::byte> MakeWav(const WavFields& fields, std::span<const double> interleaved) {
  WavWriter data;
  for (const double value : interleaved) AppendSample(fields, value, data);
  return MakeWav(fields, data.Take());
}

inline double Sine(double amplitude, double frequency_hz, double seconds) {
  return amplitude * std::sin(2.0 * std::numbers::pi * frequency_hz * seconds);
}

inline std::vector<double> SineSamples(size_t count, double amplitude, double frequency_hz, double rate_hz) {
  std::vector<double> samples(count);
  for (size_t i = 0; i < count; ++i)
    samples[i] = Sine(amplitude, frequency_hz, static_cast<double>(i) / rate_hz);
  return samples;
}

}  // namespace earshot

#endif  // EARSHOT_TESTS_UNIT_PLATFORM_AUDIO_WAV_WRITER_H_
