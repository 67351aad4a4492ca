// Opens the directory of a Hugging Face model: config.json, generation_config.json, preprocessor_config.json,
// tokenizer.json (or vocab.json with added_tokens.json), and model.safetensors (or the shards that
// model.safetensors.index.json lists).
#ifndef EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_H_
#define EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_H_

#include <memory>
#include <string>

#include "converter/import/checkpoint.h"
#include "converter/import/safetensors.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// Whether the directory has safetensors weights.
bool IsHuggingFaceDirectory(const std::string& directory);

// Errors as OpenCheckpoint. The name is left to the caller.
Result<Checkpoint> OpenHuggingFace(const std::string& directory);

// The weights alone. kInvalidModel if the index of the shards disagrees with what is in them.
Result<std::unique_ptr<SafetensorsSource>> OpenSafetensorsWeights(const std::string& directory);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_H_
