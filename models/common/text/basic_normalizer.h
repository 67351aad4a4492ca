// Whisper's text normalization for languages other than English (Radford et al. 2022, appendix C): lower
// case, bracketed words removed, symbols and punctuation replaced by spaces.
#ifndef EARSHOT_MODELS_COMMON_TEXT_BASIC_NORMALIZER_H_
#define EARSHOT_MODELS_COMMON_TEXT_BASIC_NORMALIZER_H_

#include <string>
#include <string_view>

namespace earshot {

struct BasicNormalizerOptions {
  bool remove_diacritics = false;  // also drop accents: é becomes e
  bool split_letters = false;      // a space between all letters: word errors are then character errors
};

// Output words are separated by single spaces; a space may remain at either end, as in the original.
// Owns: nothing. Threads: immutable, share freely. Errors: none, ill-formed UTF-8 is treated as punctuation.
class BasicTextNormalizer {
 public:
  explicit BasicTextNormalizer(BasicNormalizerOptions options = {}) : options_(options) {}

  std::string Normalize(std::string_view utf8) const;

 private:
  BasicNormalizerOptions options_;
};

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_BASIC_NORMALIZER_H_
