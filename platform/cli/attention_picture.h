// `earshot inspect --attention`: which keys the queries of each head see, drawn.
#ifndef EARSHOT_PLATFORM_CLI_ATTENTION_PICTURE_H_
#define EARSHOT_PLATFORM_CLI_ATTENTION_PICTURE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/attention/attention_pattern.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"

namespace earshot::cli {

// What a query sees of a key.
enum class Sight : uint8_t { kNothing, kInMean, kItself };

// [queries][keys] of one head, both in the order of time, whatever order the pattern walks them in.
using SightMatrix = std::vector<std::vector<Sight>>;

// A run without a past.
struct SightRun {
  int64_t queries = 0;
  int64_t keys = 0;
  std::span<const int32_t> listed = {};  // keys that the run names, for heads with the selection Listed
};

SightMatrix SeenByHead(const AttentionPattern& pattern, int64_t head, const SightRun& run);

// Heads that see the same.
struct AttentionPanel {
  std::vector<std::string> heads;  // "encode: encoder.0.self_attention, head 0"
  std::string pattern;             // as in the list of ops, "local:64+strided:16"
  SightMatrix seen;
};

// Of every op of the kind Attention, in the order of the file. `num_tokens` queries, but no more than a table
// of blocks is for, and as many keys, or those that the pattern puts in front of them, or in their place; the
// first key stands for those that a run lists. Errors: those of CreateHeadPatterns.
Result<std::vector<AttentionPanel>> AttentionPanels(const Program& program, int64_t num_tokens);

// One square a panel, queries down, keys to the right, with the share of pairs that are computed.
std::string AttentionSvg(const std::vector<AttentionPanel>& panels);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_ATTENTION_PICTURE_H_
