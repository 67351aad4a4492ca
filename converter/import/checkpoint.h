// A checkpoint of a trained model, opened: its sizes, vocabulary, settings, and its weights for the graph
// builder to take.
#ifndef EARSHOT_CONVERTER_IMPORT_CHECKPOINT_H_
#define EARSHOT_CONVERTER_IMPORT_CHECKPOINT_H_

#include <map>
#include <memory>
#include <string>

#include "converter/ir/graph.h"
#include "converter/ir/weight_source.h"
#include "models/whisper/config.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

struct Checkpoint {
  std::string family;  // "whisper"
  std::string name;    // of its directory
  std::map<std::string, std::string> metadata;
  whisper::Config whisper;  // where the family is "whisper"
  ir::Tokenizer tokenizer;
  ir::GenerationSettings generation;
  std::unique_ptr<ir::WeightSource> weights;
};

// The name of a model whose checkpoint lies in this directory.
std::string NameOf(const std::string& directory);

// Opens the directory of a Hugging Face or CTranslate2 model, whichever it is. Reads everything but the
// weights. Errors: kNotFound (no such directory, or a file is missing), kUnsupported (another kind or family
// of model, or a setting that this converter does not know), kInvalidModel (damaged or contradictory), kIo.
// The message names the file.
Result<Checkpoint> OpenCheckpoint(const std::string& directory);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_CHECKPOINT_H_
