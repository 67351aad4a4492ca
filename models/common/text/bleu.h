// BLEU (Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation") with the
// tokenizers and smoothing of sacrebleu 2 (Post 2018, "A Call for Clarity in Reporting BLEU Scores").
#ifndef EARSHOT_MODELS_COMMON_TEXT_BLEU_H_
#define EARSHOT_MODELS_COMMON_TEXT_BLEU_H_

#include <array>
#include <cstdint>
#include <optional>

#include "models/common/text/translation_corpus.h"
#include "models/common/text/translation_tokenizer.h"
#include "runtime/core/status.h"

namespace earshot {

inline constexpr size_t kBleuMaxOrder = 4;

// What stands in for an n-gram order without a match (Chen and Cherry 2014).
enum class BleuSmoothing {
  kNone,
  kFloor,  // that many matches; default 0.1
  kAddK,   // that many matches and n-grams more in every order above 1; default 1
  kExp,    // half as many matches for each further such order: 1/2, 1/4, ...
};

struct BleuOptions {
  TranslationTokenizer tokenizer = TranslationTokenizer::k13a;
  bool lowercase = false;
  BleuSmoothing smoothing = BleuSmoothing::kExp;
  std::optional<double> smoothing_value = {};  // of kFloor and kAddK
  bool effective_order =
      false;  // leave out orders that the translation is too short for; for single sentences
};

struct BleuScore {
  double score = 0;                                // 0 to 100
  std::array<double, kBleuMaxOrder> precisions{};  // 0 to 100, smoothed, of 1- to 4-grams
  double brevity_penalty = 0;                      // 0 to 1
  int64_t system_tokens = 0;
  int64_t reference_tokens = 0;  // per line of the reference whose length is closest
  std::array<int64_t, kBleuMaxOrder> matches{};
  std::array<int64_t, kBleuMaxOrder> ngrams{};  // of the translations
};

// Errors: as CheckCorpus. Ill-formed UTF-8 is repaired.
Result<BleuScore> CorpusBleu(const TranslationCorpus& corpus, const BleuOptions& options = {});

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_BLEU_H_
