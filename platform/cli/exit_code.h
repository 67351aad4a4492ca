// What the programs tell the shell when they end.
#ifndef EARSHOT_PLATFORM_CLI_EXIT_CODE_H_
#define EARSHOT_PLATFORM_CLI_EXIT_CODE_H_

namespace earshot::cli {

constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;        // a file could not be processed, or the output could not be written
constexpr int kExitUsage = 2;          // the command line makes no sense; nothing was done
constexpr int kExitInterrupted = 130;  // Ctrl-C: 128 + SIGINT, as shells count

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_EXIT_CODE_H_
