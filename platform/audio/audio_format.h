// Tells which decoder a recording needs, from its first bytes (never from its name).
#ifndef EARSHOT_PLATFORM_AUDIO_AUDIO_FORMAT_H_
#define EARSHOT_PLATFORM_AUDIO_AUDIO_FORMAT_H_

#include <cstdint>
#include <optional>

#include "platform/audio/byte_source.h"
#include "runtime/core/status.h"

namespace earshot {

enum class AudioFormat : uint8_t { kWav, kFlac, kMp3 };

// "WAV", "FLAC", "MP3". Static storage.
const char* AudioFormatName(AudioFormat format);

// Moves the source's position back to its begin. A text file is never taken for MP3: that needs a frame
// header, and a second one where the first says that it must be (within the first 4 KiB, or behind an ID3
// tag). kInvalidAudio: empty. kUnsupported: anything else; the message names what it looks like and what is
// supported.
Result<AudioFormat> DetectAudioFormat(ByteSource& source);

// What the `fmt ` chunk of a WAV file says, for error messages. All zero if it is not within the first 4 KiB.
struct WavHeader {
  uint16_t codec = 0;
  uint16_t num_channels = 0;
  uint32_t sample_rate_hz = 0;
  uint16_t bits_per_sample = 0;
};
WavHeader PeekWavHeader(ByteSource& source);

// Where the samples of a WAV file are.
struct WavData {
  uint64_t length_offset = 0;  // of the four bytes that state how long they are
  uint32_t stated_bytes = 0;
  // They are stated to be 0 bytes long, but more follows, and the length of the whole file is not right
  // either: it was written by someone who could not go back to the header.
  bool is_open_ended = false;
};
// Nothing where no `data` chunk can be found. Moves the source's position back to its begin.
std::optional<WavData> FindWavData(ByteSource& source);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_AUDIO_AUDIO_FORMAT_H_
