// How sacrebleu cuts translations into tokens.
#include "models/common/text/translation_tokenizer.h"

#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"

namespace earshot {
namespace {

using text_edit::ReplaceAll;
using unicode::IsAsciiDigit;

struct Range {
  char32_t first, last;
};

// The ASCII punctuation that always stands alone: all but the apostrophe, comma, dash and period. The space
// is among it.
constexpr Range kPunctuation[] = {{U' ', U'&'}, {U'(', U'+'}, {U'/', U'/'},
                                  {U':', U'@'}, {U'[', U'`'}, {U'{', U'~'}};

// What sacrebleu takes for Chinese. Its table writes two of the supplementary planes with four-digit escapes,
// which makes them U+2001-2A6D and U+2F81-2FA1 in effect; scores compare only if we do the same.
constexpr Range kChinese[] = {
    {0x3400, 0x4DB5}, {0x4E00, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A}, {0xFA70, 0xFAD9},
    {0x2001, 0x2A6D}, {0xFF00, 0xFFEF}, {0x2E80, 0x2FDF}, {0x2FF0, 0x303F}, {0x3100, 0x312F},
    {0x31A0, 0x31BF}, {0x31C0, 0x31EF}, {0x3200, 0x33FF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F},
};

template <size_t N>
bool IsIn(const Range (&ranges)[N], char32_t c) {
  for (const Range& range : ranges) {
    if (c >= range.first && c <= range.last) return true;
  }
  return false;
}

template <size_t N>
std::u32string PutSpacesAround(const Range (&ranges)[N], std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) {
    if (IsIn(ranges, c)) {
      out += {U' ', c, U' '};
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::u32string UnescapeXml(std::u32string_view text) {
  std::u32string out = ReplaceAll(text, U"&quot;", U"\"");
  out = ReplaceAll(out, U"&amp;", U"&");
  out = ReplaceAll(out, U"&lt;", U"<");
  return ReplaceAll(out, U"&gt;", U">");
}

bool IsPeriodOrComma(char32_t c) { return c == U'.' || c == U','; }

// Periods and commas next to anything but a digit, and dashes after a digit, become tokens.
std::u32string PartPeriodsAndDashes(std::u32string_view text) {
  const auto part_after = [](std::u32string& out, char32_t a, char32_t b) { out += {a, U' ', b, U' '}; };
  std::u32string out = text_edit::RewritePairs(
      text, [](char32_t a, char32_t b) { return !IsAsciiDigit(a) && IsPeriodOrComma(b); }, part_after);
  out = text_edit::RewritePairs(
      out, [](char32_t a, char32_t b) { return IsPeriodOrComma(a) && !IsAsciiDigit(b); },
      [](std::u32string& parted, char32_t a, char32_t b) { parted += {U' ', a, U' ', b}; });
  return text_edit::RewritePairs(
      out, [](char32_t a, char32_t b) { return IsAsciiDigit(a) && b == U'-'; }, part_after);
}

// Spaces at both ends, so that a period there has a neighbour that is no digit.
std::u32string PadWithSpaces(std::u32string_view text) { return U' ' + std::u32string(text) + U' '; }

std::u32string Prepare13a(std::u32string_view text) {
  std::u32string out = ReplaceAll(text, U"<skipped>", U"");
  out = ReplaceAll(ReplaceAll(out, U"-\n", U""), U"\n", U" ");
  return PartPeriodsAndDashes(PutSpacesAround(kPunctuation, PadWithSpaces(UnescapeXml(out))));
}

std::u32string PrepareZh(std::u32string_view text) {
  return PartPeriodsAndDashes(
      PutSpacesAround(kPunctuation, PutSpacesAround(kChinese, text_edit::Trim(text))));
}

std::u32string PrepareTercom(std::u32string_view text) {
  std::u32string out = ReplaceAll(ReplaceAll(text, U"\n-", U""), U"\n", U" ");
  out = PutSpacesAround(kPunctuation, PadWithSpaces(UnescapeXml(out)));
  return PartPeriodsAndDashes(ReplaceAll(out, U"'s ", U" 's "));
}

std::u32string PrepareChar(std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) out += {c, U' '};
  return out;
}

std::u32string Prepare(std::u32string_view text, TranslationTokenizer tokenizer) {
  switch (tokenizer) {
    case TranslationTokenizer::kNone:
      break;
    case TranslationTokenizer::k13a:
      return Prepare13a(text);
    case TranslationTokenizer::kZh:
      return PrepareZh(text);
    case TranslationTokenizer::kChar:
      return PrepareChar(text);
    case TranslationTokenizer::kTercom:
      return PrepareTercom(text);
  }
  return std::u32string(text);
}

}  // namespace

std::vector<std::u32string> TokenizeTranslation(std::u32string_view text, TranslationTokenizer tokenizer) {
  // Trailing white space goes first: a line break at the end is no hyphenation.
  std::u32string_view line = text;
  while (!line.empty() && unicode::IsSpace(line.back())) line.remove_suffix(1);
  const std::u32string prepared = Prepare(line, tokenizer);
  const auto words = text_edit::SplitWords(prepared);
  return {words.begin(), words.end()};
}

}  // namespace earshot
