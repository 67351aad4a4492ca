// The alphabet (Radford et al. 2019, the published encoder of GPT-2): the 188 printable characters of Latin-1
// without space and soft hyphen stand for themselves; the other 68 bytes, in ascending order, for U+0100,
// U+0101, ...
#include "converter/import/byte_level.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace earshot::checkpoint {
namespace {

constexpr uint32_t kFirstStandIn = 0x100;
constexpr size_t kNumStandIns = 68;

constexpr bool StandsForItself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr std::array<uint8_t, kNumStandIns> MakeStandIns() {
  std::array<uint8_t, kNumStandIns> bytes{};
  size_t count = 0;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    if (!StandsForItself(byte)) bytes[count++] = static_cast<uint8_t>(byte);
  }
  return bytes;
}

constexpr std::array<uint8_t, kNumStandIns> kStandIns = MakeStandIns();

}  // namespace

std::optional<std::string> DecodeByteLevel(std::string_view token) {
  std::string bytes;
  for (size_t i = 0; i < token.size(); ++i) {
    uint32_t character = static_cast<uint8_t>(token[i]);
    if (character >= 0x80) {
      // All of the alphabet beyond ASCII has two bytes in UTF-8: 110xxxxx 10xxxxxx.
      const bool has_two_bytes = (character & 0xE0) == 0xC0 && i + 1 < token.size() &&
                                 (static_cast<uint8_t>(token[i + 1]) & 0xC0) == 0x80;
      if (!has_two_bytes) return std::nullopt;
      character = (character & 0x1F) << 6 | (static_cast<uint8_t>(token[++i]) & 0x3Fu);
    }
    if (StandsForItself(character)) {
      bytes.push_back(static_cast<char>(character));
    } else if (character >= kFirstStandIn && character - kFirstStandIn < kNumStandIns) {
      bytes.push_back(static_cast<char>(kStandIns[character - kFirstStandIn]));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

}  // namespace earshot::checkpoint
