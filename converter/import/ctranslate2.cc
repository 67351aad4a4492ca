// Finds and reads the files of a CTranslate2 directory.
#include "converter/import/ctranslate2.h"

#include <utility>

#include "converter/import/checkpoint_file.h"
#include "converter/import/ctranslate2_whisper.h"
#include "converter/import/generation_settings.h"
#include "converter/import/huggingface_config.h"
#include "converter/import/json.h"
#include "converter/import/tokenizer.h"

namespace earshot::checkpoint {
namespace {

// All that CTranslate2 writes for a Whisper; languages and word timestamps are of no use here.
constexpr KeyRule kConfigRules[] = {
    {"suppress_ids"}, {"suppress_ids_begin"}, {"lang_ids"}, {"alignment_heads"}};

Result<ir::Tokenizer> ReadTokenizer(const std::string& directory, int64_t vocab_size) {
  constexpr struct {
    const char* file;
    Result<ir::Tokenizer> (*import)(std::string_view text, int64_t vocab_size);
  } kForms[] = {{"tokenizer.json", ImportTokenizerJson},
                {"vocabulary.json", ImportVocabularyJson},
                {"vocabulary.txt", ImportVocabularyTxt}};
  for (const auto& [file, import_tokens] : kForms) {
    if (!HasFile(directory, file)) continue;
    EARSHOT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(PathIn(directory, file)));
    return import_tokens(text, vocab_size);
  }
  return Status::Error(StatusCode::kNotFound,
                       "there is no tokenizer.json, vocabulary.json or vocabulary.txt");
}

Result<ir::GenerationSettings> ReadGenerationSettings(const std::string& directory,
                                                      const ir::Tokenizer& tokenizer) {
  EARSHOT_ASSIGN_OR_RETURN(const Json config, ReadOptionalJsonObject(PathIn(directory, "config.json")));
  EARSHOT_RETURN_IF_ERROR(CheckKeys(config, kConfigRules, "config.json"));
  SuppressionLists lists;
  for (auto [key, list] : {std::pair{"suppress_ids", &lists.suppressed},
                           std::pair{"suppress_ids_begin", &lists.begin_suppressed}}) {
    if (Find(config, key) == nullptr) continue;
    EARSHOT_ASSIGN_OR_RETURN(*list, GetIds(config, key));
  }
  return MakeGenerationSettings(lists, tokenizer);
}

}  // namespace

bool IsCt2Directory(const std::string& directory) { return HasFile(directory, "model.bin"); }

Result<Checkpoint> OpenCt2(const std::string& directory) {
  EARSHOT_ASSIGN_OR_RETURN(CheckpointFile file, CheckpointFile::Open(PathIn(directory, "model.bin")));
  EARSHOT_ASSIGN_OR_RETURN(Ct2Model model, Ct2Model::Read(std::move(file)));
  EARSHOT_ASSIGN_OR_RETURN(std::unique_ptr<Ct2WhisperSource> source,
                           Ct2WhisperSource::Create(std::move(model)));
  Checkpoint checkpoint;
  checkpoint.family = "whisper";
  checkpoint.metadata["source"] = "ctranslate2";
  checkpoint.whisper = source->config();
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.tokenizer, ReadTokenizer(directory, checkpoint.whisper.vocab_size));
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.generation, ReadGenerationSettings(directory, checkpoint.tokenizer));
  EARSHOT_ASSIGN_OR_RETURN(const Json preprocessor,
                           ReadOptionalJsonObject(PathIn(directory, "preprocessor_config.json")));
  EARSHOT_RETURN_IF_ERROR(CheckPreprocessor(preprocessor, checkpoint.whisper));
  checkpoint.weights = std::move(source);
  return checkpoint;
}

}  // namespace earshot::checkpoint
