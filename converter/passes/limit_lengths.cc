// Lowers the maximum of a symbol, and with it the length of caches.
#include "converter/passes/limit_lengths.h"

#include <cstddef>

#include "converter/ir/dim.h"

namespace earshot::passes {
namespace {

int FindSymbol(const ir::Method& method, const std::string& name) {
  for (size_t i = 0; i < method.symbols.size(); ++i) {
    if (method.symbols[i].name == name) return static_cast<int>(i);
  }
  return ir::kNone;
}

// States that have a row for every step of the symbol, which still has its old maximum.
void ShortenStates(ir::Graph& graph, const ir::Method& method, int symbol, int64_t maximum) {
  const int64_t old_maximum = method.symbols[static_cast<size_t>(symbol)].maximum;
  for (const ir::Value& view : method.values) {
    if (view.kind != ir::ValueKind::kView) continue;
    const ir::Value& base = method.values[static_cast<size_t>(view.base)];
    if (base.kind != ir::ValueKind::kState) continue;
    ir::State& state = graph.states[static_cast<size_t>(base.state)];
    const bool is_as_long = ir::SameLength(view.rows, ir::Dim::Of(symbol)) &&
                            ir::SameLength(view.row_begin, ir::Dim::Fixed(0)) && state.rows == old_maximum;
    if (is_as_long) state.rows = maximum;
  }
}

void UpdateStateValues(ir::Graph& graph) {
  for (ir::Method& method : graph.methods) {
    for (ir::Value& value : method.values) {
      if (value.kind == ir::ValueKind::kState) {
        value.rows = ir::Dim::Fixed(graph.states[static_cast<size_t>(value.state)].rows);
      }
    }
  }
}

}  // namespace

Status LimitLength(ir::Graph& graph, const std::string& symbol, int64_t maximum) {
  bool is_known = false;
  for (ir::Method& method : graph.methods) {
    const int index = FindSymbol(method, symbol);
    if (index == ir::kNone) continue;
    is_known = true;
    ir::Symbol& limited = method.symbols[static_cast<size_t>(index)];
    if (maximum < limited.minimum || maximum > limited.maximum) {
      return Status::Error(StatusCode::kInvalidArgument,
                           "%lld is no possible limit: the model's %s can be %lld to %lld",
                           static_cast<long long>(maximum), symbol.c_str(),
                           static_cast<long long>(limited.minimum), static_cast<long long>(limited.maximum));
    }
    ShortenStates(graph, method, index, maximum);
    limited.maximum = maximum;
  }
  if (!is_known) {
    return Status::Error(StatusCode::kInvalidArgument, "the model has no length \"%s\" to limit",
                         symbol.c_str());
  }
  UpdateStateValues(graph);
  return Status::Ok();
}

}  // namespace earshot::passes
