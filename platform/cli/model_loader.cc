// LoadedModel: threads first, since a wrong number of them is found without reading anything.
#include "platform/cli/model_loader.h"

#include <utility>

namespace earshot::cli {

Result<LoadedModel> LoadedModel::Load(const std::string& path, size_t num_threads) {
  EARSHOT_ASSIGN_OR_RETURN(WorkerThreads threads, WorkerThreads::Start(num_threads));
  EARSHOT_ASSIGN_OR_RETURN(MappedFile mapping, MappedFile::Open(path));
  auto file = std::make_unique<MappedFile>(std::move(mapping));
  auto program = Program::Load(file->bytes());
  if (!program.ok()) return program.status().WithContext("%s", path.c_str());
  return LoadedModel(path, std::move(file), std::move(threads), program.value());
}

LoadedModel::LoadedModel(std::string path, std::unique_ptr<MappedFile> file, WorkerThreads threads,
                         const Program& program)
    : path_(std::move(path)), file_(std::move(file)), threads_(std::move(threads)), program_(program) {}

SessionOptions LoadedModel::session_options() const {
  return {.pool = threads_.pool(),
          .release_weights = MappedFile::ReleaseWeights,
          .release_context = file_.get(),
          .observer = observer_};
}

}  // namespace earshot::cli
