// Unicode text as code points, on top of utf8proc.
#include "models/common/text/unicode.h"

#include <utf8proc.h>

#include <cstdint>

namespace earshot::unicode {
namespace {

constexpr char32_t kCapitalSigma = 0x03A3;
constexpr char32_t kFinalSigma = 0x03C2;
constexpr char32_t kCapitalIWithDot = 0x0130;
constexpr char32_t kCombiningDotAbove = 0x0307;

utf8proc_category_t CategoryOf(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool IsCased(char32_t c) {
  const auto code_point = static_cast<utf8proc_int32_t>(c);
  return CategoryOf(c) == UTF8PROC_CATEGORY_LT || utf8proc_islower(code_point) != 0 ||
         utf8proc_isupper(code_point) != 0;
}

// Case_Ignorable: marks, format characters, modifiers, and the Word_Break classes MidLetter, MidNumLet,
// Single_Quote.
bool IsCaseIgnorable(char32_t c) {
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      break;
  }
  constexpr std::u32string_view kInsideWords =
      U"\u0027\u002E\u003A\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E"
      U"\uFF1A";
  return kInsideWords.find(c) != std::u32string_view::npos;
}

// Final_Sigma: a cased letter before, none after, not counting characters that case ignores.
bool IsWordFinal(std::u32string_view text, size_t position) {
  size_t before = position;
  while (before > 0 && IsCaseIgnorable(text[before - 1])) --before;
  if (before == 0 || !IsCased(text[before - 1])) return false;
  size_t after = position + 1;
  while (after < text.size() && IsCaseIgnorable(text[after])) ++after;
  return after == text.size() || !IsCased(text[after]);
}

const utf8proc_uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data());
}

bool IsContinuationByte(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

std::u32string DecodeUtf8(std::string_view bytes) {
  std::u32string text;
  text.reserve(bytes.size());
  size_t i = 0;
  while (i < bytes.size()) {
    utf8proc_int32_t code_point = -1;
    const utf8proc_ssize_t length =
        utf8proc_iterate(Bytes(bytes) + i, static_cast<utf8proc_ssize_t>(bytes.size() - i), &code_point);
    if (length > 0) {
      text.push_back(static_cast<char32_t>(code_point));
      i += static_cast<size_t>(length);
      continue;
    }
    text.push_back(kReplacementCharacter);
    ++i;
    while (i < bytes.size() && IsContinuationByte(bytes[i])) ++i;
  }
  return text;
}

std::string EncodeUtf8(std::u32string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) {
    auto code_point = static_cast<utf8proc_int32_t>(c);
    if (!utf8proc_codepoint_valid(code_point)) code_point = kReplacementCharacter;
    utf8proc_uint8_t encoded[4];
    const utf8proc_ssize_t length = utf8proc_encode_char(code_point, encoded);
    bytes.append(reinterpret_cast<const char*>(encoded), static_cast<size_t>(length));
  }
  return bytes;
}

std::string RepairUtf8(std::string_view bytes) { return EncodeUtf8(DecodeUtf8(bytes)); }

std::u32string LowerCase(std::u32string_view text) {
  std::u32string lower;
  lower.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == kCapitalIWithDot) {
      lower.push_back(U'i');
      lower.push_back(kCombiningDotAbove);
    } else if (text[i] == kCapitalSigma && IsWordFinal(text, i)) {
      lower.push_back(kFinalSigma);
    } else {
      lower.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(text[i]))));
    }
  }
  return lower;
}

std::u32string Normalize(std::u32string_view text, NormalForm form) {
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT |
                                     (form == NormalForm::kNfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE));
  const std::string bytes = EncodeUtf8(text);
  const auto num_bytes = static_cast<utf8proc_ssize_t>(bytes.size());
  // Decomposition fails only on ill-formed UTF-8 or a length overflow; EncodeUtf8 excludes the first.
  const utf8proc_ssize_t needed = utf8proc_decompose(Bytes(bytes), num_bytes, nullptr, 0, options);
  if (needed < 0) return std::u32string(text);
  std::vector<utf8proc_int32_t> buffer(static_cast<size_t>(needed) + 1);
  utf8proc_ssize_t length = utf8proc_decompose(Bytes(bytes), num_bytes, buffer.data(), needed, options);
  if (length >= 0) length = utf8proc_normalize_utf32(buffer.data(), length, options);
  if (length < 0) return std::u32string(text);
  return std::u32string(buffer.begin(), buffer.begin() + length);
}

bool IsSpace(char32_t c) {
  if (c <= 0x20) return (c >= 0x09 && c <= 0x0D) || c >= 0x1C;
  if (c == 0x85 || c == 0x2028 || c == 0x2029) return true;
  return CategoryOf(c) == UTF8PROC_CATEGORY_ZS;
}

bool IsWordCharacter(char32_t c) {
  if (c == U'_') return true;
  const utf8proc_category_t category = CategoryOf(c);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

bool IsNonspacingMark(char32_t c) { return CategoryOf(c) == UTF8PROC_CATEGORY_MN; }

bool IsMarkSymbolOrPunctuation(char32_t c) {
  const utf8proc_category_t category = CategoryOf(c);
  return (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME) ||
         (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_SO);
}

bool IsDecimalDigit(char32_t c) { return CategoryOf(c) == UTF8PROC_CATEGORY_ND; }

int DecimalDigitValue(char32_t c) {
  // The standard keeps the ten digits of a script contiguous and ascending. The mathematical digits alone are
  // several such runs without a gap.
  constexpr char32_t kFirstMathematicalDigit = 0x1D7CE;
  constexpr char32_t kLastMathematicalDigit = 0x1D7FF;
  if (c >= kFirstMathematicalDigit && c <= kLastMathematicalDigit) {
    return static_cast<int>((c - kFirstMathematicalDigit) % 10);
  }
  int value = 0;
  while (value < 9 && IsDecimalDigit(c - static_cast<char32_t>(value) - 1)) ++value;
  return value;
}

std::vector<std::u32string_view> SplitGraphemes(std::u32string_view text) {
  std::vector<std::u32string_view> graphemes;
  utf8proc_int32_t state = 0;
  size_t begin = 0;
  for (size_t i = 1; i <= text.size(); ++i) {
    const bool is_break =
        i == text.size() || utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(text[i - 1]),
                                                             static_cast<utf8proc_int32_t>(text[i]), &state);
    if (!is_break) continue;
    graphemes.push_back(text.substr(begin, i - begin));
    begin = i;
  }
  return graphemes;
}

}  // namespace earshot::unicode
