// Collects the pieces of a model file in one block.
#include "converter/emit/memory_file.h"

#include <cstddef>
#include <cstring>
#include <span>

#include "converter/emit/flatbuffer_writer.h"

namespace earshot::emit {

Result<MemoryBlock> WriteModelToMemory(const ir::Graph& graph) {
  EARSHOT_ASSIGN_OR_RETURN(const ModelFile file, PrepareModelFile(graph));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock block, MemoryBlock::Allocate(static_cast<size_t>(file.file_bytes)));
  std::span<std::byte> rest = block.bytes();
  EARSHOT_RETURN_IF_ERROR(WriteModelFile(graph, file, [&rest](std::span<const std::byte> bytes) {
    if (bytes.size() > rest.size()) {
      return Status::Error(StatusCode::kInternal, "the model file is larger than announced");
    }
    std::memcpy(rest.data(), bytes.data(), bytes.size());
    rest = rest.subspan(bytes.size());
    return Status::Ok();
  }));
  return block;
}

}  // namespace earshot::emit
