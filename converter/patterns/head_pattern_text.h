// Patterns of attention heads as text: "full", "local:64+strided:16", "local:32:0+global:4+causal".
#ifndef EARSHOT_CONVERTER_PATTERNS_HEAD_PATTERN_TEXT_H_
#define EARSHOT_CONVERTER_PATTERNS_HEAD_PATTERN_TEXT_H_

#include <string>
#include <string_view>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::patterns {

// Parts joined by "+", each at most once and in any order:
//   full            every key; beside it only causal
//   local:N         the query's own key and N on both sides; local:L:R for L before and R after it
//   global:N        the first N keys
//   strided:N       every N-th key from the first on; from key O on with strided:N:O
//   pooled:N        what the other parts leave, as means of N keys; not beside strided
//   causal          of all these no key later than the query's own
// Errors: kInvalidArgument, saying which part is wrong and what would be right.
Result<ir::HeadPattern> ParseHeadPattern(std::string_view text);

// The text that parses to the pattern.
std::string HeadPatternText(const ir::HeadPattern& pattern);

ir::HeadPattern FullHead();

}  // namespace earshot::patterns

#endif  // EARSHOT_CONVERTER_PATTERNS_HEAD_PATTERN_TEXT_H_
