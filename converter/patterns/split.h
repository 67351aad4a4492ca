// Cutting option texts into pieces and numbers.
#ifndef EARSHOT_CONVERTER_PATTERNS_SPLIT_H_
#define EARSHOT_CONVERTER_PATTERNS_SPLIT_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace earshot::patterns {

// The pieces between separators; one more than there are separators.
inline std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (size_t end; (end = text.find(separator)) != std::string_view::npos; text.remove_prefix(end + 1))
    pieces.push_back(text.substr(0, end));
  pieces.push_back(text);
  return pieces;
}

// Digits and nothing else, up to 2^31 - 1.
inline std::optional<int64_t> ParseNumber(std::string_view text) {
  int32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || number < 0) return std::nullopt;
  return number;
}

}  // namespace earshot::patterns

#endif  // EARSHOT_CONVERTER_PATTERNS_SPLIT_H_
