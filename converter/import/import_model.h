// From the directory of a checkpoint to the graph that the converter's passes work on.
#ifndef EARSHOT_CONVERTER_IMPORT_IMPORT_MODEL_H_
#define EARSHOT_CONVERTER_IMPORT_IMPORT_MODEL_H_

#include <string>

#include "converter/import/checkpoint.h"
#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// Opens the checkpoint (errors as OpenCheckpoint) and builds its graph (errors as whisper::BuildGraph).
// kUnsupported names the tensors that the graph does not use.
Result<ir::Graph> ImportModel(const std::string& directory);

// The same for a checkpoint that is open.
Result<ir::Graph> BuildGraph(Checkpoint checkpoint);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_IMPORT_MODEL_H_
