// Runs loops of a model again and again, with inputs made on the spot.
#ifndef EARSHOT_PLATFORM_CLI_LOOP_RUNNER_H_
#define EARSHOT_PLATFORM_CLI_LOOP_RUNNER_H_

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "models/loops/arrays.h"
#include "platform/cli/model_loader.h"
#include "platform/files/memory_block.h"
#include "runtime/core/status.h"
#include "runtime/engine/session.h"
#include "runtime/memory/arena.h"

namespace earshot::cli {

// One column of numbers, or `cols`. Borrows them.
loops::Array InputOf(std::string_view name, std::span<const int32_t> values);
loops::Array InputOf(std::string_view name, std::span<const float> values, int64_t cols);

class LoopRunner {
 public:
  // Borrows the model.
  static Result<LoopRunner> Create(const LoadedModel& model);

  // Runs the loop; afterwards outputs() has what it made, until the next run. Borrows the inputs.
  Status Run(std::string_view loop, std::span<const loops::Array> inputs);
  // kInvalidModel if the loop did not make it.
  Result<loops::Array> Output(std::string_view name) const;

 private:
  LoopRunner(MemoryBlock memory, MemoryBlock results);

  MemoryBlock memory_;
  MemoryBlock results_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<loops::Run> run_;
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_LOOP_RUNNER_H_
