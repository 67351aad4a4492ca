// Counting n-grams.
#include "models/common/text/ngrams.h"

#include <algorithm>

namespace earshot {

NgramCounts CountNgrams(std::u32string_view symbols, size_t order) {
  NgramCounts counts;
  for (size_t i = 0; i + order <= symbols.size(); ++i) ++counts[std::u32string(symbols.substr(i, order))];
  return counts;
}

int64_t TotalCount(const NgramCounts& counts) {
  int64_t total = 0;
  for (const auto& [ngram, count] : counts) total += count;
  return total;
}

int64_t ClippedMatches(const NgramCounts& a, const NgramCounts& b) {
  int64_t matches = 0;
  for (const auto& [ngram, count] : a) {
    const auto found = b.find(ngram);
    if (found != b.end()) matches += std::min(count, found->second);
  }
  return matches;
}

std::u32string WordSymbols::Of(std::span<const std::u32string> words) {
  std::u32string symbols;
  for (const std::u32string& word : words) {
    symbols.push_back(symbols_.try_emplace(word, static_cast<char32_t>(symbols_.size())).first->second);
  }
  return symbols;
}

}  // namespace earshot
