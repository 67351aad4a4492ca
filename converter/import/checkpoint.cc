// Tells the kinds of checkpoints apart by the files they consist of.
#include "converter/import/checkpoint.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "converter/import/ctranslate2.h"
#include "converter/import/huggingface.h"

namespace earshot::checkpoint {
namespace {

// Other formats a directory may hold, and what to do about them.
constexpr struct {
  const char* ending;
  const char* advice;
} kOtherFormats[] = {
    {".safetensors",
     "rename it to model.safetensors, or add model.safetensors.index.json if the weights are in several "
     "files"},
    {"pytorch_model.bin",
     "save it again from Python with model.save_pretrained(path, safe_serialization=True)"},
    {".pt", "use the Hugging Face version of the model"},
    {".onnx", "use the Hugging Face version of the model"},
    {".gguf", "use the Hugging Face version of the model"},
    {".h5", "use the safetensors version of the model"},
    {".msgpack", "use the safetensors version of the model"},
    {".bin", "use the Hugging Face version of the model"},
};

// First file of another format in the directory, in the order of the table.
std::optional<Status> FindOtherFormat(const std::string& directory) {
  std::error_code error;
  for (const auto& [ending, advice] : kOtherFormats) {
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string file = entry->path().filename().string();
      if (!file.ends_with(ending)) continue;
      return Status::Error(StatusCode::kUnsupported, "this converter does not read %s: %s", file.c_str(),
                           advice);
    }
  }
  return std::nullopt;
}

Result<Checkpoint> OpenDirectory(const std::string& directory) {
  if (IsHuggingFaceDirectory(directory)) return OpenHuggingFace(directory);
  if (IsCt2Directory(directory)) return OpenCt2(directory);
  if (std::optional<Status> other = FindOtherFormat(directory)) return *std::move(other);
  return Status::Error(StatusCode::kNotFound,
                       "this is no checkpoint: expected a Hugging Face directory (config.json, "
                       "model.safetensors, tokenizer.json) "
                       "or a CTranslate2 directory (model.bin, config.json, tokenizer.json)");
}

}  // namespace

std::string NameOf(const std::string& directory) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::weakly_canonical(directory, error);
  return error ? directory : path.filename().string();
}

Result<Checkpoint> OpenCheckpoint(const std::string& directory) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(directory, error);
  if (!std::filesystem::exists(status)) {
    return Status::Error(StatusCode::kNotFound, "there is no directory \"%s\"", directory.c_str());
  }
  if (!std::filesystem::is_directory(status)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "\"%s\" is a file: give the directory of the checkpoint that it belongs to",
                         directory.c_str());
  }
  Result<Checkpoint> checkpoint = OpenDirectory(directory);
  if (!checkpoint.ok()) return checkpoint.status().WithContext("\"%s\"", directory.c_str());
  checkpoint->name = NameOf(directory);
  return checkpoint;
}

}  // namespace earshot::checkpoint
