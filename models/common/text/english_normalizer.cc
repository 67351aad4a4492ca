// Whisper's text normalization for English: the order of the steps.
#include "models/common/text/english_normalizer.h"

#include <vector>

#include "models/common/text/english_contractions.h"
#include "models/common/text/english_numbers.h"
#include "models/common/text/symbols.h"
#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"

namespace earshot {
namespace {

using unicode::IsAsciiDigit;

// What numbers and amounts of money are written with.
constexpr std::u32string_view kNumberSymbols = U".%$¢€£";
constexpr std::u32string_view kSymbolsBeforeDigits = U".$¢€£";

// "1,234" to "1234". A digit is used once: of "1,2,3" only the first comma goes.
std::u32string RemoveThousandsSeparators(std::u32string_view text) {
  std::u32string out;
  size_t i = 0;
  while (i < text.size()) {
    const bool separates = i + 2 < text.size() && text[i + 1] == U',' && unicode::IsDecimalDigit(text[i]) &&
                           unicode::IsDecimalDigit(text[i + 2]);
    out.push_back(text[i]);
    if (separates) out.push_back(text[i + 2]);
    i += separates ? 3 : 1;
  }
  return out;
}

// Periods stay only before a digit.
std::u32string RemovePeriods(std::u32string_view text) {
  // The line break stands for the end of the text, before which a period goes too.
  std::u32string out = text_edit::RewritePairs(
      std::u32string(text) + U'\n', [](char32_t a, char32_t b) { return a == U'.' && !IsAsciiDigit(b); },
      [](std::u32string& rewritten, char32_t, char32_t b) { rewritten += {U' ', b}; });
  out.pop_back();
  return out;
}

// Symbols that the numbers did not need: ".$¢€£" not before a digit, "%" not after one.
std::u32string RemoveStraySymbols(std::u32string_view text) {
  const std::u32string out = text_edit::RewritePairs(
      text,
      [](char32_t a, char32_t b) {
        return kSymbolsBeforeDigits.find(a) != std::u32string_view::npos && !IsAsciiDigit(b);
      },
      [](std::u32string& rewritten, char32_t, char32_t b) { rewritten += {U' ', b}; });
  return text_edit::RewritePairs(
      out, [](char32_t a, char32_t b) { return !IsAsciiDigit(a) && b == U'%'; },
      [](std::u32string& rewritten, char32_t a, char32_t) { rewritten += {a, U' '}; });
}

}  // namespace

EnglishTextNormalizer::EnglishTextNormalizer(const SpellingTable& spellings) {
  for (const auto& [british, american] : spellings) {
    spellings_.emplace(unicode::DecodeUtf8(british), unicode::DecodeUtf8(american));
  }
}

std::string EnglishTextNormalizer::Normalize(std::string_view utf8) const {
  std::u32string text = text_edit::RemoveBracketed(unicode::LowerCase(unicode::DecodeUtf8(utf8)));
  text = ExpandContractions(RemoveFillerWords(text));
  text = RemovePeriods(RemoveThousandsSeparators(text));
  text = NormalizeEnglishNumbers(ReplaceSymbolsAndDiacritics(text, kNumberSymbols));
  text = RemoveStraySymbols(NormalizeSpelling(text));
  return unicode::EncodeUtf8(text_edit::CollapseSpaces(text));
}

std::u32string EnglishTextNormalizer::NormalizeSpelling(std::u32string_view text) const {
  std::vector<std::u32string> words;
  for (const std::u32string_view word : text_edit::SplitWords(text)) {
    const auto found = spellings_.find(std::u32string(word));
    words.emplace_back(found == spellings_.end() ? word : found->second);
  }
  return text_edit::JoinWords(words);
}

}  // namespace earshot
