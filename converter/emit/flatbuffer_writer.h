// Writes a finished graph as a model file (layout: runtime/schema/model.fbs).
#ifndef EARSHOT_CONVERTER_EMIT_FLATBUFFER_WRITER_H_
#define EARSHOT_CONVERTER_EMIT_FLATBUFFER_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "converter/emit/weights_layout.h"
#include "converter/ir/graph.h"
#include "runtime/core/status.h"
#include "runtime/schema/format_version.h"

namespace earshot::emit {

// The FlatBuffer part of the file, with its size prefix. The same graph gives the same bytes, whatever the
// machine. Errors: kUnsupported where it would exceed `max_bytes`, or a number does not fit its field in the
// schema.
Result<std::vector<uint8_t>> BuildProgram(const ir::Graph& graph, const WeightsLayout& layout,
                                          uint64_t max_bytes = kMaxProgramBytes);

// A file that is ready to be written.
struct ModelFile {
  WeightsLayout layout;
  std::vector<uint8_t> program;
  uint64_t file_bytes = 0;  // size of the whole
};

// Requires a planned graph with encoded tensors. Errors: those of BuildProgram.
Result<ModelFile> PrepareModelFile(const ir::Graph& graph);

// Takes the next bytes of the file; an error ends the writing.
using Sink = std::function<Status(std::span<const std::byte>)>;

// Writes the whole file, front to back. `file` was made from this graph. Errors: those of the sink.
Status WriteModelFile(const ir::Graph& graph, const ModelFile& file, const Sink& sink);

}  // namespace earshot::emit

#endif  // EARSHOT_CONVERTER_EMIT_FLATBUFFER_WRITER_H_
