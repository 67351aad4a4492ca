// Parsing the command line, with the answers to --help, --version and mistakes that all programs give.
#ifndef EARSHOT_PLATFORM_CLI_COMMAND_LINE_H_
#define EARSHOT_PLATFORM_CLI_COMMAND_LINE_H_

#include <optional>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace earshot::cli {

// Fills the app's options. Nothing: go on. Else what was asked for or what is wrong has been said, and the
// program ends with the exit code.
std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv);

// Reports a mistake and where there is help; kExitUsage.
int ReportUsage(const CLI::App& app, const CLI::Error& error);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_COMMAND_LINE_H_
