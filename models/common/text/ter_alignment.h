// The word alignment that the translation edit rate searches for block moves with.
#ifndef EARSHOT_MODELS_COMMON_TEXT_TER_ALIGNMENT_H_
#define EARSHOT_MODELS_COMMON_TEXT_TER_ALIGNMENT_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace earshot {

// Words are symbols: equal words are equal char32_t (see WordSymbols).
struct TerAlignment {
  int64_t edits = 0;
  // By reference word: the hypothesis word it is aligned with, or for a word the hypothesis lacks the last
  // one before it
  // (-1 if there is none); and whether that is an error.
  std::vector<int64_t> hypothesis_position;
  std::vector<bool> reference_is_wrong;
  std::vector<bool> hypothesis_is_wrong;  // by hypothesis word
};

// Levenshtein alignment within a band around the diagonal. Among equals it prefers hit or substitution, then
// an extra word in the hypothesis, then a missing one. The reference is not empty.
TerAlignment AlignForTer(std::u32string_view hypothesis, std::u32string_view reference);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_TER_ALIGNMENT_H_
