// PcmDecoder: miniaudio behind bounded reads, bounded allocations and checked headers.
#include "platform/audio/pcm_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "platform/audio/miniaudio_decoding.h"

namespace earshot {
namespace {

constexpr size_t kBlockFrames = 1024;
constexpr float kMaxMagnitude = 1e9f;

// The largest honest request is a FLAC seek table, 16 MiB at most.
constexpr size_t kMaxAllocationBytes = size_t{64} << 20;

// A header within these operations, or none: the largest honest count is a WAV of unknown length, which is
// read through once in pieces of 4096 bytes.
uint64_t HeaderOperations(uint64_t size_bytes) { return 100'000 + size_bytes / 1024; }

// Streaming writers that cannot go back put a length near 2^31 or 2^32 into a WAV header.
constexpr double kUnknownLengthBytes = 2147483648.0 - 65536.0;

void* AllocateBounded(size_t bytes, void*) {
  return bytes <= kMaxAllocationBytes ? std::malloc(bytes) : nullptr;
}
void* ReallocateBounded(void* memory, size_t bytes, void*) {
  return bytes <= kMaxAllocationBytes ? std::realloc(memory, bytes) : nullptr;
}
void Free(void* memory, void*) { std::free(memory); }

ma_result OnRead(ma_decoder* decoder, void* out, size_t bytes, size_t* bytes_read) {
  *bytes_read = static_cast<ByteSource*>(decoder->pUserData)->Read(out, bytes);
  return *bytes_read > 0 || bytes == 0 ? MA_SUCCESS : MA_AT_END;
}

ma_result OnSeek(ma_decoder* decoder, ma_int64 offset, ma_seek_origin origin) {
  // To the end go only probes for the length, which cannot succeed (ma_decoder_init takes no callback that
  // tells the position), but which miniaudio 0.11.25 does not undo before it counts the bytes of a WAV of
  // unknown length.
  if (origin == ma_seek_origin_end) return MA_NOT_IMPLEMENTED;
  const auto from =
      origin == ma_seek_origin_start ? ByteSource::Origin::kBegin : ByteSource::Origin::kCurrent;
  return static_cast<ByteSource*>(decoder->pUserData)->Seek(offset, from) ? MA_SUCCESS : MA_BAD_SEEK;
}

ma_encoding_format Encoding(AudioFormat format) {
  switch (format) {
    case AudioFormat::kWav:
      return ma_encoding_format_wav;
    case AudioFormat::kFlac:
      return ma_encoding_format_flac;
    case AudioFormat::kMp3:
      return ma_encoding_format_mp3;
  }
  return ma_encoding_format_unknown;
}

void ToFloat(const std::byte* samples, ma_format format, std::span<float> out) {
  if (format != ma_format_u8) {
    ma_pcm_convert(out.data(), ma_format_f32, samples, format, out.size(), ma_dither_mode_none);
    return;
  }
  // miniaudio maps 0..255 to [-1, 1], which turns digital silence (128) into an offset that the lowest mel
  // bands hear.
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(std::to_integer<int>(samples[i]) - 128) / 128.0f;
}

}  // namespace

struct PcmDecoder::Impl {
  explicit Impl(ByteSource bytes) : source(std::move(bytes)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (decoder_ready) ma_decoder_uninit(&decoder);
  }

  Status Open(AudioFormat format);
  Status HeaderError(AudioFormat format);

