// Translations with their references: what BLEU, chrF and TER are computed from.
#ifndef EARSHOT_MODELS_COMMON_TEXT_TRANSLATION_CORPUS_H_
#define EARSHOT_MODELS_COMMON_TEXT_TRANSLATION_CORPUS_H_

#include <span>
#include <string>
#include <vector>

#include "runtime/core/status.h"

namespace earshot {

// hypotheses[i] is compared with references[k][i] for every k. UTF-8. Borrows both.
struct TranslationCorpus {
  std::span<const std::string> hypotheses;
  std::span<const std::vector<std::string>> references;
};

// Errors: kInvalidArgument unless there is a hypothesis, and a set of references as long as the hypotheses.
Status CheckCorpus(const TranslationCorpus& corpus);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_TRANSLATION_CORPUS_H_
