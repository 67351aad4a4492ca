// AudioReader: decoder, then resampler, with a first block read ahead so that opening tells whether there is
// audio.
#include "platform/audio/audio_reader.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "platform/audio/audio_format.h"
#include "platform/audio/byte_source.h"
#include "platform/audio/pcm_decoder.h"
#include "platform/audio/resampler.h"

namespace earshot {
namespace {

constexpr size_t kBlockSamples = 4096;

// As most programs write it that stream a WAV.
constexpr ByteSource::Correction kUnknownLength = {std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF},
                                                   std::byte{0xFF}};

// What is not known to be empty.
constexpr WavData kNoWavData = {.stated_bytes = 1};

}  // namespace

struct AudioReader::Impl {
  Impl(PcmDecoder pcm_decoder, Resampler rate_converter, AudioFormat format)
      : decoder(std::move(pcm_decoder)),
        resampler(std::move(rate_converter)),
        info{.format = AudioFormatName(format),
             .sample_rate_hz = decoder.sample_rate_hz(),
             .num_channels = decoder.num_channels()} {}

  void Refill() {
    pending_count = decoder.ReadMono(pending);
    pending_begin = 0;
    decoded_samples += pending_count;
  }

  static Result<std::unique_ptr<Impl>> Create(ByteSource source);

  PcmDecoder decoder;
  Resampler resampler;
  AudioInfo info;
  std::array<float, kBlockSamples> pending{};  // decoded, not yet resampled
  size_t pending_begin = 0;
  size_t pending_count = 0;  // 0 after a refill: the recording is at its end
  uint64_t decoded_samples = 0;
};

Result<std::unique_ptr<AudioReader::Impl>> AudioReader::Impl::Create(ByteSource source) {
  EARSHOT_ASSIGN_OR_RETURN(const AudioFormat format, DetectAudioFormat(source));
  const bool is_wav = format == AudioFormat::kWav;
  const WavHeader header = is_wav ? PeekWavHeader(source) : WavHeader{};
  const WavData data = is_wav ? FindWavData(source).value_or(kNoWavData) : kNoWavData;
  if (data.is_open_ended) source.Correct(data.length_offset, kUnknownLength);
  EARSHOT_ASSIGN_OR_RETURN(PcmDecoder decoder, PcmDecoder::Create(std::move(source), format));
  EARSHOT_ASSIGN_OR_RETURN(Resampler resampler, Resampler::Create(decoder.sample_rate_hz()));
  auto impl = std::make_unique<Impl>(std::move(decoder), std::move(resampler), format);
  impl->Refill();
  const bool is_known_to_be_empty = data.stated_bytes == 0 && !data.is_open_ended;
  if (impl->pending_count == 0 && !is_known_to_be_empty) {
    char codec[32] = "";
    if (is_wav) std::snprintf(codec, sizeof(codec), " (codec 0x%04X)", unsigned{header.codec});
    return Status::Error(
        StatusCode::kInvalidAudio,
        "the %s data%s holds no audio samples, or none that can be decoded; record or convert it again",
        impl->info.format, codec);
  }
  return impl;
}

AudioReader::AudioReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AudioReader::AudioReader(AudioReader&&) noexcept = default;
AudioReader& AudioReader::operator=(AudioReader&&) noexcept = default;
AudioReader::~AudioReader() = default;

Result<AudioReader> AudioReader::Open(const char* path, const AudioLimits& limits) {
  EARSHOT_ASSIGN_OR_RETURN(ByteSource source, ByteSource::FromFile(path, limits.max_bytes));
  Result<std::unique_ptr<Impl>> impl = Impl::Create(std::move(source));
  if (!impl.ok()) return impl.status().WithContext("%.200s", path);
  return AudioReader(std::move(impl).value());
}

Result<AudioReader> AudioReader::OpenMemory(std::span<const std::byte> bytes) {
  EARSHOT_ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::Create(ByteSource::FromMemory(bytes)));
  return AudioReader(std::move(impl));
}

const AudioInfo& AudioReader::info() const { return impl_->info; }
uint64_t AudioReader::unusable_samples() const { return impl_->decoder.unusable_samples(); }
uint64_t AudioReader::total_frames() const {
  return ResampledLength(impl_->decoder.stated_samples(), impl_->info.sample_rate_hz);
}

Result<size_t> AudioReader::Read(std::span<float> out) {
  Impl& impl = *impl_;
  size_t done = 0;
  while (done < out.size() && impl.pending_count > 0) {
    const std::span<const float> pending(impl.pending.data() + impl.pending_begin, impl.pending_count);
    const Resampler::Counts counts = impl.resampler.Process(pending, out.subspan(done));
    impl.pending_begin += counts.consumed;
    impl.pending_count -= counts.consumed;
    done += counts.produced;
    if (impl.pending_count == 0) impl.Refill();
  }
  if (impl.pending_count == 0) done += impl.resampler.Flush(out.subspan(done));
  if (done == 0 && impl.decoder.read_failed()) {
    return Status::Error(StatusCode::kIo,
                         "reading the recording failed after %.1f s: is the medium damaged or removed?",
                         static_cast<double>(impl.decoded_samples) / impl.info.sample_rate_hz);
  }
  return done;
}

Status AudioReader::warning() const {
  const uint64_t stated = impl_->decoder.stated_samples();
  const double rate_hz = impl_->info.sample_rate_hz;
  if (impl_->pending_count == 0 && impl_->decoded_samples < stated) {
    return Status::Error(
        StatusCode::kInvalidAudio,
        "the recording is cut off or damaged: its header promises %.2f s, %.2f s could be decoded",
        static_cast<double>(stated) / rate_hz, static_cast<double>(impl_->decoded_samples) / rate_hz);
  }
  if (unusable_samples() > 0) {
    return Status::Error(StatusCode::kInvalidAudio,
                         "%llu samples of the recording were no usable numbers and became silence",
                         static_cast<unsigned long long>(unusable_samples()));
  }
  return Status::Ok();
}

Result<std::vector<float>> DecodeAudioFile(const char* path, const AudioLimits& limits, Status* warning) {
  EARSHOT_ASSIGN_OR_RETURN(AudioReader reader, AudioReader::Open(path, limits));
  const double max_samples = limits.max_seconds * kModelSampleRateHz;
  std::vector<float> samples;
  // The header may lie: at most ten minutes (38 MB) on its word.
  samples.reserve(static_cast<size_t>(std::min<uint64_t>(reader.total_frames(), 600 * kModelSampleRateHz)));
  std::array<float, kBlockSamples> block;
  for (;;) {
    EARSHOT_ASSIGN_OR_RETURN(const size_t count, reader.Read(block));
    if (count == 0) break;
    if (static_cast<double>(samples.size() + count) > max_samples) {
      return Status::Error(
          StatusCode::kInvalidArgument,
          "%.200s is longer than the limit of %.0f s; cut it, raise max_seconds, or read it as a stream",
          path, limits.max_seconds);
    }
    samples.insert(samples.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(count));
  }
  if (samples.empty()) {
    return Status::Error(StatusCode::kInvalidAudio,
                         "%.200s: the recording is shorter than one sample at 16 kHz", path);
  }
  if (warning != nullptr) *warning = reader.warning();
  return samples;
}

}  // namespace earshot
