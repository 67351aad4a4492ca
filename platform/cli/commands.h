// The subcommands of `earshot`. Each adds itself to the command line and does its work when it was chosen.
#ifndef EARSHOT_PLATFORM_CLI_COMMANDS_H_
#define EARSHOT_PLATFORM_CLI_COMMANDS_H_

#include <functional>

namespace CLI {
class App;
}

namespace earshot::cli {

// Set while the command line is read, called afterwards; returns one of exit_code.h.
using Command = std::function<int()>;

void AddTranscribeCommand(CLI::App& app, Command& chosen);
void AddInspectCommand(CLI::App& app, Command& chosen);
void AddPackCommand(CLI::App& app, Command& chosen);
void AddDoctorCommand(CLI::App& app, Command& chosen);
void AddBenchCommand(CLI::App& app, Command& chosen);
void AddRunCommand(CLI::App& app, Command& chosen);
void AddEvaluateCommand(CLI::App& app, Command& chosen);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_COMMANDS_H_
