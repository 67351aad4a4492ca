// A model file in memory instead of on the disk.
#ifndef EARSHOT_CONVERTER_EMIT_MEMORY_FILE_H_
#define EARSHOT_CONVERTER_EMIT_MEMORY_FILE_H_

#include "converter/ir/graph.h"
#include "platform/files/memory_block.h"
#include "runtime/core/status.h"

namespace earshot::emit {

// Errors: those of PrepareModelFile and MemoryBlock::Allocate. Preconditions of PrepareModelFile.
Result<MemoryBlock> WriteModelToMemory(const ir::Graph& graph);

}  // namespace earshot::emit

#endif  // EARSHOT_CONVERTER_EMIT_MEMORY_FILE_H_
