// Options that several subcommands share.
#include "platform/cli/common_options.h"

#include <CLI/CLI.hpp>

#include "platform/threads/worker_threads.h"

namespace earshot::cli {

void AddThreadsOption(CLI::App& command, size_t& num_threads, const std::string& help) {
  num_threads = WorkerThreads::DefaultCount();
  command.add_option("-t,--threads", num_threads, help)
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, WorkerThreads::kMaxThreads).description(""));
}

void AddTraceOption(CLI::App& command, std::string& path) {
  command
      .add_option("--trace", path,
                  "write a timeline of every op that ran, for ui.perfetto.dev or chrome://tracing; holds the "
                  "first 500,000")
      ->type_name("FILE");
}

}  // namespace earshot::cli
