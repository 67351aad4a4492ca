// Text made safe for line-based formats. Ill-formed UTF-8 becomes U+FFFD; white space at the ends of lines
// goes.
#ifndef EARSHOT_PLATFORM_CLI_WRITERS_CAPTION_TEXT_H_
#define EARSHOT_PLATFORM_CLI_WRITERS_CAPTION_TEXT_H_

#include <string>
#include <string_view>

namespace earshot {

// Line breaks and tabs become spaces.
std::string OneLine(std::string_view text);

// No empty lines, which would end the subtitle, and no "-->", which would start another ("->" stands in for
// it).
std::string SrtText(std::string_view text);

// No empty lines; "&", "<" and ">" as entities, so that players show them.
std::string VttText(std::string_view text);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CLI_WRITERS_CAPTION_TEXT_H_
