// The file: program, padding, weights.
#include "converter/emit/flatbuffer_writer.h"

#include <array>
#include <cstddef>

#include "converter/emit/program_builder.h"
#include "runtime/core/xxh64.h"
#include "runtime/memory/arena.h"

namespace earshot::emit {
namespace {

// About the bytes that the tables will take. FlatBuffers ends the process where a buffer passes 2 GiB, so
// that must be known before; the numbers for the fixed part of a table are on the safe side.
uint64_t EstimateProgramBytes(const ir::Graph& graph) {
  constexpr uint64_t kTableBytes = 100;
  uint64_t bytes = 0;
  const auto add_table = [&bytes](const std::string& name) { bytes += kTableBytes + name.size(); };
  for (const std::string& piece : graph.tokenizer.pieces) bytes += piece.size() + sizeof(uint32_t);
  for (const auto& [name, id] : graph.tokenizer.special_tokens) add_table(name);
  for (const auto& [key, value] : graph.metadata) add_table(key + value);
  for (const ir::Tensor& tensor : graph.tensors) add_table(tensor.name);
  for (const ir::State& state : graph.states) add_table(state.name);
  for (const ir::Method& method : graph.methods) {
    for (const ir::Value& value : method.values) add_table(value.name);
    for (const ir::Op& op : method.ops) add_table(op.name);
  }
  return bytes;
}

Status TooLarge(uint64_t bytes, uint64_t max_bytes) {
  return Status::Error(
      StatusCode::kUnsupported,
      "the program part of the model file would have about %llu bytes, the format allows %llu",
      static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(max_bytes));
}

uint64_t RoundUp(uint64_t bytes, uint64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// Writes the bytes, then zeros up to the next multiple of `alignment`, at most kWeightsAlignment. Each block
// of the file begins at a multiple of its own alignment, so its size alone says how many.
Status WritePadded(std::span<const std::byte> bytes, size_t alignment, const Sink& sink) {
  static constexpr std::array<std::byte, kWeightsAlignment> kZeros{};
  if (bytes.empty()) return Status::Ok();
  EARSHOT_RETURN_IF_ERROR(sink(bytes));
  const size_t padding_bytes = static_cast<size_t>(RoundUp(bytes.size(), alignment)) - bytes.size();
  return padding_bytes == 0 ? Status::Ok() : sink(std::span(kZeros).first(padding_bytes));
}

Status WriteWeights(const ir::Graph& graph, const WeightsLayout& layout, const Sink& sink) {
  for (const int index : layout.file_order) {
    const ir::Tensor& tensor = graph.tensors[static_cast<size_t>(index)];
    EARSHOT_RETURN_IF_ERROR(WritePadded(tensor.data, kArenaAlignment, sink));
    EARSHOT_RETURN_IF_ERROR(WritePadded(tensor.scales, kArenaAlignment, sink));
  }
  return Status::Ok();
}

}  // namespace

Result<std::vector<uint8_t>> BuildProgram(const ir::Graph& graph, const WeightsLayout& layout,
                                          uint64_t max_bytes) {
  const uint64_t estimated_bytes = EstimateProgramBytes(graph);
  if (estimated_bytes > max_bytes) return TooLarge(estimated_bytes, max_bytes);
  EARSHOT_ASSIGN_OR_RETURN(std::vector<uint8_t> program, ProgramBuilder(graph, layout).Build());
  if (program.size() > max_bytes) return TooLarge(program.size(), max_bytes);
  return program;
}

Result<ModelFile> PrepareModelFile(const ir::Graph& graph) {
  ModelFile file;
  file.layout = LayOutWeights(graph);
  Xxh64 hash;
  EARSHOT_RETURN_IF_ERROR(WriteWeights(graph, file.layout, [&hash](std::span<const std::byte> bytes) {
    hash.Update(bytes);
    return Status::Ok();
  }));
  file.layout.segment_xxh64 = hash.Digest();
  EARSHOT_ASSIGN_OR_RETURN(file.program, BuildProgram(graph, file.layout));
  file.file_bytes = RoundUp(file.program.size(), kWeightsAlignment) + file.layout.segment_bytes;
  return file;
}

Status WriteModelFile(const ir::Graph& graph, const ModelFile& file, const Sink& sink) {
  EARSHOT_RETURN_IF_ERROR(WritePadded(std::as_bytes(std::span(file.program)), kWeightsAlignment, sink));
  return WriteWeights(graph, file.layout, sink);
}

}  // namespace earshot::emit
