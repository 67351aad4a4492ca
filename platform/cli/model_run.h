// A method or loop of a model over arrays from a file: set up once, then run without touching the heap.
#ifndef EARSHOT_PLATFORM_CLI_MODEL_RUN_H_
#define EARSHOT_PLATFORM_CLI_MODEL_RUN_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/loops/arrays.h"
#include "platform/cli/model_loader.h"
#include "platform/cli/tensor_file.h"
#include "platform/files/memory_block.h"
#include "runtime/core/status.h"
#include "runtime/engine/session.h"

namespace earshot::cli {

struct RunRequest {
  std::string method;  // or loop
  Tensors inputs;
  std::map<std::string, double> settings;
  bool keeps_states = false;  // they come out with the outputs, each under its name
};

class ModelRun {
 public:
  // Borrows the model and the request.
  static Result<ModelRun> Create(const LoadedModel& model, const RunRequest& request);

  // Never allocates.
  Status Execute();

  // Outputs of the run; later ones replace earlier ones of the same name.
  Result<Tensors> Results();

 private:
  ModelRun(const RunRequest& request, MemoryBlock memory, MemoryBlock results)
      : request_(&request), memory_(std::move(memory)), results_(std::move(results)) {}

  void AddStates(Tensors& tensors) const;

  const RunRequest* request_;
  MemoryBlock memory_;
  MemoryBlock results_;
  std::unique_ptr<Session> session_;
  std::vector<loops::Array> inputs_;
  std::vector<loops::Setting> settings_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<loops::Run> run_;
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_MODEL_RUN_H_
