// Recordings as 16 kHz mono: WAV, FLAC or MP3 of any rate, width and channel count, from a file, a pipe or
// memory.
#ifndef EARSHOT_PLATFORM_AUDIO_AUDIO_READER_H_
#define EARSHOT_PLATFORM_AUDIO_AUDIO_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/core/status.h"

namespace earshot {

struct AudioLimits {
  // What may be held in memory of standard input or a pipe. Files are read piece by piece and have no limit.
  uint64_t max_bytes = uint64_t{512} << 20;
  // DecodeAudioFile only: how much audio it may return. An hour is 230 MB.
  double max_seconds = 4 * 3600.0;
};

// What the recording says of itself.
struct AudioInfo {
  const char* format = "";  // "WAV", "FLAC", "MP3"
  uint32_t sample_rate_hz = 0;
  uint32_t num_channels = 0;
};

// Decodes a recording as a stream: the memory in use does not depend on its length. Channels are averaged,
// the rate is converted (platform/audio/resampler.h).
//
// Damage never crashes or hangs. Where a recording is cut off or broken, Read delivers all that can be
// decoded, then returns 0, and warning() says so; if nothing at all can be decoded, opening fails. A WAV
// whose writer could not state its length (0, 0xFFFFFFFF or nearly 2^31) is read to the end of the file. Owns
// its file; allocates when opened. Threads: not thread-safe.
class AudioReader {
 public:
  // `path` "-" is standard input. Errors, with the path in the message:
  // kNotFound, kIo: the operating system's words. kInvalidArgument: no name, a directory, or a pipe longer
  // than max_bytes. kUnsupported: not WAV, FLAC or MP3. kInvalidAudio: no bytes, no samples (but for a WAV
  // that says so itself), or a header with impossible values.
  static Result<AudioReader> Open(const char* path, const AudioLimits& limits = {});

  // The same for a whole recording in memory, which must outlive the reader.
  static Result<AudioReader> OpenMemory(std::span<const std::byte> bytes);

  AudioReader(AudioReader&&) noexcept;
  AudioReader& operator=(AudioReader&&) noexcept;
  ~AudioReader();

  const AudioInfo& info() const;

  // Samples at 16 kHz, by the recording's header; 0 if unknown (MP3, WAV from a pipe). A damaged header may
  // promise anything: for progress display, not for allocation.
  uint64_t total_frames() const;

  // The next samples at 16 kHz, full scale [-1, 1]; fewer than asked for only at the end, then 0.
  // After n samples at rate r exactly round(n * 16000 / r) have been delivered. kIo: reading the file failed.
  Result<size_t> Read(std::span<float> out);

  // Complete once Read has returned 0. kInvalidAudio: the recording ends early, or held samples that are no
  // numbers (they became 0). What Read delivered is valid in either case.
  Status warning() const;

  // NaN, infinite or absurd (beyond +-1e9) samples so far, before averaging the channels.
  uint64_t unusable_samples() const;

 private:
  struct Impl;
  explicit AudioReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A whole recording at 16 kHz. Errors: those of AudioReader, and kInvalidArgument beyond limits.max_seconds.
// `warning`, if given, receives AudioReader::warning().
Result<std::vector<float>> DecodeAudioFile(const char* path, const AudioLimits& limits = {},
                                           Status* warning = nullptr);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_AUDIO_AUDIO_READER_H_
