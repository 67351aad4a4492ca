// A model file made ready for use: mapped, checked, with the threads that will run it.
#ifndef EARSHOT_PLATFORM_CLI_MODEL_LOADER_H_
#define EARSHOT_PLATFORM_CLI_MODEL_LOADER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "platform/files/mapped_file.h"
#include "platform/threads/worker_threads.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"

namespace earshot::cli {

// Owns the mapping and the threads; must outlive every session made from it. Movable.
class LoadedModel {
 public:
  // Errors: those of MappedFile, Program::Load and WorkerThreads, with the path.
  static Result<LoadedModel> Load(const std::string& path, size_t num_threads);

  const std::string& path() const { return path_; }
  const Program& program() const { return program_; }

  // Of all sessions made from now on; what it borrows must outlive them.
  void SetObserver(const OpObserver& observer) { observer_ = observer; }

  // The pool, the mapping as the place where weights are given back, and the observer.
  SessionOptions session_options() const;

 private:
  LoadedModel(std::string path, std::unique_ptr<MappedFile> file, WorkerThreads threads,
              const Program& program);

  std::string path_;
  std::unique_ptr<MappedFile> file_;  // sessions keep its address
  WorkerThreads threads_;
  Program program_;
  OpObserver observer_;
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_MODEL_LOADER_H_
