// Files of /proc and /sys say that they have no size: they are read to the end.
#include "platform/cpu/system_file.h"

#include <cstdlib>
#include <fstream>
#include <string_view>

namespace earshot {

std::string ReadSystemFile(const std::string& path) {
  constexpr std::streamsize kLimit = 64 << 10;
  std::ifstream file(path, std::ios::binary);
  std::string text(static_cast<size_t>(kLimit), '\0');
  file.read(text.data(), kLimit);
  text.resize(static_cast<size_t>(file.gcount()));
  constexpr std::string_view kPadding("\0 \n\t", 4);
  const size_t last = text.find_last_not_of(kPadding);
  text.resize(last == std::string::npos ? 0 : last + 1);
  return text;
}

std::optional<int64_t> ReadSystemNumber(const std::string& path) {
  const std::string text = ReadSystemFile(path);
  char* end = nullptr;
  const int base = text.starts_with("0x") ? 16 : 10;
  const long long number = std::strtoll(text.c_str(), &end, base);
  if (end == text.c_str()) return std::nullopt;
  return number;
}

}  // namespace earshot
