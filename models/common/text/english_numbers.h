// Spoken numbers, ordinals, amounts of money and percentages in digits, as Whisper's EnglishNumberNormalizer
// writes them (Radford et al. 2022, appendix C): "two dollars and seven cents" becomes "$2.07".
#ifndef EARSHOT_MODELS_COMMON_TEXT_ENGLISH_NUMBERS_H_
#define EARSHOT_MODELS_COMMON_TEXT_ENGLISH_NUMBERS_H_

#include <string>
#include <string_view>

namespace earshot {

// `text` is lower case without punctuation other than ".%$¢€£". Words come out separated by single spaces.
// The number one is written "one" again, as the original does, because it is so often no number.
std::u32string NormalizeEnglishNumbers(std::u32string_view text);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_ENGLISH_NUMBERS_H_
