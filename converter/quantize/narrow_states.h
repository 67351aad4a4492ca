// Caches in fewer bits: K and V that are written once and read again with every token.
#ifndef EARSHOT_CONVERTER_QUANTIZE_NARROW_STATES_H_
#define EARSHOT_CONVERTER_QUANTIZE_NARROW_STATES_H_

#include <string>
#include <vector>

#include "converter/ir/graph.h"

namespace earshot::quantize {

// States whose names match one of the shell patterns are kept as 8-bit integers, with a scale for each row
// and head in a state of its own ("<name>_scales"): linear ops get these scales as a second result, attention
// as further operands. The columns of a head are stored together (fb::State::panel_cols). A state that is
// used in any other way stays as it is.
void KeepStatesInInt8(ir::Graph& graph, const std::vector<std::string>& patterns);

// The same with f16, which needs no scales.
void KeepStatesInF16(ir::Graph& graph, const std::vector<std::string>& patterns);

}  // namespace earshot::quantize

#endif  // EARSHOT_CONVERTER_QUANTIZE_NARROW_STATES_H_
