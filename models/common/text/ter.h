// Translation edit rate (Snover et al. 2006, "A Study of Translation Edit Rate with Targeted Human
// Annotation"): edits per reference word, where moving a block of words is one edit. The search for moves is
// heuristic; ours takes the decisions of the program Tercom as sacrebleu 2 does.
#ifndef EARSHOT_MODELS_COMMON_TEXT_TER_H_
#define EARSHOT_MODELS_COMMON_TEXT_TER_H_

#include <cstdint>

#include "models/common/text/translation_corpus.h"
#include "runtime/core/status.h"

namespace earshot {

struct TerOptions {
  bool normalized = false;  // punctuation as tokens of its own
  bool case_sensitive = false;
};

struct TerScore {
  double score = 0;            // 0 is perfect, may exceed 100
  int64_t edits = 0;           // against the reference that needs fewest, per line
  double reference_words = 0;  // mean over the references, per line
};

// Errors: as CheckCorpus.
Result<TerScore> CorpusTer(const TranslationCorpus& corpus, const TerOptions& options = {});

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_TER_H_
