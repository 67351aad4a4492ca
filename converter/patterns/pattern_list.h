// Patterns for the heads of all layers of a stack, as an option says them and as attention ops keep them.
#ifndef EARSHOT_CONVERTER_PATTERNS_PATTERN_LIST_H_
#define EARSHOT_CONVERTER_PATTERNS_PATTERN_LIST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::patterns {

// Layers [first_layer, last_layer], heads [first_head, last_head].
struct HeadRange {
  int64_t first_layer = 0, last_layer = 0;
  int64_t first_head = 0, last_head = 0;
};

struct PatternEntry {
  std::vector<HeadRange> where;  // empty: every head
  ir::HeadPattern pattern;
};

// The first entry that names a head decides; a head that none names is full.
using PatternList = std::vector<PatternEntry>;

// A pattern for all heads ("local:64"), or entries WHERE=PATTERN joined by ";". WHERE lists LAYER or
// LAYER.HEAD, joined by ",", with numbers from 0 on, ranges "1-3" or "*":
// "0.2,1=full;2-3.0-2=local:64+strided:16;*=local:128". kInvalidArgument says which piece is wrong.
Result<PatternList> ParsePatternList(std::string_view text);

// Patterns of a stack: [layer][head].
using HeadPatterns = std::vector<std::vector<ir::HeadPattern>>;

// Whether graph.encoder_attention names the op, and it is one.
bool IsEncoderAttention(const ir::Graph& graph, const ir::Op& op);

// The attention ops that graph.encoder_attention names, in order: one a layer. Pointers into the graph.
std::vector<ir::Attention*> EncoderAttention(ir::Graph& graph);

// What the list means for layers with these numbers of heads. kInvalidArgument names a layer or head that is
// not there.
Result<HeadPatterns> ExpandPatterns(const PatternList& list, const std::vector<int64_t>& heads_of_layers);

// Writes the patterns into the encoder's attention ops. Precondition: the sizes fit.
void SetEncoderPatterns(ir::Graph& graph, const HeadPatterns& patterns);

// The shortest list: each pattern once, with the heads that have it; "full" where all are.
std::string PatternListText(const HeadPatterns& patterns);

}  // namespace earshot::patterns

#endif  // EARSHOT_CONVERTER_PATTERNS_PATTERN_LIST_H_
