// Arithmetic on numbers written as decimal digits.
#include "models/common/text/decimal_digits.h"

#include <algorithm>

#include "models/common/text/unicode.h"

namespace earshot::decimal_digits {
namespace {

std::u32string WithoutLeadingZeros(std::u32string_view digits) {
  const size_t first = digits.find_first_not_of(U'0');
  return first == std::u32string_view::npos ? U"0" : std::u32string(digits.substr(first));
}

// The digit characters of `text` in ASCII, or nullopt if another character is among them.
std::optional<std::u32string> AsciiDigits(std::u32string_view text) {
  std::u32string digits;
  for (const char32_t c : text) {
    if (!unicode::IsDecimalDigit(c)) return std::nullopt;
    digits.push_back(U'0' + static_cast<char32_t>(unicode::DecimalDigitValue(c)));
  }
  return digits;
}

}  // namespace

std::u32string FromInt(int value) {
  const std::string ascii = std::to_string(value);
  return std::u32string(ascii.begin(), ascii.end());
}

std::u32string PowerOfTen(int exponent) {
  std::u32string digits(static_cast<size_t>(exponent) + 1, U'0');
  digits.front() = U'1';
  return digits;
}

bool IsPlainNumber(std::u32string_view text) {
  size_t i = 0;
  const auto skip_digits = [&] {
    const size_t begin = i;
    while (i < text.size() && unicode::IsDecimalDigit(text[i])) ++i;
    return i > begin;
  };
  if (!skip_digits()) return false;
  if (i == text.size()) return true;
  return text[i++] == U'.' && skip_digits() && i == text.size();
}

std::optional<std::u32string> ScaledToWhole(std::u32string_view number, int exponent) {
  const size_t point = std::min(number.find(U'.'), number.size());
  const auto integer = AsciiDigits(number.substr(0, point));
  const auto fraction = AsciiDigits(number.substr(std::min(point + 1, number.size())));
  if (!integer || !fraction || integer->size() + fraction->size() == 0) return std::nullopt;
  const size_t num_moved = std::min(fraction->size(), static_cast<size_t>(exponent));
  if (fraction->find_first_not_of(U'0', num_moved) != std::u32string::npos) return std::nullopt;
  return WithoutLeadingZeros(*integer + fraction->substr(0, num_moved) +
                             std::u32string(static_cast<size_t>(exponent) - num_moved, U'0'));
}

std::u32string Add(std::u32string_view a, std::u32string_view b) {
  std::u32string sum;
  char32_t carry = 0;
  for (size_t i = 0; i < std::max(a.size(), b.size()) || carry != 0; ++i) {
    char32_t digit = carry;
    if (i < a.size()) digit += a[a.size() - 1 - i] - U'0';
    if (i < b.size()) digit += b[b.size() - 1 - i] - U'0';
    sum.push_back(U'0' + digit % 10);
    carry = digit / 10;
  }
  std::reverse(sum.begin(), sum.end());
  return WithoutLeadingZeros(sum);
}

std::u32string MultiplyLowestThousand(std::u32string_view whole, int exponent) {
  const size_t num_upper = whole.size() > 3 ? whole.size() - 3 : 0;
  const std::u32string zeros(static_cast<size_t>(exponent), U'0');
  const std::u32string lower = WithoutLeadingZeros(whole.substr(num_upper)) + zeros;
  return Add(std::u32string(whole.substr(0, num_upper)) + U"000", lower);
}

}  // namespace earshot::decimal_digits
