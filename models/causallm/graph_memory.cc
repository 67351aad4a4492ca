// States, and the ops that read them.
#include "models/causallm/graph_memory.h"

namespace earshot::causallm {

LayerMemory AddMemory(ir::Graph& graph, int64_t layer, const MemorySize& size) {
  const std::string number = std::to_string(layer);
  LayerMemory memory = {.window = size.window};
  if (size.window > 0) {
    memory.ring = ir::AddState(graph, "ring_kv_" + number, DType::kF32, blocks::PastRows(size.window - 1),
                               2 * size.width);
  } else {
    memory.cache = blocks::KeyValueCache::Add(graph, "self_kv_" + number, size.max_length, size.width);
  }
  return memory;
}

int AttendToWindow(ir::MethodBuilder& method, const std::string& name, const LayerMemory& memory,
                   const AttentionSize& size, int q, const NewKeys& keys) {
  ir::Attention attention =
      blocks::AttendTo(size.heads, {{.selections = {blocks::Local(memory.window - 1, 0)}, .causal = true}});
  attention.scale = static_cast<float>(size.scale);
  attention.past = true;
  const int ring = method.StateValue(memory.ring);
  return method.Apply(name + ".attend", attention, {q, keys.k, keys.v, ring}, ring);
}

int AttendToAll(ir::MethodBuilder& method, const std::string& name, const LayerMemory& memory,
                const AttentionSize& size, int q, ir::Dim end) {
  ir::Attention attention = blocks::AttendTo(size.heads, {});
  attention.scale = static_cast<float>(size.scale);
  attention.pattern = ir::PatternKind::kCausal;
  const int keys = memory.cache.Keys(method, name + ".cached", {.rows = end});
  const int values = memory.cache.Values(method, name + ".cached", {.rows = end});
  return method.Apply(name + ".attend", attention, {q, keys, values});
}

void AddLoops(ir::Graph& graph, int64_t max_length) {
  graph.loops = {{.name = "full",
                  .driver = "stepwise",
                  .methods = {"decode"},
                  .settings = {{"prefill", static_cast<double>(max_length)}}},
                 {.name = "incremental", .driver = "stepwise", .methods = {"decode"}, .settings = {}}};
}

}  // namespace earshot::causallm
