// Eliminate dead nodes: drops ops whose results nobody sees, then values, states and tensors that nothing
// refers to, and renumbers the rest in their old order.
//
// Seen is what a method puts out, and what an op that is itself needed reads, be it in another method through
// a state. A state that is only written is dead. Inputs, outputs and symbols are the interface of a method
// and always stay.
#include <cstddef>
#include <utility>
#include <vector>

#include "converter/passes/pass.h"
#include "converter/passes/uses.h"

namespace earshot::passes {
namespace {

struct Liveness {
  std::vector<std::vector<bool>> ops;     // [method][op]
  std::vector<std::vector<bool>> values;  // [method][value], bases: memory that somebody reads
  std::vector<bool> states;
};

bool IsSeen(const ir::Method& method, const Liveness& live, size_t method_index, int value) {
  const int base = BaseOf(method, value);
  const ir::Value& v = method.values[static_cast<size_t>(base)];
  if (v.kind == ir::ValueKind::kState) return live.states[static_cast<size_t>(v.state)];
  return v.kind == ir::ValueKind::kOutput || live.values[method_index][static_cast<size_t>(base)];
}

void MarkOperands(const ir::Method& method, const ir::Op& op, size_t method_index, Liveness& live) {
  for (const int input : op.inputs) {
    const size_t base = static_cast<size_t>(BaseOf(method, input));
    live.values[method_index][base] = true;
    const ir::Value& value = method.values[base];
    if (value.kind == ir::ValueKind::kState) live.states[static_cast<size_t>(value.state)] = true;
  }
}

// One sweep from the last op to the first; true if it found another op that is needed.
bool Sweep(const ir::Method& method, size_t method_index, Liveness& live) {
  bool changed = false;
  for (size_t i = method.ops.size(); i-- > 0;) {
    if (live.ops[method_index][i]) continue;
    bool is_seen = false;
    for (const int output : method.ops[i].outputs) {
      is_seen = is_seen || IsSeen(method, live, method_index, output);
    }
    if (!is_seen) continue;
    live.ops[method_index][i] = true;
    MarkOperands(method, method.ops[i], method_index, live);
    changed = true;
  }
  return changed;
}

Liveness FindLive(const ir::Graph& graph) {
  Liveness live;
  live.states.assign(graph.states.size(), false);
  for (const ir::Method& method : graph.methods) {
    live.ops.emplace_back(method.ops.size(), false);
    live.values.emplace_back(method.values.size(), false);
  }
  bool changed = true;
  while (changed) {
    changed = false;
    for (size_t m = 0; m < graph.methods.size(); ++m) changed = Sweep(graph.methods[m], m, live) || changed;
  }
  return live;
}

// Keeps items[i] where kept[i]; returns the new index of each old one, kNone for those dropped.
template <class T>
std::vector<int> Compact(std::vector<T>& items, const std::vector<bool>& kept) {
  std::vector<int> new_index(items.size(), ir::kNone);
  std::vector<T> left;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!kept[i]) continue;
    new_index[i] = static_cast<int>(left.size());
    left.push_back(std::move(items[i]));
  }
  items = std::move(left);
  return new_index;
}

void Renumber(int& index, const std::vector<int>& new_index) {
  if (index != ir::kNone) index = new_index[static_cast<size_t>(index)];
}

void DropValues(ir::Method& method) {
  std::vector<bool> kept(method.values.size(), false);
  const auto keep = [&](int value) {
    kept[static_cast<size_t>(value)] = true;
    kept[static_cast<size_t>(BaseOf(method, value))] = true;
  };
  for (size_t i = 0; i < method.values.size(); ++i) {
    const ir::ValueKind kind = method.values[i].kind;
    if (kind == ir::ValueKind::kInput || kind == ir::ValueKind::kOutput) kept[i] = true;
  }
  for (const ir::Op& op : method.ops) {
    for (const int input : op.inputs) keep(input);
    for (const int output : op.outputs) keep(output);
  }
  const std::vector<int> new_index = Compact(method.values, kept);
  for (ir::Value& value : method.values) Renumber(value.base, new_index);
  for (ir::Op& op : method.ops) {
    for (int& input : op.inputs) Renumber(input, new_index);
    for (int& output : op.outputs) Renumber(output, new_index);
  }
}

void DropTensorsAndStates(ir::Graph& graph) {
  std::vector<bool> kept_tensors(graph.tensors.size(), false);
  std::vector<bool> kept_states(graph.states.size(), false);
  if (graph.audio.mel_filters != ir::kNone) kept_tensors[static_cast<size_t>(graph.audio.mel_filters)] = true;
  for (const ir::Method& method : graph.methods) {
    for (const ir::Value& value : method.values) {
      if (value.tensor != ir::kNone) kept_tensors[static_cast<size_t>(value.tensor)] = true;
      if (value.state != ir::kNone) kept_states[static_cast<size_t>(value.state)] = true;
    }
  }
  const std::vector<int> new_tensors = Compact(graph.tensors, kept_tensors);
  const std::vector<int> new_states = Compact(graph.states, kept_states);
  Renumber(graph.audio.mel_filters, new_tensors);
  for (ir::Method& method : graph.methods) {
    for (ir::Value& value : method.values) {
      Renumber(value.tensor, new_tensors);
      Renumber(value.state, new_states);
    }
  }
}

}  // namespace

Status EliminateDeadNodes(ir::Graph& graph) {
  const Liveness live = FindLive(graph);
  for (size_t m = 0; m < graph.methods.size(); ++m) {
    std::vector<bool> removed = live.ops[m];
    removed.flip();
    RemoveOps(graph.methods[m], removed);
    DropValues(graph.methods[m]);
  }
  DropTensorsAndStates(graph);
  return Status::Ok();
}

}  // namespace earshot::passes
