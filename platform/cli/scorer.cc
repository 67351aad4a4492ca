// Scorer: which normalizer and which unit a language asks for.
#include "platform/cli/scorer.h"

#include <algorithm>

namespace earshot::cli {

bool CountsCharacters(std::string_view language) {
  return language == "zh" || language == "ja" || language == "ko";
}

const char* RateName(std::string_view language) { return CountsCharacters(language) ? "CER" : "WER"; }

std::string Scorer::Normalize(std::string_view language, std::string_view text) const {
  std::string normalized = language == "en" ? english_.Normalize(text) : basic_.Normalize(text);
  normalized.erase(0, std::min(normalized.find_first_not_of(' '), normalized.size()));
  normalized.erase(normalized.find_last_not_of(' ') + 1);
  return normalized;
}

ErrorCounts Scorer::Count(std::string_view language, std::string_view reference,
                          std::string_view hypothesis) const {
  const std::string said = Normalize(language, reference);
  const std::string heard = Normalize(language, hypothesis);
  return CountsCharacters(language) ? CountCharacterErrors(said, heard, SpacesInCharacters::kIgnore)
                                    : CountWordErrors(said, heard);
}

}  // namespace earshot::cli
