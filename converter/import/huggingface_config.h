// The configuration files of a Hugging Face Whisper: sizes, lists, and a check that every key is understood.
#ifndef EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_CONFIG_H_
#define EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_CONFIG_H_

#include "converter/import/generation_settings.h"
#include "converter/import/json.h"
#include "converter/ir/graph.h"
#include "models/whisper/config.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// The parsed files; those that are absent are empty objects.
struct HuggingFaceConfigs {
  Json config;        // config.json
  Json generation;    // generation_config.json
  Json preprocessor;  // preprocessor_config.json, or the part of that name in processor_config.json
};

// Sizes from config.json. kUnsupported names the file and the key that this converter does not know or cannot
// do.
Result<whisper::Config> ParseWhisperConfig(const HuggingFaceConfigs& configs);

// Suppressed tokens and limits. A key of generation_config.json goes before the same key of config.json.
// Checks, too, that the ids of special tokens named there are those of the tokenizer (kInvalidModel).
Result<ir::GenerationSettings> ParseGenerationSettings(const HuggingFaceConfigs& configs,
                                                       const ir::Tokenizer& tokenizer);

// kUnsupported unless the features it describes are those that a model of these sizes hears here. Also for
// CTranslate2 directories, which may hold the same file.
Status CheckPreprocessor(const Json& preprocessor, const whisper::Config& config);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_CONFIG_H_
