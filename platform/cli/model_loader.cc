// LoadedModel: threads first, since a wrong number of them is found without reading anything.
#include "platform/cli/model_loader.h"

#include <unistd.h>

#include <utility>

#include "platform/cli/console.h"
#include "runtime/engine/packed_model.h"

namespace earshot::cli {

Result<LoadedModel> LoadedModel::Load(const std::string& path, const LoadOptions& options) {
  EARSHOT_ASSIGN_OR_RETURN(WorkerThreads threads, WorkerThreads::Start(options.num_threads));
  EARSHOT_ASSIGN_OR_RETURN(MappedFile mapping, MappedFile::Open(path));
  auto file = std::make_unique<MappedFile>(std::move(mapping));
  auto program = Program::Load(file->bytes());
  if (!program.ok()) return program.status().WithContext("%s", path.c_str());
  LoadedModel model(path, std::move(file), std::move(threads), program.value());
  model.exact_logits_ = options.exact_logits;
  EARSHOT_RETURN_IF_ERROR(model.ChoosePackedWeights(options.packed_weights));
  return model;
}

LoadedModel::LoadedModel(std::string path, std::unique_ptr<MappedFile> file, WorkerThreads threads,
                         const Program& program)
    : path_(std::move(path)), file_(std::move(file)), threads_(std::move(threads)), program_(program) {}

Status LoadedModel::ChoosePackedWeights(const std::string& choice) {
  if (choice == kNoPackedWeights) return Status::Ok();
  if (choice != kAutoPackedWeights) return UsePackedWeights(choice);
  EARSHOT_ASSIGN_OR_RETURN(const PackedWeightsSuffix suffix, SuffixOfPackedWeights());
  const std::string path = path_ + suffix.data();
  if (access(path.c_str(), F_OK) != 0) return Status::Ok();
  if (const Status status = UsePackedWeights(path); !status.ok())
    GetConsole().Warning("%s; starting without them", status.message());
  return Status::Ok();
}

Status LoadedModel::UsePackedWeights(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(MappedFile mapping, MappedFile::Open(path));
  auto file = std::make_unique<MappedFile>(std::move(mapping));
  auto packed = LoadPackedWeights(program_, file->bytes(), threads_.pool());
  if (!packed.ok()) {
    return Status::Error(packed.status().code(), "%s: %s; make them again with \"earshot pack %s\"",
                         path.c_str(), packed.status().message(), path_.c_str());
  }
  packed_path_ = path;
  packed_file_ = std::move(file);
  packed_weights_ = packed.value();
  return Status::Ok();
}

SessionOptions LoadedModel::session_options() const {
  return {.pool = threads_.pool(),
          .weights_file = file_->AsWeightsFile(),
          .packed_weights = packed_weights_,
          .optional_methods = optional_methods_,
          .ranks_nearly = !exact_logits_,
          .observer = observer_};
}

}  // namespace earshot::cli
