// Whisper's text normalization for English, so that word error rates compare with published ones (Radford et
// al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", appendix C; the reference is
// EnglishTextNormalizer of the package openai-whisper 20250625).
#ifndef EARSHOT_MODELS_COMMON_TEXT_ENGLISH_NORMALIZER_H_
#define EARSHOT_MODELS_COMMON_TEXT_ENGLISH_NORMALIZER_H_

#include <string>
#include <string_view>
#include <unordered_map>

#include "models/common/text/spelling_table.h"

namespace earshot {

// Lower case; bracketed words and fillers removed; contractions and titles written out; numbers, money and
// percentages in digits; accents, symbols and punctuation removed; British spelling made American if there is
// a table. Words come out separated by single spaces; a space may remain at either end, as in the original.
// Owns: the spelling table. Threads: immutable, share freely. Errors: none, ill-formed UTF-8 is treated as
// punctuation.
class EnglishTextNormalizer {
 public:
  // An empty table leaves the spelling alone: word error rates then count "colour" against "color" as an
  // error.
  explicit EnglishTextNormalizer(const SpellingTable& spellings = {});

  std::string Normalize(std::string_view utf8) const;

  bool has_spellings() const { return !spellings_.empty(); }

 private:
  std::u32string NormalizeSpelling(std::u32string_view text) const;

  std::unordered_map<std::u32string, std::u32string> spellings_;
};

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_ENGLISH_NORMALIZER_H_
