// A model file made ready for use: mapped, checked, with the threads that will run it.
#ifndef EARSHOT_PLATFORM_CLI_MODEL_LOADER_H_
#define EARSHOT_PLATFORM_CLI_MODEL_LOADER_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "platform/files/mapped_file.h"
#include "platform/threads/worker_threads.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"

namespace earshot::cli {

// LoadOptions::packed_weights, besides the name of a file.
constexpr const char* kAutoPackedWeights = "auto";  // the file beside the model, if there is one
constexpr const char* kNoPackedWeights = "none";

struct LoadOptions {
  size_t num_threads = 1;
  std::string packed_weights = kAutoPackedWeights;
  bool exact_logits = false;  // else SessionOptions::ranks_nearly
};

// Owns the mapping and the threads; must outlive every session made from it. Movable.
class LoadedModel {
 public:
  // Packed weights beside the model that cannot be used are left alone with a warning; of a file that was
  // named they are an error. Errors: those of MappedFile, Program::Load, LoadPackedWeights and WorkerThreads,
  // with the path.
  static Result<LoadedModel> Load(const std::string& path, const LoadOptions& options);

  const std::string& path() const { return path_; }
  const Program& program() const { return program_; }

  // What to load the model with again: the file of packed weights in use, or kNoPackedWeights.
  const std::string& packed_weights() const { return packed_path_; }

  // Of all sessions made from now on; what it borrows must outlive them.
  void SetObserver(const OpObserver& observer) { observer_ = observer; }
  void SetOptionalMethods(std::span<const std::string_view> methods) { optional_methods_ = methods; }

  // The pool, packed weights, the mapping as the place where weights are given back, and what was set.
  SessionOptions session_options() const;

 private:
  LoadedModel(std::string path, std::unique_ptr<MappedFile> file, WorkerThreads threads,
              const Program& program);
  Status ChoosePackedWeights(const std::string& choice);
  Status UsePackedWeights(const std::string& path);

  std::string path_;
  std::unique_ptr<MappedFile> file_;  // sessions keep its address
  WorkerThreads threads_;
  Program program_;
  bool exact_logits_ = false;
  std::string packed_path_ = kNoPackedWeights;
  std::unique_ptr<MappedFile> packed_file_;
  PackedWeightsFile packed_weights_;
  std::span<const std::string_view> optional_methods_;
  OpObserver observer_;
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_MODEL_LOADER_H_
