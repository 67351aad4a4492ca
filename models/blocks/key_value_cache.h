// Keys and values that outlive a run, side by side in one state: [rows, 2 * width].
#ifndef EARSHOT_MODELS_BLOCKS_KEY_VALUE_CACHE_H_
#define EARSHOT_MODELS_BLOCKS_KEY_VALUE_CACHE_H_

#include <cstdint>
#include <string>

#include "converter/ir/graph_builder.h"

namespace earshot::blocks {

struct KeyValueCache {
  int state = ir::kNone;
  int64_t width = 0;

  static KeyValueCache Add(ir::Graph& graph, const std::string& name, int64_t rows, int64_t width) {
    return {ir::AddState(graph, name, DType::kF32, rows, 2 * width), width};
  }

  // Windows of rows, to be written by projections or read by attention.
  int Keys(ir::MethodBuilder& method, const std::string& name, ir::ViewWindow rows) const {
    rows.cols = width;
    return method.View(method.StateValue(state), name + ".k", rows);
  }
  int Values(ir::MethodBuilder& method, const std::string& name, ir::ViewWindow rows) const {
    rows.cols = rows.col_begin = width;
    return method.View(method.StateValue(state), name + ".v", rows);
  }
};

}  // namespace earshot::blocks

#endif  // EARSHOT_MODELS_BLOCKS_KEY_VALUE_CACHE_H_
