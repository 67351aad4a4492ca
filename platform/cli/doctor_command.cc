// `earshot doctor [MODEL...]`: looks at this machine and at model files, and says what to do about problems.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "platform/cli/commands.h"
#include "platform/cli/diagnosis.h"
#include "platform/cli/exit_code.h"
#include "platform/cli/kernel_levels.h"
#include "platform/cli/model_loader.h"
#include "platform/cli/output.h"
#include "platform/cli/speech_model.h"
#include "platform/cpu/board_state.h"
#include "platform/cpu/cores.h"
#include "platform/cpu/cpu_info.h"
#include "platform/threads/worker_threads.h"
#include "runtime/xnnpack/xnnpack_arena.h"

namespace earshot::cli {
namespace {

struct Options {
  std::vector<std::string> models;
  bool json = false;
};

// Model files in the working directory and in its folder "models", where the demo puts them.
std::vector<std::string> FindModels() {
  std::vector<std::string> paths;
  for (const char* folder : {".", "models"}) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->path().extension() == ".earshot") paths.push_back(entry->path().lexically_normal().string());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

ModelCheckup Examine(const std::string& path) {
  ModelCheckup checkup = {.path = path};
  const auto model = LoadedModel::Load(path, {.num_threads = WorkerThreads::DefaultCount()});
  if (!model.ok()) {
    checkup.error = model.status().message();
    return checkup;
  }
  const auto memory = MeasureModel(model.value());
  if (!memory.ok()) {
    checkup.error = path + ": " + memory.status().message();
    return checkup;
  }
  checkup.file_bytes = memory->weights_bytes + memory->packed_file_bytes;
  checkup.session_bytes = memory->total_bytes();
  checkup.has_packed_weights = memory->packed_file_bytes > 0;
  return checkup;
}

int Run(const Options& options) {
  Examination examination = {.cpu = ReadCpuInfo(),
                             .cores = AllowedCores(),
                             .board = ReadBoardState(),
                             .default_threads = WorkerThreads::DefaultCount(),
                             .pointer_bits = 8 * sizeof(void*)};
  if (const Status start = InitializeXnnpack(); !start.ok())
    examination.matrix_kernels_error = start.message();
  examination.kernels = ChosenKernelLevels(examination.cpu);
  for (const std::string& path : options.models.empty() ? FindModels() : options.models)
    examination.models.push_back(Examine(path));
  const std::vector<Finding> findings = Diagnose(examination);
  const int exit_code = FinishOutput(WriteStandardOutput(
      options.json ? DiagnosisJson(examination, findings) : DiagnosisText(examination, findings)));
  const bool has_problem =
      std::ranges::any_of(findings, [](const Finding& f) { return f.severity == Severity::kProblem; });
  return exit_code == kExitOk && has_problem ? kExitFailure : exit_code;
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "doctor", "Look at this machine and the models on it; say what is wrong and what to do about it");
  command.add_option("MODEL", options->models, "model files (default: those found here and in models/)");
  command.add_flag("--json", options->json, "print JSON");
  command.footer("The exit status is 1 if there is a problem.");
  command.callback([options, &chosen] { chosen = [options] { return Run(*options); }; });
}

}  // namespace earshot::cli
