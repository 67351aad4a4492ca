// WAV, FLAC or MP3 bytes to mono float samples at the recording's own rate (through miniaudio).
#ifndef EARSHOT_PLATFORM_AUDIO_PCM_DECODER_H_
#define EARSHOT_PLATFORM_AUDIO_PCM_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "platform/audio/audio_format.h"
#include "platform/audio/byte_source.h"
#include "runtime/core/status.h"

namespace earshot {

// Owns its source. Threads: not thread-safe.
class PcmDecoder {
 public:
  static constexpr uint32_t kMinSampleRateHz = 1000;
  static constexpr uint32_t kMaxSampleRateHz = 384000;
  static constexpr uint32_t kMaxChannels = 64;

  // kInvalidAudio: the header is damaged or states impossible values (the limits above).
  static Result<PcmDecoder> Create(ByteSource source, AudioFormat format);
  PcmDecoder(PcmDecoder&&) noexcept;
  PcmDecoder& operator=(PcmDecoder&&) noexcept;
  ~PcmDecoder();

  uint32_t sample_rate_hz() const;
  uint32_t num_channels() const;

  // Samples per channel that the header promises; 0 where it does not say: MP3, and WAV written to a pipe.
  // Never trusted.
  uint64_t stated_samples() const;

  // The next samples, full scale is [-1, 1], the channels averaged; 0 at the end, which may come early in a
  // damaged recording. Samples that are NaN, infinite or beyond +-1e9 (no later sum or square of the rest
  // overflows) become 0.
  size_t ReadMono(std::span<float> out);

  uint64_t unusable_samples() const;
  bool read_failed() const;

 private:
  struct Impl;
  explicit PcmDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_AUDIO_PCM_DECODER_H_
