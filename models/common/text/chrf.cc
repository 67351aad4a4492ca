// chrF and chrF++.
#include "models/common/text/chrf.h"

#include <string_view>
#include <utility>
#include <vector>

#include "models/common/text/ngrams.h"
#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"

namespace earshot {
namespace {

// Of one n-gram order.
struct OrderStatistics {
  int64_t system = 0;
  int64_t reference = 0;
  int64_t matches = 0;
};
using Statistics = std::vector<OrderStatistics>;  // characters first, then words

bool IsAsciiPunctuation(char32_t c) {
  return c > U' ' && c < 0x7F && (c == U'_' || !unicode::IsWordCharacter(c));
}

// One punctuation mark is taken off each word, from its end if there is one there, else from its start.
std::vector<std::u32string> WordsWithoutPunctuation(std::u32string_view text) {
  std::vector<std::u32string> words;
  for (const std::u32string_view word : text_edit::SplitWords(text)) {
    const size_t length = word.size();
    size_t cut = 0;
    if (length > 1 && IsAsciiPunctuation(word.back())) {
      cut = length - 1;
    } else if (length > 1 && IsAsciiPunctuation(word.front())) {
      cut = 1;
    }
    if (cut > 0) words.emplace_back(word.substr(0, cut));
    words.emplace_back(word.substr(cut));
  }
  return words;
}

// The n-grams of one line, by order.
std::vector<NgramCounts> NgramsOf(const std::string& line, const ChrfOptions& options, WordSymbols* symbols) {
  std::u32string text = unicode::DecodeUtf8(line);
  if (options.lowercase) text = unicode::LowerCase(text);
  std::u32string characters;
  for (const char32_t c : text) {
    if (options.whitespace || !unicode::IsSpace(c)) characters.push_back(c);
  }
  std::vector<NgramCounts> ngrams;
  for (int n = 1; n <= options.char_order; ++n)
    ngrams.push_back(CountNgrams(characters, static_cast<size_t>(n)));
  if (options.word_order > 0) {
    const std::u32string words = symbols->Of(WordsWithoutPunctuation(text));
    for (int n = 1; n <= options.word_order; ++n)
      ngrams.push_back(CountNgrams(words, static_cast<size_t>(n)));
  }
  return ngrams;
}

Statistics Compare(const std::vector<NgramCounts>& system, const std::vector<NgramCounts>& reference) {
  Statistics statistics(system.size());
  for (size_t n = 0; n < system.size(); ++n) {
    // An order that the reference is too short for cannot be missed.
    statistics[n] = {.system = reference[n].empty() ? 0 : TotalCount(system[n]),
                     .reference = TotalCount(reference[n]),
                     .matches = ClippedMatches(system[n], reference[n])};
  }
  return statistics;
}

// The F-score of precision and recall, both averaged over the orders that both sides have n-grams of.
double FScore(const Statistics& statistics, int beta) {
  double precision = 0;
  double recall = 0;
  int num_orders = 0;
  for (const OrderStatistics& order : statistics) {
    if (order.system == 0 || order.reference == 0) continue;
    precision += static_cast<double>(order.matches) / static_cast<double>(order.system);
    recall += static_cast<double>(order.matches) / static_cast<double>(order.reference);
    ++num_orders;
  }
  if (precision + recall == 0) return 0;
  precision /= num_orders;
  recall /= num_orders;
  const double factor = static_cast<double>(beta) * beta;
  return 100.0 * (1 + factor) * precision * recall / (factor * precision + recall);
}

Statistics BestOfLine(const TranslationCorpus& corpus, size_t line, const ChrfOptions& options) {
  WordSymbols symbols;
  const std::vector<NgramCounts> system = NgramsOf(corpus.hypotheses[line], options, &symbols);
  Statistics best;
  double best_score = -1;
  for (const auto& set : corpus.references) {
    Statistics statistics = Compare(system, NgramsOf(set[line], options, &symbols));
    const double score = FScore(statistics, options.beta);
    if (score <= best_score) continue;
    best_score = score;
    best = std::move(statistics);
  }
  return best;
}

}  // namespace

Result<double> CorpusChrf(const TranslationCorpus& corpus, const ChrfOptions& options) {
  EARSHOT_RETURN_IF_ERROR(CheckCorpus(corpus));
  if (options.char_order < 1 || options.word_order < 0 || options.beta < 1) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "char_order %d, word_order %d, beta %d; they must be at least 1, 0 and 1",
                         options.char_order, options.word_order, options.beta);
  }
  Statistics total(static_cast<size_t>(options.char_order + options.word_order));
  for (size_t line = 0; line < corpus.hypotheses.size(); ++line) {
    const Statistics statistics = BestOfLine(corpus, line, options);
    for (size_t n = 0; n < total.size(); ++n) {
      total[n].system += statistics[n].system;
      total[n].reference += statistics[n].reference;
      total[n].matches += statistics[n].matches;
    }
  }
  return FScore(total, options.beta);
}

}  // namespace earshot
