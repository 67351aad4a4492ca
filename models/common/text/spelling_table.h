// British to American spelling, word by word: the table that comes with Whisper's normalizer as a JSON
// object.
#ifndef EARSHOT_MODELS_COMMON_TEXT_SPELLING_TABLE_H_
#define EARSHOT_MODELS_COMMON_TEXT_SPELLING_TABLE_H_

#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/core/status.h"

namespace earshot {

using SpellingTable = std::unordered_map<std::string, std::string>;  // UTF-8, lower case: "colour" -> "color"

// `json` is an object whose values are all strings. Errors: kInvalidArgument if it is anything else.
Result<SpellingTable> ParseSpellingTable(std::string_view json);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_SPELLING_TABLE_H_
