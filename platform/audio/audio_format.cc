// Signatures of audio containers, and MPEG frame headers (ISO/IEC 11172-3, 13818-3).
#include "platform/audio/audio_format.h"

#include <array>
#include <span>
#include <string_view>

namespace earshot {
namespace {

constexpr size_t kHeadBytes = 4096;

struct Head {
  std::array<char, kHeadBytes> bytes;
  size_t size = 0;

  uint32_t Byte(size_t index) const { return static_cast<unsigned char>(bytes[index]); }
  bool Has(size_t offset, std::string_view signature) const {
    return offset + signature.size() <= size &&
           std::string_view(bytes.data() + offset, signature.size()) == signature;
  }
};

Head ReadHead(ByteSource& source, uint64_t offset) {
  Head head;
  if (source.Seek(static_cast<int64_t>(offset), ByteSource::Origin::kBegin)) {
    head.size = source.Read(head.bytes.data(), head.bytes.size());
  }
  source.Seek(0, ByteSource::Origin::kBegin);
  return head;
}

struct Signature {
  size_t offset;
  std::string_view bytes;
  const char* name;
};

// Formats that users do try, and that deserve their name in the message.
constexpr Signature kUnsupportedFormats[] = {
    {0, "OggS", "Ogg (Vorbis or Opus)"},
    {4, "ftyp", "MP4/M4A (AAC)"},
    {0, "\x1A\x45\xDF\xA3", "Matroska/WebM"},
    {0, "FORM", "AIFF"},
    {0, "#!AMR", "AMR"},
    {0, "\x30\x26\xB2\x75", "Windows Media"},
    {0, "caff", "Apple CAF"},
    {0, ".snd", "Sun AU"},
    {0, "wvpk", "WavPack"},
    {0, "\xFF\xF1", "AAC (ADTS)"},
    {0, "\xFF\xF9", "AAC (ADTS)"},
    {0, "riff", "Wave64"},
};

bool IsWav(const Head& head) {
  return (head.Has(0, "RIFF") || head.Has(0, "RIFX") || head.Has(0, "RF64")) && head.Has(8, "WAVE");
}

// Length in bytes of the layer III frame that begins at `offset`; 0 if there is none.
size_t Mp3FrameBytes(const Head& head, size_t offset) {
  if (offset + 4 > head.size) return 0;
  const uint32_t header = head.Byte(offset) << 24 | head.Byte(offset + 1) << 16 | head.Byte(offset + 2) << 8;
  const uint32_t version = (header >> 19) & 3;  // 0: MPEG-2.5, 1: reserved, 2: MPEG-2, 3: MPEG-1
  const uint32_t layer = (header >> 17) & 3;    // 1: layer III
  const uint32_t bitrate_index = (header >> 12) & 15;
  const uint32_t rate_index = (header >> 10) & 3;
  const bool valid = (header >> 21) == 0x7FF && version != 1 && layer == 1 && bitrate_index != 0 &&
                     bitrate_index != 15 && rate_index != 3;
  if (!valid) return 0;
  constexpr uint32_t kKilobits1[] = {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320};
  constexpr uint32_t kKilobits2[] = {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160};
  constexpr uint32_t kRates1[] = {44100, 48000, 32000};
  const bool mpeg1 = version == 3;
  const uint32_t rate_hz = kRates1[rate_index] >> (mpeg1 ? 0 : version == 2 ? 1 : 2);
  const uint32_t bits_per_second = 1000 * (mpeg1 ? kKilobits1 : kKilobits2)[bitrate_index];
  const uint32_t padding_bytes = (header >> 9) & 1;
  return (mpeg1 ? 144 : 72) * bits_per_second / rate_hz + padding_bytes;
}

// A single frame counts only at the very begin of what was read, where the recording may simply end after it.
bool IsMp3(const Head& head) {
  for (size_t offset = 0; offset + 4 <= head.size; ++offset) {
    const size_t frame_bytes = Mp3FrameBytes(head, offset);
    if (frame_bytes == 0) continue;
    const size_t next = offset + frame_bytes;
    if (next + 4 <= head.size ? Mp3FrameBytes(head, next) != 0 : offset == 0) return true;
  }
  return false;
}

// Bytes of an ID3v2 tag at the begin (its length is stored in four times seven bits); 0 if there is none.
uint64_t Id3TagBytes(const Head& head) {
  if (!head.Has(0, "ID3") || head.size < 10) return 0;
  uint64_t bytes = 0;
  for (size_t i = 6; i < 10; ++i) bytes = bytes << 7 | (head.Byte(i) & 0x7F);
  const uint64_t footer_bytes = (head.Byte(5) & 0x10) != 0 ? 10 : 0;
  return 10 + bytes + footer_bytes;
}

// False where the source ends before.
bool ReadAt(ByteSource& source, uint64_t offset, std::span<char> out) {
  const bool is_there = source.Seek(static_cast<int64_t>(offset), ByteSource::Origin::kBegin) &&
                        source.Read(out.data(), out.size()) == out.size();
  source.Seek(0, ByteSource::Origin::kBegin);
  return is_there;
}

uint32_t LengthIn(std::span<const char, 4> bytes, bool big_endian) {
  uint32_t length = 0;
  for (size_t i = 0; i < 4; ++i)
    length = length << 8 | static_cast<unsigned char>(bytes[big_endian ? i : 3 - i]);
  return length;
}

}  // namespace

const char* AudioFormatName(AudioFormat format) {
  switch (format) {
    case AudioFormat::kWav:
      return "WAV";
    case AudioFormat::kFlac:
      return "FLAC";
    case AudioFormat::kMp3:
      return "MP3";
  }
  return "unknown";
}

Result<AudioFormat> DetectAudioFormat(ByteSource& source) {
  if (source.size_bytes() == 0)
    return Status::Error(StatusCode::kInvalidAudio, "the recording is empty (0 bytes)");
  Head head = ReadHead(source, 0);
  if (IsWav(head)) return AudioFormat::kWav;
  if (const uint64_t tag_bytes = Id3TagBytes(head); tag_bytes > 0) head = ReadHead(source, tag_bytes);
  if (head.Has(0, "fLaC")) return AudioFormat::kFlac;

  const char* name = nullptr;
  for (const Signature& signature : kUnsupportedFormats) {
    if (head.Has(signature.offset, signature.bytes)) name = signature.name;
  }
  if (name == nullptr && IsMp3(head)) return AudioFormat::kMp3;
  return Status::Error(StatusCode::kUnsupported,
                       "not a supported audio format%s%s; supported are WAV, FLAC and MP3 "
                       "(convert it, for example: ffmpeg -i input -ac 1 -ar 16000 output.wav)",
                       name != nullptr ? ": this looks like " : "", name != nullptr ? name : "");
}

std::optional<WavData> FindWavData(ByteSource& source) {
  constexpr int kMaxChunksBefore = 100;  // honest files have a handful
  std::array<char, 12> riff;
  if (!ReadAt(source, 0, riff)) return std::nullopt;
  const bool big_endian = std::string_view(riff.data(), 4) == "RIFX";
  const uint64_t riff_end = 8 + uint64_t{LengthIn(std::span(riff).subspan<4, 4>(), big_endian)};
  uint64_t offset = riff.size();
  for (int i = 0; i <= kMaxChunksBefore; ++i) {
    std::array<char, 8> chunk;
    if (!ReadAt(source, offset, chunk)) break;
    const uint32_t bytes = LengthIn(std::span(chunk).subspan<4, 4>(), big_endian);
    const uint64_t begin = offset + chunk.size();
    if (std::string_view(chunk.data(), 4) == "data") {
      const bool file_is_described = begin < riff_end && riff_end <= source.size_bytes();
      return WavData{.length_offset = offset + 4,
                     .stated_bytes = bytes,
                     .is_open_ended = bytes == 0 && begin < source.size_bytes() && !file_is_described};
    }
    offset = begin + bytes + bytes % 2;
  }
  return std::nullopt;
}

WavHeader PeekWavHeader(ByteSource& source) {
  const Head head = ReadHead(source, 0);
  const bool big_endian = head.Has(0, "RIFX");
  const auto u16 = [&](size_t offset) {
    const uint32_t low = head.Byte(offset + (big_endian ? 1 : 0));
    const uint32_t high = head.Byte(offset + (big_endian ? 0 : 1));
    return static_cast<uint16_t>(high << 8 | low);
  };
  const size_t chunk = std::string_view(head.bytes.data(), head.size).find("fmt ", 12);
  if (chunk == std::string_view::npos || chunk + 24 > head.size) return {};
  const uint32_t rate_first = u16(chunk + 12);
  const uint32_t rate_second = u16(chunk + 14);
  return {.codec = u16(chunk + 8),
          .num_channels = u16(chunk + 10),
          .sample_rate_hz = big_endian ? rate_first << 16 | rate_second : rate_second << 16 | rate_first,
          .bits_per_sample = u16(chunk + 22)};
}

}  // namespace earshot
