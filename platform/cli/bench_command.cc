// `earshot bench MODEL`: how fast a model runs on this machine, step by step.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "platform/cli/bench_report.h"
#include "platform/cli/bench_runner.h"
#include "platform/cli/commands.h"
#include "platform/cli/common_options.h"
#include "platform/cli/console.h"
#include "platform/cli/exit_code.h"
#include "platform/cli/interrupt.h"
#include "platform/cli/output.h"

namespace earshot::cli {
namespace {

struct Options {
  std::string model;
  BenchPlan plan;
  bool json = false;
};

int Run(const Options& options) {
  CatchSignals();
  const auto report = RunBench(options.model, options.plan);
  if (!report.ok() && report.status().code() == StatusCode::kCancelled) return InterruptedExitCode();
  if (!report.ok()) {
    GetConsole().Error(report.status());
    return kExitFailure;
  }
  return FinishOutput(
      WriteStandardOutput(options.json ? BenchJson(report.value()) : BenchText(report.value())));
}

}  // namespace

void AddBenchCommand(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      *app.add_subcommand("bench", "Measure how fast a model runs on this machine, and its memory");
  command.add_option("MODEL", options->model, "model file made by earshot-convert")->required();
  AddThreadsOption(command, options->plan.num_threads, "threads to run on");
  AddPackedWeightsOption(command, options->plan.packed_weights);
  command.add_option("-r,--repeats", options->plan.repeats, "measurements of each step")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000).description(""));
  command.add_option("--tokens", options->plan.num_tokens, "tokens decoded one by one")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000).description(""));
  command
      .add_option("--audio", options->plan.audio_path,
                  "recording to encode instead of noise, and to transcribe as a whole")
      ->type_name("FILE");
  command.add_flag("--roofline", options->plan.roofline,
                   "compare each kind of op with what this machine's arithmetic and memory allow");
  AddTraceOption(command, options->plan.trace_path);
  command.add_flag("--json", options->json, "print JSON");
  command.callback([options, &chosen] { chosen = [options] { return Run(*options); }; });
}

}  // namespace earshot::cli
