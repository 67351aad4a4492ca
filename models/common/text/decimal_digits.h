// Arithmetic on numbers written as decimal digits, of any length: what composing spoken numbers needs,
// without the limit of a machine word ("nine hundred decillion"). Pure functions.
#ifndef EARSHOT_MODELS_COMMON_TEXT_DECIMAL_DIGITS_H_
#define EARSHOT_MODELS_COMMON_TEXT_DECIMAL_DIGITS_H_

#include <optional>
#include <string>
#include <string_view>

namespace earshot::decimal_digits {

// A whole number is ASCII digits without leading zeros; zero is "0".

std::u32string FromInt(int value);        // value >= 0
std::u32string PowerOfTen(int exponent);  // exponent >= 0

// Digits with an optional fraction, "12", "12.5", as a speech model writes them; digits of any script.
bool IsPlainNumber(std::u32string_view text);

// number * 10^exponent if that is whole. `number` may also be "12." or ".5"; nullopt for anything that is no
// number
// ("1.2.3", ".") or not whole.
std::optional<std::u32string> ScaledToWhole(std::u32string_view number, int exponent);

// a + b, whole numbers.
std::u32string Add(std::u32string_view a, std::u32string_view b);

// The part below 1000 times 10^exponent, plus the part from 1000 up: "five thousand | two" * hundred = 5200.
std::u32string MultiplyLowestThousand(std::u32string_view whole, int exponent);

}  // namespace earshot::decimal_digits

#endif  // EARSHOT_MODELS_COMMON_TEXT_DECIMAL_DIGITS_H_
