// Options that several subcommands share.
#include "platform/cli/common_options.h"

#include <CLI/CLI.hpp>

#include "platform/cli/model_loader.h"
#include "platform/threads/worker_threads.h"

namespace earshot::cli {

void AddThreadsOption(CLI::App& command, size_t& num_threads, const std::string& help) {
  // Asked of the system once, not by each subcommand.
  static const size_t default_count = WorkerThreads::DefaultCount();
  num_threads = default_count;
  command.add_option("-t,--threads", num_threads, help)
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, WorkerThreads::kMaxThreads).description(""));
}

void AddPackedWeightsOption(CLI::App& command, std::string& choice) {
  choice = kAutoPackedWeights;
  command
      .add_option(
          "--packed-weights", choice,
          "file of \"earshot pack\" to start with; auto takes the one beside the model if there is one, "
          "none packs the weights at the start")
      ->type_name("FILE")
      ->capture_default_str();
}

void AddExactLogitsOption(CLI::App& command, bool& exact) {
  command.add_flag(
      "--exact-logits", exact,
      "compute the logits of all tokens exactly, not only of those that can be chosen; takes more "
      "time and memory");
}

void AddTraceOption(CLI::App& command, std::string& path) {
  command
      .add_option("--trace", path,
                  "write a timeline of every op that ran, for ui.perfetto.dev or chrome://tracing; holds the "
                  "first 500,000")
      ->type_name("FILE");
}

}  // namespace earshot::cli
