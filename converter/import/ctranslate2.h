// Opens the directory of a CTranslate2 Whisper, as faster-whisper uses it: model.bin, config.json,
// tokenizer.json (or vocabulary.json or vocabulary.txt), and perhaps preprocessor_config.json.
#ifndef EARSHOT_CONVERTER_IMPORT_CTRANSLATE2_H_
#define EARSHOT_CONVERTER_IMPORT_CTRANSLATE2_H_

#include <string>

#include "converter/import/checkpoint.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

bool IsCt2Directory(const std::string& directory);

// Errors as OpenCheckpoint. The name is left to the caller.
Result<Checkpoint> OpenCt2(const std::string& directory);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_CTRANSLATE2_H_
