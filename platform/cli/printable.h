// Text of foreign origin made safe for a terminal and for tables.
#ifndef EARSHOT_PLATFORM_CLI_PRINTABLE_H_
#define EARSHOT_PLATFORM_CLI_PRINTABLE_H_

#include <string>
#include <string_view>

namespace earshot::cli {

// Control characters (C0, DEL and the UTF-8 form of C1) become spaces; everything else is kept.
inline std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool begins_c1 =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (begins_c1) ++i;
    printable += byte < 0x20 || byte == 0x7F || begins_c1 ? ' ' : text[i];
  }
  return printable;
}

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_PRINTABLE_H_
