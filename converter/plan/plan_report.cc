// Draws the memory plan.
#include "converter/plan/plan_report.h"

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "converter/plan/liveness.h"

namespace earshot::plan {
namespace {

constexpr size_t kMaxColumns = 100;
constexpr uint64_t kMaxPictureRows = 24;
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr const char* kFree = "·";

template <class... Arguments>
std::string Format(const char* format, Arguments... arguments) {
  const int length = std::snprintf(nullptr, 0, format, arguments...);
  std::string text(static_cast<size_t>(std::max(length, 0)), '\0');
  std::snprintf(text.data(), text.size() + 1, format, arguments...);
  return text;
}

std::string Repeat(const char* text, size_t count) {
  std::string repeated;
  for (size_t i = 0; i < count; ++i) repeated += text;
  return repeated;
}

// An activation of a method with its place in time and memory.
struct Block {
  const ir::Value* value = nullptr;
  Lifetime lifetime;
  uint64_t begin = 0;
  uint64_t end = 0;
  char letter = '?';
};

std::vector<Block> FindBlocks(const ir::Method& method) {
  const std::vector<Lifetime> lifetimes = ActivationLifetimes(method);
  std::vector<Block> blocks;
  for (size_t i = 0; i < method.values.size(); ++i) {
    if (lifetimes[i].empty()) continue;
    const ir::Value& value = method.values[i];
    blocks.push_back(
        {&value, lifetimes[i], value.offset_bytes, value.offset_bytes + LargestBytes(method, value)});
  }
  std::ranges::stable_sort(blocks, {}, [](const Block& block) { return block.lifetime.begin; });
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i].letter = kLetters[i % kLetters.size()];
  return blocks;
}

// The block that has any byte of the slice during the op; of several, the one written last.
const Block* BlockAt(const std::vector<Block>& blocks, int op, uint64_t slice_begin, uint64_t slice_end) {
  const Block* found = nullptr;
  for (const Block& block : blocks) {
    const bool is_alive = block.lifetime.begin <= op && op < block.lifetime.end;
    if (is_alive && block.begin < slice_end && slice_begin < block.end) found = &block;
  }
  return found;
}

std::string DrawMethod(const ir::Method& method, const std::vector<Block>& blocks, uint64_t arena_bytes) {
  const size_t ops_per_column = (method.ops.size() + kMaxColumns - 1) / kMaxColumns;
  const size_t num_columns = (method.ops.size() + ops_per_column - 1) / ops_per_column;
  const uint64_t slice_bytes = std::max<uint64_t>(64, (arena_bytes + kMaxPictureRows - 1) / kMaxPictureRows);
  const std::string line = Repeat("─", num_columns);
  std::string text = Format("  ┌%s┐\n", line.c_str());
  for (uint64_t row = (arena_bytes + slice_bytes - 1) / slice_bytes; row-- > 0;) {
    text += "  │";
    for (size_t column = 0; column < num_columns; ++column) {
      const Block* block = BlockAt(blocks, static_cast<int>(column * ops_per_column), row * slice_bytes,
                                   (row + 1) * slice_bytes);
      text += block == nullptr ? std::string(kFree) : std::string(1, block->letter);
    }
    text += Format("│ %12" PRIu64 "\n", row * slice_bytes);
  }
  return text + Format("  └%s┘ offset\n", line.c_str());
}

std::string FormatLegend(const ir::Method& method, const std::vector<Block>& blocks) {
  std::string text;
  for (const Block& block : blocks) {
    text += Format("  %c %12" PRIu64 " bytes at %12" PRIu64 ", ops %3d-%-3d %s\n", block.letter,
                   block.end - block.begin, block.begin, block.lifetime.begin, block.lifetime.end - 1,
                   block.value->name.c_str());
  }
  for (const ir::Value& value : method.values) {
    if (!ir::IsInIo(value)) continue;
    const bool is_input = value.kind == ir::ValueKind::kInput;
    text +=
        Format("  - %12" PRIu64 " bytes at %12" PRIu64 ", io         %s (%s)\n", LargestBytes(method, value),
               value.offset_bytes, value.name.c_str(), is_input ? "input" : "output");
  }
  return text;
}

std::string FormatMethod(const ir::Method& method) {
  const std::vector<Block> blocks = FindBlocks(method);
  uint64_t arena_bytes = 0;
  for (const Block& block : blocks) arena_bytes = std::max(arena_bytes, block.end);
  std::string text = Format("%s: %zu ops, %" PRIu64 " bytes of activations\n", method.name.c_str(),
                            method.ops.size(), arena_bytes);
  if (!blocks.empty()) text += DrawMethod(method, blocks, arena_bytes);
  return text + FormatLegend(method, blocks);
}

}  // namespace

std::string FormatMemoryPlan(const ir::Graph& graph) {
  const ir::MemoryPlan& plan = graph.memory_plan;
  const double bound = static_cast<double>(std::max<uint64_t>(plan.activation_lower_bound_bytes, 1));
  std::string text = Format("activations %12" PRIu64 " bytes, lower bound %" PRIu64 " (%.2f %% above it)\n",
                            plan.activation_bytes, plan.activation_lower_bound_bytes,
                            100.0 * (static_cast<double>(plan.activation_bytes) / bound - 1.0));
  text += Format("states      %12" PRIu64 " bytes\n", plan.state_bytes);
  text += Format("io          %12" PRIu64 " bytes\n", plan.io_bytes);
  for (const ir::State& state : graph.states) {
    text += Format("  %-5s %6lld x %-6lld at %12" PRIu64 " %s\n", DTypeName(state.dtype),
                   static_cast<long long>(state.rows), static_cast<long long>(state.cols), state.offset_bytes,
                   state.name.c_str());
  }
  for (const ir::Method& method : graph.methods) {
    text += '\n';
    text += FormatMethod(method);
  }
  return text;
}

}  // namespace earshot::plan
