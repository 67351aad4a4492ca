// Counting of uses, and small edits that several passes share.
#include "converter/passes/uses.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace earshot::passes {
namespace {

std::vector<std::string> SplitAtDots(std::string_view name) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (true) {
    const size_t dot = name.find('.', begin);
    parts.emplace_back(name.substr(begin, dot - begin));
    if (dot == std::string_view::npos) return parts;
    begin = dot + 1;
  }
}

void Append(std::string& text, char separator, std::string_view part) {
  if (!text.empty()) text += separator;
  text += part;
}

std::string JoinRange(const std::vector<std::string>& parts, size_t begin, size_t end) {
  std::string text;
  for (size_t i = begin; i < end; ++i) Append(text, '.', parts[i]);
  return text;
}

}  // namespace

std::vector<ValueUses> CountValueUses(const ir::Method& method) {
  std::vector<ValueUses> uses(method.values.size());
  for (const ir::Value& value : method.values) {
    if (value.kind == ir::ValueKind::kView) ++uses[static_cast<size_t>(value.base)].num_views;
  }
  for (size_t i = 0; i < method.ops.size(); ++i) {
    for (const int input : method.ops[i].inputs) ++uses[static_cast<size_t>(input)].num_readers;
    for (const int output : method.ops[i].outputs) {
      ++uses[static_cast<size_t>(output)].num_writers;
      uses[static_cast<size_t>(output)].last_writer = static_cast<int>(i);
    }
  }
  return uses;
}

std::vector<int> CountTensorUses(const ir::Graph& graph) {
  std::vector<int> uses(graph.tensors.size(), 0);
  if (graph.audio.mel_filters != ir::kNone) ++uses[static_cast<size_t>(graph.audio.mel_filters)];
  for (const ir::Method& method : graph.methods) {
    for (const ir::Op& op : method.ops) {
      for (const int input : op.inputs) {
        const ir::Value& base = method.values[static_cast<size_t>(BaseOf(method, input))];
        if (base.kind == ir::ValueKind::kConstant) ++uses[static_cast<size_t>(base.tensor)];
      }
    }
  }
  return uses;
}

int BaseOf(const ir::Method& method, int value) {
  const ir::Value& v = method.values[static_cast<size_t>(value)];
  return v.kind == ir::ValueKind::kView ? v.base : value;
}

bool IsTouched(const ir::Method& method, OpRange range, int base, const std::vector<int>& except) {
  const auto touches = [&](int value) { return BaseOf(method, value) == base; };
  for (int i = range.begin; i < range.end; ++i) {
    if (std::ranges::find(except, i) != except.end()) continue;
    const ir::Op& op = method.ops[static_cast<size_t>(i)];
    if (std::ranges::any_of(op.inputs, touches) || std::ranges::any_of(op.outputs, touches)) return true;
  }
  return false;
}

int OperandTensor(const ir::Method& method, const ir::Op& op, size_t index) {
  if (index >= op.inputs.size()) return ir::kNone;
  const ir::Value& value = method.values[static_cast<size_t>(op.inputs[index])];
  return value.kind == ir::ValueKind::kConstant ? value.tensor : ir::kNone;
}

void RemoveOps(ir::Method& method, const std::vector<bool>& removed) {
  std::vector<ir::Op> kept;
  kept.reserve(method.ops.size());
  for (size_t i = 0; i < method.ops.size(); ++i) {
    if (!removed[i]) kept.push_back(std::move(method.ops[i]));
  }
  method.ops = std::move(kept);
}

std::string JoinNames(const std::vector<std::string>& names) {
  std::vector<std::vector<std::string>> parts;
  size_t shortest = SIZE_MAX;
  for (const std::string& name : names) {
    parts.push_back(SplitAtDots(name));
    shortest = std::min(shortest, parts.back().size());
  }
  if (parts.empty()) return "";
  const std::vector<std::string>& first = parts.front();
  size_t prefix = 0;
  while (prefix < shortest &&
         std::ranges::all_of(parts, [&](const auto& p) { return p[prefix] == first[prefix]; }))
    ++prefix;
  size_t suffix = 0;
  const auto same_end = [&](const auto& p) {
    return p[p.size() - 1 - suffix] == first[first.size() - 1 - suffix];
  };
  while (prefix + suffix < shortest && std::ranges::all_of(parts, same_end)) ++suffix;

  std::string middle;
  for (const auto& p : parts) {
    const std::string own = JoinRange(p, prefix, p.size() - suffix);
    if (!own.empty()) Append(middle, '+', own);
  }
  std::string joined = JoinRange(first, 0, prefix);
  if (!middle.empty()) Append(joined, '.', middle);
  const std::string end = JoinRange(first, first.size() - suffix, first.size());
  if (!end.empty()) Append(joined, '.', end);
  return joined;
}

}  // namespace earshot::passes
