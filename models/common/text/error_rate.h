// Word and character error rates: minimal edit distance (Levenshtein 1966) between a reference and a
// hypothesis, counted as the package jiwer counts it.
#ifndef EARSHOT_MODELS_COMMON_TEXT_ERROR_RATE_H_
#define EARSHOT_MODELS_COMMON_TEXT_ERROR_RATE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace earshot {

// How a hypothesis differs from its reference, in tokens (words or characters). Sums over clips are corpus
// totals.
struct ErrorCounts {
  int64_t hits = 0;
  int64_t substitutions = 0;
  int64_t insertions = 0;  // tokens only the hypothesis has
  int64_t deletions = 0;   // tokens only the reference has

  int64_t Errors() const { return substitutions + insertions + deletions; }
  int64_t ReferenceTokens() const { return hits + substitutions + deletions; }
  int64_t HypothesisTokens() const { return hits + substitutions + insertions; }

  // Errors per reference token: 0 is perfect, 1 and more is possible. Against an empty reference every
  // inserted token counts as 1.
  double Rate() const;
  // Share of aligned positions that are errors, 0 to 1 (MER); 0 if both sides are empty.
  double MatchErrorRate() const;
  // 1 - hits^2 / (reference * hypothesis tokens), 0 to 1 (WIL; Morris, Maier and Green 2004); 0 if both are
  // empty.
  double InformationLost() const;

  ErrorCounts& operator+=(const ErrorCounts& other);
  friend bool operator==(const ErrorCounts&, const ErrorCounts&) = default;
};

// Among the alignments of minimal distance the one that, from the end backwards, prefers deletion, then an
// insertion that makes the rest cheaper, then the diagonal. Time O(reference * hypothesis), memory
// O(reference).
ErrorCounts CountErrors(std::span<const std::u32string_view> reference,
                        std::span<const std::u32string_view> hypothesis);

// Words are separated by white space. UTF-8.
ErrorCounts CountWordErrors(std::string_view reference, std::string_view hypothesis);

// Characters are code points. White space at the ends is ignored, in between it counts like any character,
// unless `spaces` says otherwise.
enum class SpacesInCharacters { kCount, kIgnore };
ErrorCounts CountCharacterErrors(std::string_view reference, std::string_view hypothesis,
                                 SpacesInCharacters spaces = SpacesInCharacters::kCount);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_ERROR_RATE_H_
