// Where the layers of a causal language model keep keys and values, and attention to what they hold.
#ifndef EARSHOT_MODELS_CAUSALLM_GRAPH_MEMORY_H_
#define EARSHOT_MODELS_CAUSALLM_GRAPH_MEMORY_H_

#include <cstdint>
#include <string>

#include "converter/ir/graph.h"
#include "converter/ir/graph_builder.h"
#include "models/blocks/key_selection.h"
#include "models/blocks/key_value_cache.h"

namespace earshot::causallm {

// A ring that holds what the window sees, or a cache of all rows.
struct LayerMemory {
  int64_t window = 0;    // keys that a query sees, its own included; 0: all
  int ring = ir::kNone;  // a state
  blocks::KeyValueCache cache;

  bool is_ring() const { return ring != ir::kNone; }
};

struct MemorySize {
  int64_t window = 0;
  int64_t max_length = 1;
  int64_t width = 1;  // of keys
};
LayerMemory AddMemory(ir::Graph& graph, int64_t layer, const MemorySize& size);

struct AttentionSize {
  blocks::HeadSize heads;
  double scale = 1.0;
};

// q [T, H * D], k and v of the same tokens; the ring takes k and v up.
struct NewKeys {
  int k = ir::kNone;
  int v = ir::kNone;
};
int AttendToWindow(ir::MethodBuilder& method, const std::string& name, const LayerMemory& memory,
                   const AttentionSize& size, int q, const NewKeys& keys);

// q to rows [0, end) of the cache, which hold the keys of q's tokens last.
int AttendToAll(ir::MethodBuilder& method, const std::string& name, const LayerMemory& memory,
                const AttentionSize& size, int q, ir::Dim end);

// The loops `full` and `incremental` over the method `decode`.
void AddLoops(ir::Graph& graph, int64_t max_length);

}  // namespace earshot::causallm

#endif  // EARSHOT_MODELS_CAUSALLM_GRAPH_MEMORY_H_
