// Options that several subcommands share.
#ifndef EARSHOT_PLATFORM_CLI_COMMON_OPTIONS_H_
#define EARSHOT_PLATFORM_CLI_COMMON_OPTIONS_H_

#include <cstddef>
#include <string>

namespace CLI {
class App;
}

namespace earshot::cli {

// --threads, by default WorkerThreads::DefaultCount().
void AddThreadsOption(CLI::App& command, size_t& num_threads, const std::string& help);

// --packed-weights auto|none|FILE, by default kAutoPackedWeights.
void AddPackedWeightsOption(CLI::App& command, std::string& choice);

// --exact-logits.
void AddExactLogitsOption(CLI::App& command, bool& exact);

// --trace FILE.
void AddTraceOption(CLI::App& command, std::string& path);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_COMMON_OPTIONS_H_
