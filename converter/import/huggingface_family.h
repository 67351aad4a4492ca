// Hugging Face directories of the families whose graph builders read transformers' settings themselves, as
// they do for reference checkpoints: config.json, generation_config.json, preprocessor_config.json,
// tokenizer.json, and the weights.
#ifndef EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_FAMILY_H_
#define EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_FAMILY_H_

#include <string>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// Whether there are safetensors weights, and a config.json with the model type of such a family.
bool IsFamilyDirectory(const std::string& directory);

// Errors: kNotFound (a file is missing), kUnsupported (a setting that this converter does not know, or a
// tensor without a place in the graph), kInvalidModel. The message names the file, the setting or the tensor.
Result<ir::Graph> ImportFamily(const std::string& directory, const std::string& name);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_FAMILY_H_
