// The `earshot` program: reads the command line and hands over to the subcommand.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "platform/cli/command_line.h"
#include "platform/cli/commands.h"
#include "platform/cli/console.h"
#include "platform/cli/exit_code.h"
#include "platform/cli/help_formatter.h"

namespace earshot::cli {
namespace {

int Main(int argc, char** argv) {
  CLI::App app(
      "Private speech recognition on small computers: turns recordings into text, on this machine only.",
      "earshot");
  SetHelpFormatter(app);
  Command command;
  AddTranscribeCommand(app, command);
  AddInspectCommand(app, command);
  AddPackCommand(app, command);
  AddBenchCommand(app, command);
  AddDoctorCommand(app, command);
  AddEvaluateCommand(app, command);
  AddRunCommand(app, command);
  app.require_subcommand(0, 1);  // none: see below; otherwise an unknown word would go unnamed
  app.set_version_flag("--version", "earshot " EARSHOT_VERSION);
  app.footer("earshot COMMAND --help tells more. Model files are made by earshot-convert.");
  if (argc <= 1) {
    std::fputs(app.help().c_str(), stderr);
    return kExitUsage;
  }
  if (const auto exit_code = ParseCommandLine(app, argc, argv)) return *exit_code;
  if (!command) return ReportUsage(app, CLI::RequiredError("a command"));
  return command();
}

}  // namespace
}  // namespace earshot::cli

int main(int argc, char** argv) {
  try {
    return earshot::cli::Main(argc, argv);
  } catch (const std::exception& error) {  // out of memory, in practice
    earshot::cli::GetConsole().Error("%s", error.what());
    return earshot::cli::kExitFailure;
  }
}
