// `earshot run`: one method or loop of any model, arrays in and out.
#include "platform/cli/run_command.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>

#include "platform/cli/commands.h"
#include "platform/cli/common_options.h"
#include "platform/cli/console.h"
#include "platform/cli/exit_code.h"
#include "platform/files/input_files.h"

namespace earshot::cli {
namespace {

// Empty if the text is "name=number", else what is wrong.
std::string CheckSetting(const std::string& text) {
  constexpr double kLargestSetting = 1e12;
  const size_t separator = text.find('=');
  double value = 0.0;
  const bool is_number = separator != std::string::npos && separator > 0 &&
                         CLI::detail::lexical_cast(text.substr(separator + 1), value) &&
                         std::abs(value) <= kLargestSetting;
  return is_number ? "" : "\"" + text + "\" is not of the form name=number";
}

}  // namespace

void AddRunOptions(CLI::App& command, RunOptions& options) {
  command.add_option("--model", options.model, "model file made by earshot-convert")->required();
  command.add_option("--method", options.request.method, "method or loop; earshot inspect lists them")
      ->required();
  command
      .add_option("--input", options.input, "safetensors file with the inputs, one example, by their names")
      ->required();
  command.add_option("--output", options.output, "safetensors file to write the outputs to")->required();
  command
      .add_option("--set", options.settings,
                  "name=number: a length that no input decides, or a setting of the loop")
      ->check(CheckSetting)
      ->type_name("NAME=NUMBER");
  command.add_flag("--states", options.request.keeps_states,
                   "write the states too, as they are after the run");
  AddThreadsOption(command, options.num_threads, "threads that compute");
}

Status RunFiles(const RunOptions& options, const std::function<Status(ModelRun&)>& execute) {
  InputFiles files;
  files.Add(options.model);
  files.Add(options.input);
  EARSHOT_RETURN_IF_ERROR(files.Check(options.output));
  RunRequest request = options.request;
  for (const std::string& setting : options.settings) {
    const size_t separator = setting.find('=');
    CLI::detail::lexical_cast(setting.substr(separator + 1), request.settings[setting.substr(0, separator)]);
  }
  EARSHOT_ASSIGN_OR_RETURN(request.inputs, ReadTensorFile(options.input));
  EARSHOT_ASSIGN_OR_RETURN(
      const LoadedModel model,
      LoadedModel::Load(options.model, {.num_threads = options.num_threads, .exact_logits = true}));
  EARSHOT_ASSIGN_OR_RETURN(ModelRun run, ModelRun::Create(model, request));
  EARSHOT_RETURN_IF_ERROR(execute(run));
  EARSHOT_ASSIGN_OR_RETURN(const Tensors results, run.Results());
  return WriteTensorFile(options.output, results);
}

void AddRunCommand(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& command =
      *app.add_subcommand("run", "Run a method or a loop of a model over arrays of a safetensors file");
  AddRunOptions(command, *options);
  command.callback([options, &chosen] {
    chosen = [options] {
      const Status status = RunFiles(*options, [](ModelRun& run) { return run.Execute(); });
      if (status.ok()) return kExitOk;
      GetConsole().Error(status);
      return kExitFailure;
    };
  });
}

}  // namespace earshot::cli
