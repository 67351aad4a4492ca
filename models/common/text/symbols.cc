// Replacing symbols, punctuation and marks.
#include "models/common/text/symbols.h"

#include "models/common/text/unicode.h"

namespace earshot {
namespace {

// Letters whose stroke, bar or ligature has no compatibility decomposition; empty for all others.
std::u32string_view PlainLetters(char32_t c) {
  switch (c) {
    case U'œ':
      return U"oe";
    case U'Œ':
      return U"OE";
    case U'æ':
      return U"ae";
    case U'Æ':
      return U"AE";
    case U'ø':
      return U"o";
    case U'Ø':
      return U"O";
    case U'ß':
      return U"ss";
    case U'ẞ':
      return U"SS";
    case U'đ':
    case U'ð':
      return U"d";
    case U'Đ':
    case U'Ð':
      return U"D";
    case U'þ':
    case U'Þ':
      return U"th";
    case U'ł':
      return U"l";
    case U'Ł':
      return U"L";
    default:
      return {};
  }
}

}  // namespace

std::u32string ReplaceSymbols(std::u32string_view text) {
  std::u32string out = unicode::Normalize(text, unicode::NormalForm::kNfkc);
  for (char32_t& c : out) {
    if (unicode::IsMarkSymbolOrPunctuation(c)) c = U' ';
  }
  return out;
}

std::u32string ReplaceSymbolsAndDiacritics(std::u32string_view text, std::u32string_view keep) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : unicode::Normalize(text, unicode::NormalForm::kNfkd)) {
    const std::u32string_view plain = PlainLetters(c);
    if (keep.find(c) != std::u32string_view::npos) {
      out.push_back(c);
    } else if (!plain.empty()) {
      out.append(plain);
    } else if (unicode::IsNonspacingMark(c)) {
      continue;
    } else {
      out.push_back(unicode::IsMarkSymbolOrPunctuation(c) ? U' ' : c);
    }
  }
  return out;
}

}  // namespace earshot
