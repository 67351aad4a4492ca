// The run behind `earshot run`, for programs that watch it.
#ifndef EARSHOT_PLATFORM_CLI_RUN_COMMAND_H_
#define EARSHOT_PLATFORM_CLI_RUN_COMMAND_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "platform/cli/model_run.h"
#include "runtime/core/status.h"

namespace CLI {
class App;
}

namespace earshot::cli {

struct RunOptions {
  std::string model;
  std::string input;
  std::string output;
  RunRequest request;                 // method and keeps_states; the rest is read from the files
  std::vector<std::string> settings;  // "name=number"
  size_t num_threads = 0;
};

void AddRunOptions(CLI::App& command, RunOptions& options);

// Reads the files, sets up, calls `execute`, which calls ModelRun::Execute, and writes the results.
Status RunFiles(const RunOptions& options, const std::function<Status(ModelRun&)>& execute);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_RUN_COMMAND_H_
