// Checks on translations with their references.
#include "models/common/text/translation_corpus.h"

namespace earshot {

Status CheckCorpus(const TranslationCorpus& corpus) {
  if (corpus.hypotheses.empty()) {
    return Status::Error(StatusCode::kInvalidArgument, "a translation score needs at least one translation");
  }
  if (corpus.references.empty()) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "a translation score needs at least one set of references");
  }
  for (size_t k = 0; k < corpus.references.size(); ++k) {
    if (corpus.references[k].size() == corpus.hypotheses.size()) continue;
    return Status::Error(
        StatusCode::kInvalidArgument,
        "%zu translations, but reference set %zu has %zu lines; give one line per translation",
        corpus.hypotheses.size(), k, corpus.references[k].size());
  }
  return Status::Ok();
}

}  // namespace earshot