  ByteSource source;
  ma_decoder decoder{};
  bool decoder_ready = false;
  uint64_t stated_samples = 0;
  uint64_t unusable_samples = 0;
  std::unique_ptr<std::byte[]> native;   // [kBlockFrames, channels] as stored in the recording
  std::unique_ptr<float[]> interleaved;  // the same as f32
};

Status PcmDecoder::Impl::HeaderError(AudioFormat format) {
  source.UnlimitOperations();
  if (format != AudioFormat::kWav) {
    return Status::Error(
        StatusCode::kInvalidAudio,
        "the %s data is damaged at its begin: no %s frame could be decoded; re-create the file",
        AudioFormatName(format), AudioFormatName(format));
  }
  const WavHeader header = PeekWavHeader(source);
  return Status::Error(StatusCode::kInvalidAudio,
                       "the WAV header cannot be used: codec 0x%04X, %u channels, %u Hz, %u bits (supported: "
                       "PCM of 8 to 32 bits, "
                       "float, A-law, mu-law, ADPCM; 1 to %u channels; %u to %u Hz); re-create the file",
                       static_cast<unsigned>(header.codec), static_cast<unsigned>(header.num_channels),
                       header.sample_rate_hz, static_cast<unsigned>(header.bits_per_sample), kMaxChannels,
                       kMinSampleRateHz, kMaxSampleRateHz);
}

Status PcmDecoder::Impl::Open(AudioFormat format) {
  source.LimitOperations(HeaderOperations(source.size_bytes()));
  ma_decoder_config config = ma_decoder_config_init(ma_format_unknown, 0, 0);  // as stored
  config.encodingFormat = Encoding(format);
  config.allocationCallbacks = {nullptr, AllocateBounded, ReallocateBounded, Free};
  if (ma_decoder_init(OnRead, OnSeek, &source, &config, &decoder) != MA_SUCCESS) return HeaderError(format);
  decoder_ready = true;
  const bool usable = decoder.outputChannels >= 1 && decoder.outputChannels <= kMaxChannels &&
                      decoder.outputSampleRate >= kMinSampleRateHz &&
                      decoder.outputSampleRate <= kMaxSampleRateHz;
  if (!usable) return HeaderError(format);

  // The length of an MP3 would have to be counted by decoding it.
  ma_uint64 length = 0;
  if (format != AudioFormat::kMp3 && ma_decoder_get_length_in_pcm_frames(&decoder, &length) == MA_SUCCESS) {
    stated_samples = length;
  }
  const size_t sample_bytes = ma_get_bytes_per_sample(decoder.outputFormat);
  const double frame_bytes = static_cast<double>(sample_bytes * decoder.outputChannels);
  const bool unknown = static_cast<double>(stated_samples) * frame_bytes >= kUnknownLengthBytes &&
                       source.size_bytes() < static_cast<uint64_t>(kUnknownLengthBytes);
  if (format == AudioFormat::kWav && unknown) stated_samples = 0;
  native = std::make_unique<std::byte[]>(kBlockFrames * decoder.outputChannels * sample_bytes);
  interleaved = std::make_unique<float[]>(kBlockFrames * decoder.outputChannels);
  source.UnlimitOperations();
  return Status::Ok();
}

PcmDecoder::PcmDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PcmDecoder::PcmDecoder(PcmDecoder&&) noexcept = default;
PcmDecoder& PcmDecoder::operator=(PcmDecoder&&) noexcept = default;
PcmDecoder::~PcmDecoder() = default;

Result<PcmDecoder> PcmDecoder::Create(ByteSource source, AudioFormat format) {
  auto impl = std::make_unique<Impl>(std::move(source));
  EARSHOT_RETURN_IF_ERROR(impl->Open(format));
  return PcmDecoder(std::move(impl));
}

uint32_t PcmDecoder::sample_rate_hz() const { return impl_->decoder.outputSampleRate; }
uint32_t PcmDecoder::num_channels() const { return impl_->decoder.outputChannels; }
uint64_t PcmDecoder::stated_samples() const { return impl_->stated_samples; }
uint64_t PcmDecoder::unusable_samples() const { return impl_->unusable_samples; }
bool PcmDecoder::read_failed() const { return impl_->source.read_failed(); }

size_t PcmDecoder::ReadMono(std::span<float> out) {
  Impl& impl = *impl_;
  const size_t channels = impl.decoder.outputChannels;
  size_t done = 0;
  while (done < out.size()) {
    const size_t wanted = std::min(kBlockFrames, out.size() - done);
    ma_uint64 frames_read = 0;
    ma_decoder_read_pcm_frames(&impl.decoder, impl.native.get(), wanted, &frames_read);
    const size_t frames = static_cast<size_t>(frames_read);
    if (frames == 0) break;
    const std::span<float> samples(impl.interleaved.get(), frames * channels);
    ToFloat(impl.native.get(), impl.decoder.outputFormat, samples);
    for (float& sample : samples) {
      if (std::abs(sample) <= kMaxMagnitude) continue;  // false for NaN
      sample = 0.0f;
      ++impl.unusable_samples;
    }
    for (size_t frame = 0; frame < frames; ++frame) {
      float sum = 0.0f;
      for (const float sample : samples.subspan(frame * channels, channels)) sum += sample;
      out[done + frame] = sum / static_cast<float>(channels);
    }
    done += frames;
  }
  return done;
}

}  // namespace earshot
