// Text made safe for line-based formats.
#include "platform/cli/writers/caption_text.h"

#include <algorithm>

#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"

namespace earshot {
namespace {

using text_edit::ReplaceAll;

// Everything that some reader takes for the end of a line.
constexpr std::u32string_view kLineBreaks = U"\n\v\f\r\u0085\u2028\u2029";

// The lines that are not blank, trimmed, with `separator` in between.
std::u32string JoinLines(std::string_view utf8, char32_t separator) {
  const std::u32string text = unicode::DecodeUtf8(utf8);
  std::u32string joined;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find_first_of(kLineBreaks, begin), text.size());
    const std::u32string_view line = text_edit::Trim(std::u32string_view(text).substr(begin, end - begin));
    if (!line.empty() && !joined.empty()) joined.push_back(separator);
    joined.append(line);
    begin = end + 1;
  }
  return joined;
}

// Dashes before a ">" become one, so that "-->" appears nowhere.
std::u32string ShortenArrows(std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) {
    if (c == U'>') {
      while (out.ends_with(U"--")) out.pop_back();
    }
    out.push_back(c);
  }
  return out;
}

}  // namespace

std::string OneLine(std::string_view text) {
  return unicode::EncodeUtf8(ReplaceAll(JoinLines(text, U' '), U"\t", U" "));
}

std::string SrtText(std::string_view text) {
  return unicode::EncodeUtf8(ShortenArrows(JoinLines(text, U'\n')));
}

std::string VttText(std::string_view text) {
  std::u32string escaped = ReplaceAll(JoinLines(text, U'\n'), U"&", U"&amp;");
  escaped = ReplaceAll(ReplaceAll(escaped, U"<", U"&lt;"), U">", U"&gt;");
  return unicode::EncodeUtf8(escaped);
}

}  // namespace earshot
