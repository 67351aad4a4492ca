// Finds and reads the files of a Hugging Face directory.
#include "converter/import/huggingface.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "converter/import/checkpoint_file.h"
#include "converter/import/huggingface_config.h"
#include "converter/import/json.h"
#include "converter/import/tokenizer.h"

namespace earshot::checkpoint {
namespace {

constexpr const char kWeights[] = "model.safetensors";
constexpr const char kIndex[] = "model.safetensors.index.json";

Result<HuggingFaceConfigs> ReadConfigs(const std::string& directory) {
  HuggingFaceConfigs configs;
  EARSHOT_ASSIGN_OR_RETURN(configs.config, ReadJsonObject(PathIn(directory, "config.json")));
  EARSHOT_ASSIGN_OR_RETURN(configs.generation,
                           ReadOptionalJsonObject(PathIn(directory, "generation_config.json")));
  EARSHOT_ASSIGN_OR_RETURN(configs.preprocessor,
                           ReadOptionalJsonObject(PathIn(directory, "preprocessor_config.json")));
  if (!HasFile(directory, "preprocessor_config.json")) {
    EARSHOT_ASSIGN_OR_RETURN(const Json processor,
                             ReadOptionalJsonObject(PathIn(directory, "processor_config.json")));
    const Json* part = Find(processor, "feature_extractor");
    if (part != nullptr && part->is_object()) configs.preprocessor = *part;
  }
  return configs;
}

Result<ir::Tokenizer> ReadTokenizer(const std::string& directory, int64_t vocab_size) {
  if (HasFile(directory, "tokenizer.json")) {
    EARSHOT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(PathIn(directory, "tokenizer.json")));
    return ImportTokenizerJson(text, vocab_size);
  }
  if (!HasFile(directory, "vocab.json")) {
    return Status::Error(StatusCode::kNotFound, "there is no tokenizer.json and no vocab.json");
  }
  EARSHOT_ASSIGN_OR_RETURN(const std::string vocab, ReadTextFile(PathIn(directory, "vocab.json")));
  std::string added_tokens;
  if (HasFile(directory, "added_tokens.json")) {
    EARSHOT_ASSIGN_OR_RETURN(added_tokens, ReadTextFile(PathIn(directory, "added_tokens.json")));
  }
  return ImportVocabJson(vocab, added_tokens, vocab_size);
}

// Names of the tensors in each shard. File names must stay in the directory.
Result<std::map<std::string, std::set<std::string>>> ReadIndex(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(const Json index, ReadJsonObject(path));
  const Json* map = Find(index, "weight_map");
  if (map == nullptr || !map->is_object())
    return Status::Error(StatusCode::kInvalidModel, "%s has no \"weight_map\"", kIndex);
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, file] : map->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.find_first_of("/\\") != std::string::npos || !name.ends_with(".safetensors")) {
      return Status::Error(StatusCode::kInvalidModel,
                           "%s: %s lies in %s, which is not the name of a safetensors file", kIndex,
                           tensor.c_str(), Excerpt(file).c_str());
    }
    shards[name].insert(tensor);
  }
  return shards;
}

Status CheckShard(const SafetensorsSource& source, size_t index,
                  const std::pair<const std::string, std::set<std::string>>& shard) {
  const std::vector<std::string> names = source.NamesInFile(index);
  if (std::set<std::string>(names.begin(), names.end()) == shard.second) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "%s and %s name different tensors; do they belong together?", kIndex,
                       shard.first.c_str());
}

}  // namespace

bool IsHuggingFaceDirectory(const std::string& directory) {
  return HasFile(directory, kWeights) || HasFile(directory, kIndex);
}

Result<std::unique_ptr<SafetensorsSource>> OpenSafetensorsWeights(const std::string& directory) {
  std::vector<CheckpointFile> files;
  if (HasFile(directory, kWeights)) {
    EARSHOT_ASSIGN_OR_RETURN(CheckpointFile file, CheckpointFile::Open(PathIn(directory, kWeights)));
    files.push_back(std::move(file));
    return SafetensorsSource::Create(std::move(files));
  }
  EARSHOT_ASSIGN_OR_RETURN(const auto shards, ReadIndex(PathIn(directory, kIndex)));
  for (const auto& [name, tensors] : shards) {
    EARSHOT_ASSIGN_OR_RETURN(CheckpointFile file, CheckpointFile::Open(PathIn(directory, name)));
    files.push_back(std::move(file));
  }
  EARSHOT_ASSIGN_OR_RETURN(std::unique_ptr<SafetensorsSource> source,
                           SafetensorsSource::Create(std::move(files)));
  size_t index = 0;
  for (const auto& shard : shards) EARSHOT_RETURN_IF_ERROR(CheckShard(*source, index++, shard));
  return source;
}

Result<Checkpoint> OpenHuggingFace(const std::string& directory) {
  EARSHOT_ASSIGN_OR_RETURN(const HuggingFaceConfigs configs, ReadConfigs(directory));
  Checkpoint checkpoint;
  checkpoint.family = "whisper";
  checkpoint.metadata["source"] = "huggingface";
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.whisper, ParseWhisperConfig(configs));
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.tokenizer, ReadTokenizer(directory, checkpoint.whisper.vocab_size));
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.generation, ParseGenerationSettings(configs, checkpoint.tokenizer));
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.weights, OpenSafetensorsWeights(directory));
  return checkpoint;
}

}  // namespace earshot::checkpoint
