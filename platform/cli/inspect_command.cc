// `earshot inspect MODEL`: what is in a model file and how much memory it takes.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "platform/cli/attention_picture.h"
#include "platform/cli/commands.h"
#include "platform/cli/common_options.h"
#include "platform/cli/console.h"
#include "platform/cli/exit_code.h"
#include "platform/cli/inspect_report.h"
#include "platform/cli/model_loader.h"
#include "platform/cli/model_tensors.h"
#include "platform/cli/output.h"
#include "platform/cli/speech_model.h"
#include "platform/cli/tensor_file.h"
#include "platform/files/atomic_file.h"
#include "platform/files/input_files.h"

namespace earshot::cli {
namespace {

struct Options {
  std::string model;
  size_t num_threads = 0;
  std::string packed_weights;
  bool json = false;
  std::string tensors;    // file to write
  std::string attention;  // picture to write
  int64_t num_tokens = 256;
};

// kInvalidModel where the weights are damaged.
Result<std::string> CheckWeights(const LoadedModel& model) {
  const auto stored = model.program().model().weights_xxh64();
  if (!stored.has_value()) return std::string("none: converted by an older version");
  if (const Status status = model.program().VerifyWeights(); !status.ok())
    return status.WithContext("%s", model.path().c_str());
  char text[40];
  std::snprintf(text, sizeof(text), "%016llx, right", static_cast<unsigned long long>(*stored));
  return std::string(text);
}

Result<InspectReport> Inspect(const Options& options) {
  EARSHOT_ASSIGN_OR_RETURN(const LoadedModel model,
                           LoadedModel::Load(options.model, {options.num_threads, options.packed_weights}));
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements memory, MeasureModel(model));
  EARSHOT_ASSIGN_OR_RETURN(const std::string checksum, CheckWeights(model));
  return InspectReport{.path = model.path(),
                       .model = DescribeModel(model.program()),
                       .checksum = checksum,
                       .num_threads = options.num_threads,
                       .memory = memory};
}

Status WriteTensors(const Options& options) {
  EARSHOT_ASSIGN_OR_RETURN(const LoadedModel model, LoadedModel::Load(options.model, {.num_threads = 1}));
  InputFiles files;
  files.Add(options.model);
  EARSHOT_RETURN_IF_ERROR(files.Check(options.tensors));
  return WriteTensorFile(options.tensors, ModelTensors(model.program()));
}

Status WriteAttention(const Options& options) {
  EARSHOT_ASSIGN_OR_RETURN(const LoadedModel model, LoadedModel::Load(options.model, {.num_threads = 1}));
  InputFiles files;
  files.Add(options.model);
  EARSHOT_RETURN_IF_ERROR(files.Check(options.attention));
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<AttentionPanel> panels,
                           AttentionPanels(model.program(), options.num_tokens));
  if (panels.empty()) {
    return Status::Error(
        StatusCode::kInvalidArgument,
        "%s: nothing to draw: no op of the kind Attention, whose patterns stand in the file; "
        "clusters are made while a model runs, and linear attention selects no keys",
        options.model.c_str());
  }
  return WriteFileAtomically(options.attention, {AttentionSvg(panels)});
}

int ExitCodeOf(const Status& status) {
  if (status.ok()) return kExitOk;
  GetConsole().Error(status);
  return kExitFailure;
}

int Run(const Options& options) {
  if (!options.tensors.empty()) return ExitCodeOf(WriteTensors(options));
  if (!options.attention.empty()) return ExitCodeOf(WriteAttention(options));
  const auto report = Inspect(options);
  if (!report.ok()) {
    GetConsole().Error(report.status());
    return kExitFailure;
  }
  return FinishOutput(
      WriteStandardOutput(options.json ? InspectJson(report.value()) : InspectText(report.value())));
}

}  // namespace

void AddInspectCommand(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      *app.add_subcommand("inspect", "Show what is in a model file and how much memory it takes");
  command.add_option("MODEL", options->model, "model file made by earshot-convert")->required();
  AddThreadsOption(command, options->num_threads, "threads of the session whose memory is measured");
  AddPackedWeightsOption(command, options->packed_weights);
  command.add_flag("--json", options->json, "print JSON");
  command.add_option("--tensors", options->tensors,
                     "write the weights, dequantized, to this safetensors file, and print nothing");
  command
      .add_option("--attention", options->attention,
                  "draw which keys the queries of each head see into this SVG file, and print nothing")
      ->excludes("--tensors");
  command
      .add_option("--attention-tokens", options->num_tokens,
                  "queries of the picture of --attention [1..4096]")
      ->check(CLI::Range(1, 4096).description(""))
      ->capture_default_str();
  command.callback([options, &chosen] { chosen = [options] { return Run(*options); }; });
}

}  // namespace earshot::cli
