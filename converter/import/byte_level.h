// GPT-2's printable alphabet of bytes: a vocabulary writes each byte of a token as one Unicode character.
#ifndef EARSHOT_CONVERTER_IMPORT_BYTE_LEVEL_H_
#define EARSHOT_CONVERTER_IMPORT_BYTE_LEVEL_H_

#include <optional>
#include <string>
#include <string_view>

namespace earshot::checkpoint {

// The bytes that a token stands for; nothing if it holds a character outside the alphabet.
std::optional<std::string> DecodeByteLevel(std::string_view token);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_BYTE_LEVEL_H_
