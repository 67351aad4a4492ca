// ParseCommandLine: CLI11's exceptions turned into messages and exit codes.
#include "platform/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "platform/cli/console.h"
#include "platform/cli/exit_code.h"
#include "platform/cli/output.h"

namespace earshot::cli {
namespace {

// CLI11 complains of what is missing before it looks at what it does not know; a misspelt option explains
// more.
std::string Message(const CLI::App& app, const CLI::Error& error) {
  std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  std::erase_if(unknown, [](const std::string& argument) { return !argument.starts_with("-"); });
  return unknown.empty() ? error.what() : CLI::ExtrasError(unknown).what();
}

}  // namespace

std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return FinishOutput(WriteStandardOutput(app.help()));
  } catch (const CLI::CallForVersion& version) {
    return FinishOutput(WriteStandardOutput(std::string(version.what()) + "\n"));
  } catch (const CLI::ParseError& error) {
    return ReportUsage(app, error);
  }
  return std::nullopt;
}

int ReportUsage(const CLI::App& app, const CLI::Error& error) {
  const auto chosen = app.get_subcommands();
  const std::string help =
      app.get_name() + " " + (chosen.empty() ? std::string() : chosen.front()->get_name() + " ") + "--help";
  GetConsole().Error("%s", Message(app, error).c_str());
  GetConsole().Note("see: %s", help.c_str());
  return kExitUsage;
}

}  // namespace earshot::cli
