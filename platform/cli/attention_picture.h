// `earshot inspect --attention`: which keys the queries of each head see, drawn.
#ifndef EARSHOT_PLATFORM_CLI_ATTENTION_PICTURE_H_
#define EARSHOT_PLATFORM_CLI_ATTENTION_PICTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/attention/attention_pattern.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"

namespace earshot::cli {

// What a query sees of a key.
enum class Sight : uint8_t { kNothing, kInMean, kItself };

// [queries][keys] of one head without a past, the first key standing for a list that a run would name. Keys
// in the order of time, whatever order the pattern walks them in.
using SightMatrix = std::vector<std::vector<Sight>>;
SightMatrix SeenByHead(const AttentionPattern& pattern, int64_t head, int64_t num_tokens);

// Heads with one matrix.
struct AttentionPanel {
  std::vector<std::string> heads;  // "encode: encoder.0.self_attention 0"
  SightMatrix seen;
};

// Of every attention op of a program that looks at its own sequence, in the order of the file; `num_tokens`
// queries and keys. Errors: those of CreateHeadPatterns.
Result<std::vector<AttentionPanel>> AttentionPanels(const Program& program, int64_t num_tokens);

// One square a panel, queries down, keys to the right, with the share of pairs that are computed.
std::string AttentionSvg(const std::vector<AttentionPanel>& panels);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_ATTENTION_PICTURE_H_
