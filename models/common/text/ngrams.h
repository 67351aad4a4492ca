// Counting n-grams of words or characters.
#ifndef EARSHOT_MODELS_COMMON_TEXT_NGRAMS_H_
#define EARSHOT_MODELS_COMMON_TEXT_NGRAMS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace earshot {

using NgramCounts = std::unordered_map<std::u32string, int64_t>;

// Every run of `order` >= 1 symbols, with the number of its occurrences.
NgramCounts CountNgrams(std::u32string_view symbols, size_t order);

// The sum of all counts.
int64_t TotalCount(const NgramCounts& counts);

// How many n-grams of `a` are also in `b`, each counted at most as often as `b` has it.
int64_t ClippedMatches(const NgramCounts& a, const NgramCounts& b);

// Words as symbols, so that a text is a string of them: equal words get equal symbols, in order of first
// appearance.
class WordSymbols {
 public:
  std::u32string Of(std::span<const std::u32string> words);

 private:
  std::unordered_map<std::u32string, char32_t> symbols_;
};

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_NGRAMS_H_
