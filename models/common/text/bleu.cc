// BLEU.
#include "models/common/text/bleu.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "models/common/text/ngrams.h"
#include "models/common/text/unicode.h"

namespace earshot {
namespace {

constexpr double kDefaultFloor = 0.1;
constexpr double kDefaultK = 1.0;
// In place of log(0): far enough down to make any score zero.
constexpr double kLogOfZero = -9999999999.0;

std::u32string SymbolsOf(const std::string& line, const BleuOptions& options, WordSymbols* symbols) {
  std::u32string text = unicode::DecodeUtf8(line);
  if (options.lowercase) text = unicode::LowerCase(text);
  return symbols->Of(TokenizeTranslation(text, options.tokenizer));
}

// The reference length nearest to the system's, the smaller one of two.
size_t ClosestLength(const std::vector<std::u32string>& references, size_t system) {
  const auto distance = [&](size_t length) { return length > system ? length - system : system - length; };
  size_t closest = references.front().size();
  for (const std::u32string& reference : references) {
    const size_t length = reference.size();
    if (distance(length) < distance(closest) || (distance(length) == distance(closest) && length < closest)) {
      closest = length;
    }
  }
  return closest;
}

// Adds one line's n-grams. An n-gram matches as often as the reference that has it most often allows.
void AddLine(const TranslationCorpus& corpus, size_t line, const BleuOptions& options, BleuScore* score) {
  WordSymbols symbols;
  const std::u32string system = SymbolsOf(corpus.hypotheses[line], options, &symbols);
  std::vector<std::u32string> references;
  for (const auto& set : corpus.references) references.push_back(SymbolsOf(set[line], options, &symbols));

  score->system_tokens += static_cast<int64_t>(system.size());
  score->reference_tokens += static_cast<int64_t>(ClosestLength(references, system.size()));
  for (size_t n = 0; n < kBleuMaxOrder; ++n) {
    NgramCounts most;
    for (const std::u32string& reference : references) {
      for (const auto& [ngram, count] : CountNgrams(reference, n + 1)) {
        int64_t& highest = most[ngram];
        highest = std::max(highest, count);
      }
    }
    const NgramCounts system_ngrams = CountNgrams(system, n + 1);
    score->matches[n] += ClippedMatches(system_ngrams, most);
    score->ngrams[n] += TotalCount(system_ngrams);
  }
}

double BrevityPenalty(const BleuScore& score) {
  if (score.system_tokens >= score.reference_tokens) return 1.0;
  if (score.system_tokens == 0) return 0.0;
  return std::exp(1.0 -
                  static_cast<double>(score.reference_tokens) / static_cast<double>(score.system_tokens));
}

// Fills `precisions` and returns how many orders count.
size_t SmoothPrecisions(const BleuOptions& options, BleuScore* score) {
  size_t num_orders = kBleuMaxOrder;
  double exp_divisor = 1.0;
  for (size_t n = 0; n < kBleuMaxOrder; ++n) {
    auto matches = static_cast<double>(score->matches[n]);
    auto ngrams = static_cast<double>(score->ngrams[n]);
    if (options.smoothing == BleuSmoothing::kAddK && n > 0) {
      matches += options.smoothing_value.value_or(kDefaultK);
      ngrams += options.smoothing_value.value_or(kDefaultK);
    }
    if (ngrams == 0) break;
    if (options.effective_order) num_orders = n + 1;
    if (matches == 0 && options.smoothing == BleuSmoothing::kExp) {
      exp_divisor *= 2;
      matches = 1.0 / exp_divisor;
    } else if (matches == 0 && options.smoothing == BleuSmoothing::kFloor) {
      matches = options.smoothing_value.value_or(kDefaultFloor);
    }
    score->precisions[n] = 100.0 * matches / ngrams;
  }
  return num_orders;
}

}  // namespace

Result<BleuScore> CorpusBleu(const TranslationCorpus& corpus, const BleuOptions& options) {
  EARSHOT_RETURN_IF_ERROR(CheckCorpus(corpus));
  BleuScore score;
  for (size_t line = 0; line < corpus.hypotheses.size(); ++line) AddLine(corpus, line, options, &score);
  score.brevity_penalty = BrevityPenalty(score);
  if (std::all_of(score.matches.begin(), score.matches.end(), [](int64_t matches) { return matches == 0; })) {
    return score;
  }
  const size_t num_orders = SmoothPrecisions(options, &score);
  double sum_of_logs = 0;
  for (size_t n = 0; n < num_orders; ++n) {
    sum_of_logs += score.precisions[n] == 0 ? kLogOfZero : std::log(score.precisions[n]);
  }
  score.score = score.brevity_penalty * std::exp(sum_of_logs / static_cast<double>(num_orders));
  return score;
}

}  // namespace earshot
