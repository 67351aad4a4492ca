// How sacrebleu cuts translations into tokens before it compares them.
#ifndef EARSHOT_MODELS_COMMON_TEXT_TRANSLATION_TOKENIZER_H_
#define EARSHOT_MODELS_COMMON_TEXT_TRANSLATION_TOKENIZER_H_

#include <string>
#include <string_view>
#include <vector>

namespace earshot {

enum class TranslationTokenizer {
  kNone,  // at white space
  k13a,  // NIST mteval-v13a: punctuation apart from words, decimal points and thousands separators left alone
  kZh,   // every Chinese character by itself, the rest as 13a
  kChar,    // every character that is no white space
  kTercom,  // the optional normalization of TER: 13a with the English possessive "'s" as a token
};

std::vector<std::u32string> TokenizeTranslation(std::u32string_view text, TranslationTokenizer tokenizer);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_TRANSLATION_TOKENIZER_H_
