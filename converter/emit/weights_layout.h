// Where each tensor lies in the weights segment.
#ifndef EARSHOT_CONVERTER_EMIT_WEIGHTS_LAYOUT_H_
#define EARSHOT_CONVERTER_EMIT_WEIGHTS_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "converter/ir/graph.h"

namespace earshot::emit {

struct TensorPlacement {
  uint64_t data_offset = 0;
  uint64_t scales_offset = 0;  // 0 where there are no scales
};

struct WeightsLayout {
  std::vector<TensorPlacement> placements;  // by tensor
  std::vector<int> file_order;  // tensors as they follow each other; scales stand behind their data
  uint64_t segment_bytes = 0;
  std::optional<uint64_t> segment_xxh64;  // set by PrepareModelFile
};

// First the tensors that a session reads in place as long as it lives (tables of embeddings, norms,
// positions, mel filters), then those it packs at start-up and never reads again (operands of Linear and
// Conv1d alone), so that these can be given back to the operating system as one piece. Within both, in the
// order of their first use by the ops: a session that starts reads the file from front to back. Every begin
// is a multiple of 64. Requires encoded tensors.
WeightsLayout LayOutWeights(const ir::Graph& graph);

}  // namespace earshot::emit

#endif  // EARSHOT_CONVERTER_EMIT_WEIGHTS_LAYOUT_H_
