// Sources and targets as tokens, for `earshot evaluate --pairs`.
#ifndef EARSHOT_PLATFORM_CLI_TOKEN_PAIRS_H_
#define EARSHOT_PLATFORM_CLI_TOKEN_PAIRS_H_

#include <string>
#include <vector>

#include "runtime/core/status.h"

namespace earshot::cli {

struct TokenPair {
  std::vector<std::string> source;
  std::vector<std::string> target;
};

// A table with the columns source and target, tokens separated by spaces. Errors: those of TsvTable;
// kInvalidArgument names the column that is missing, or the row without tokens.
Result<std::vector<TokenPair>> ReadTokenPairs(const std::string& path);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_TOKEN_PAIRS_H_
