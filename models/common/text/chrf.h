// chrF (Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation") and chrF++ (Popović 2017,
// with words) as sacrebleu 2 computes them.
#ifndef EARSHOT_MODELS_COMMON_TEXT_CHRF_H_
#define EARSHOT_MODELS_COMMON_TEXT_CHRF_H_

#include "models/common/text/translation_corpus.h"
#include "runtime/core/status.h"

namespace earshot {

struct ChrfOptions {
  int char_order = 6;
  int word_order = 0;  // 2 is chrF++
  int beta = 2;        // how much more recall weighs than precision
  bool lowercase = false;
  bool whitespace = false;  // spaces are part of the character n-grams
};

// 0 to 100. Every line counts with the reference it scores best against.
// Errors: as CheckCorpus; kInvalidArgument for orders or a beta out of range.
Result<double> CorpusChrf(const TranslationCorpus& corpus, const ChrfOptions& options = {});

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_CHRF_H_
