// Spoken numbers in digits: the rewriting before and after the words are read.
#include "models/common/text/english_numbers.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "models/common/text/decimal_digits.h"
#include "models/common/text/number_reader.h"
#include "models/common/text/number_words.h"
#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"

namespace earshot {
namespace {

using text_edit::IsWordBoundary;
using unicode::IsAsciiDigit;

constexpr std::u32string_view kCurrencies = U"€£$";

bool IsAsciiLetter(char32_t c) { return c >= U'a' && c <= U'z'; }
bool IsCurrency(char32_t c) { return kCurrencies.find(c) != std::u32string_view::npos; }

// The position after `literal` if it stands at `position`.
std::optional<size_t> After(std::u32string_view text, size_t position, std::u32string_view literal) {
  if (text.substr(std::min(position, text.size()), literal.size()) != literal) return std::nullopt;
  return position + literal.size();
}

size_t SkipSpaces(std::u32string_view text, size_t position) {
  while (position < text.size() && unicode::IsSpace(text[position])) ++position;
  return position;
}

size_t SkipDigits(std::u32string_view text, size_t position) {
  while (position < text.size() && IsAsciiDigit(text[position])) ++position;
  return position;
}

// The end of "and a half" (any white space in between) at `position`.
std::optional<size_t> AfterAndAHalf(std::u32string_view text, size_t position) {
  if (!IsWordBoundary(text, position)) return std::nullopt;
  constexpr std::u32string_view kWords[] = {U"and", U"a", U"half"};
  std::optional<size_t> end = position;
  for (const std::u32string_view word : kWords) {
    if (word != kWords[0]) {
      const size_t next = SkipSpaces(text, *end);
      if (next == *end) return std::nullopt;
      end = next;
    }
    end = After(text, *end, word);
    if (!end) return std::nullopt;
  }
  return IsWordBoundary(text, *end) ? end : std::nullopt;
}

bool EndsInNumberWord(std::u32string_view text) {
  const auto words = text_edit::SplitWords(text);
  if (words.empty()) return false;
  const NumberWord* last = FindNumberWord(words.back());
  return last != nullptr && (last->IsDigits() || last->IsCardinal(NumberWord::Kind::kMultiplier));
}

// "two and a half" to "two point five". At the start of the text, or twice in a row, it is dropped, as in the
// original.
std::u32string SpellHalves(std::u32string_view text) {
  std::vector<std::u32string> parts;
  const auto add_part = [&](std::u32string_view part, bool before_half) {
    if (text_edit::Trim(part).empty()) return;
    parts.emplace_back(part);
    if (before_half) parts.emplace_back(EndsInNumberWord(part) ? U"point five" : U"and a half");
  };
  size_t begin = 0;
  size_t i = 0;
  while (i < text.size()) {
    const auto end = AfterAndAHalf(text, i);
    if (!end) {
      ++i;
      continue;
    }
    add_part(text.substr(begin, i - begin), true);
    begin = i = *end;
  }
  add_part(text.substr(begin), false);
  return text_edit::JoinWords(parts);
}

std::u32string PartLettersFromDigits(std::u32string_view text) {
  const auto put_space_between = [](std::u32string& out, char32_t first, char32_t second) {
    out += {first, U' ', second};
  };
  const std::u32string parted = text_edit::RewritePairs(
      text, [](char32_t a, char32_t b) { return IsAsciiLetter(a) && IsAsciiDigit(b); }, put_space_between);
  return text_edit::RewritePairs(
      parted, [](char32_t a, char32_t b) { return IsAsciiDigit(a) && IsAsciiLetter(b); }, put_space_between);
}

// "1960 s" and "2 nd" to "1960s" and "2nd".
std::u32string AttachSuffixes(std::u32string_view text) {
  constexpr std::u32string_view kSuffixes[] = {U"st", U"nd", U"rd", U"th", U"s"};
  const auto has_suffix = [&](size_t position) {
    for (const std::u32string_view suffix : kSuffixes) {
      const auto end = After(text, position, suffix);
      if (end && IsWordBoundary(text, *end)) return true;
    }
    return false;
  };
  std::u32string out;
  size_t i = 0;
  while (i < text.size()) {
    out.push_back(text[i++]);
    if (!IsAsciiDigit(out.back())) continue;
    const size_t next = SkipSpaces(text, i);
    if (next > i && has_suffix(next)) i = next;
  }
  return out;
}

// One or two digits at `position` that end a word.
std::optional<std::u32string_view> CentsAt(std::u32string_view text, size_t position) {
  const size_t end = SkipDigits(text, position);
  if (end == position || end - position > 2 || !IsWordBoundary(text, end)) return std::nullopt;
  return text.substr(position, end - position);
}

// "$2 and ¢7" to "$2.07".
std::u32string CombineCents(std::u32string_view text) {
  std::u32string out;
  size_t i = 0;
  while (i < text.size()) {
    const size_t end_of_integer = IsCurrency(text[i]) ? SkipDigits(text, i + 1) : i;
    if (end_of_integer > i + 1) {
      auto sign = After(text, end_of_integer, U" and ¢");
      if (!sign) sign = After(text, end_of_integer, U" ¢");
      const auto cents = sign ? CentsAt(text, *sign) : std::nullopt;
      if (cents) {
        out.append(text.substr(i, end_of_integer - i));
        out.append(cents->size() == 1 ? U".0" : U".");
        out.append(*cents);
        i = *sign + cents->size();
        continue;
      }
    }
    out.push_back(text[i++]);
  }
  return out;
}

// "$0.07" to "¢7". Any character may stand for the point, as in the original.
std::u32string ExtractCents(std::u32string_view text) {
  std::u32string out;
  size_t i = 0;
  while (i < text.size()) {
    const auto cents = IsCurrency(text[i]) && After(text, i + 1, U"0") && i + 2 < text.size()
                           ? CentsAt(text, i + 3)
                           : std::nullopt;
    if (cents) {
      out.push_back(U'¢');
      out.append(decimal_digits::ScaledToWhole(*cents, 0).value_or(std::u32string(*cents)));
      i += 3 + cents->size();
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

// "1" and "1s" to "one" and "ones".
std::u32string SpellOnes(std::u32string_view text) {
  const std::u32string spelled = text_edit::ReplaceLiteral(text, {.pattern = U"1s", .replacement = U"ones"});
  return text_edit::ReplaceLiteral(spelled, {.pattern = U"1", .replacement = U"one"});
}

}  // namespace

std::u32string NormalizeEnglishNumbers(std::u32string_view text) {
  const std::u32string spoken = AttachSuffixes(PartLettersFromDigits(SpellHalves(text)));
  const std::vector<std::u32string> words = NumberReader().Read(text_edit::SplitWords(spoken));
  return SpellOnes(ExtractCents(CombineCents(text_edit::JoinWords(words))));
}

}  // namespace earshot
