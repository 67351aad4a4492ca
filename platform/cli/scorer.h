// Error counts of a hypothesis, normalized and counted as its language asks for.
#ifndef EARSHOT_PLATFORM_CLI_SCORER_H_
#define EARSHOT_PLATFORM_CLI_SCORER_H_

#include <string>
#include <string_view>

#include "models/common/text/basic_normalizer.h"
#include "models/common/text/english_normalizer.h"
#include "models/common/text/error_rate.h"
#include "models/common/text/spelling_table.h"

namespace earshot::cli {

// Languages whose writing does not separate words are counted by character: zh, ja, ko (by the custom of the
// corpora; spaces do not count), all others by word.
bool CountsCharacters(std::string_view language);

// "CER" or "WER".
const char* RateName(std::string_view language);

// Threads: immutable.
class Scorer {
 public:
  explicit Scorer(const SpellingTable& spellings) : english_(spellings) {}

  // Whisper's English normalizer for "en", its basic one for everything else; without spaces at the ends.
  std::string Normalize(std::string_view language, std::string_view text) const;

  ErrorCounts Count(std::string_view language, std::string_view reference, std::string_view hypothesis) const;

 private:
  EnglishTextNormalizer english_;
  BasicTextNormalizer basic_;
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_SCORER_H_
