// Checkpoints of published implementations of single architectures: a directory with config.json, which names
// the class
// (`reference`: package, version, class), its settings (`hparams`) and the shapes of example inputs
// (`inputs`), and model.safetensors unless the class has no weights.
#ifndef EARSHOT_CONVERTER_IMPORT_REFERENCE_CHECKPOINT_H_
#define EARSHOT_CONVERTER_IMPORT_REFERENCE_CHECKPOINT_H_

#include <string>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// Whether config.json is one of these.
bool IsReferenceDirectory(const std::string& directory);

// Errors: kUnsupported (an unknown class, a setting or tensor that the graph does not use), kInvalidModel,
// kNotFound (a tensor), kIo.
Result<ir::Graph> ImportReferenceModel(const std::string& directory, const std::string& name);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_REFERENCE_CHECKPOINT_H_
