// `earshot pack MODEL`: packs the weights once, so that every later start is spared it.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "platform/cli/commands.h"
#include "platform/cli/console.h"
#include "platform/cli/exit_code.h"
#include "platform/cli/model_loader.h"
#include "platform/cli/output.h"
#include "platform/cli/units.h"
#include "platform/files/atomic_file.h"
#include "platform/files/input_files.h"
#include "platform/files/memory_block.h"
#include "runtime/engine/packed_model.h"

namespace earshot::cli {
namespace {

struct Options {
  std::string model;
  std::string output;
  bool quiet = false;
};

Result<std::string> OutputPath(const Options& options) {
  if (!options.output.empty()) return options.output;
  EARSHOT_ASSIGN_OR_RETURN(const PackedWeightsSuffix suffix, SuffixOfPackedWeights());
  return options.model + suffix.data();
}

// Returns the size of the file.
Result<uint64_t> Pack(const LoadedModel& model, const std::string& output) {
  EARSHOT_RETURN_IF_ERROR(model.program().VerifyWeights());
  SessionOptions options = model.session_options();
  options.memory_is_zero = true;  // a MemoryBlock
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed, Session::Measure(model.program(), options));
  EARSHOT_ASSIGN_OR_RETURN(const MemoryBlock memory, MemoryBlock::Allocate(needed.total_bytes()));
  Arena arena(memory.bytes());
  EARSHOT_ASSIGN_OR_RETURN(const Session session, Session::Create(model.program(), arena, options));
  EARSHOT_ASSIGN_OR_RETURN(AtomicFileWriter writer, AtomicFileWriter::Create(output));
  EARSHOT_RETURN_IF_ERROR(WritePackedWeights(
      session, {.context = &writer, .write = [](void* context, std::span<const std::byte> bytes) {
                  return static_cast<AtomicFileWriter*>(context)->Append(bytes);
                }}));
  EARSHOT_RETURN_IF_ERROR(writer.Commit());
  return writer.written_bytes();
}

int Fail(const Status& status, int exit_code) {
  GetConsole().Error(status);
  return exit_code;
}

int Run(const Options& options) {
  const auto model = LoadedModel::Load(options.model, {.packed_weights = kNoPackedWeights});
  if (!model.ok()) return Fail(model.status(), kExitFailure);
  const auto output = OutputPath(options);
  if (!output.ok()) return Fail(output.status(), kExitFailure);
  InputFiles inputs;
  inputs.Add(options.model);
  if (const Status status = inputs.Check(output.value()); !status.ok()) return Fail(status, kExitUsage);
  const auto size_bytes = Pack(model.value(), output.value());
  if (!size_bytes.ok())
    return Fail(size_bytes.status().WithContext("%s", options.model.c_str()), kExitFailure);
  if (options.quiet) return kExitOk;
  return FinishOutput(WriteStandardOutput(output.value() + ": " + Megabytes(size_bytes.value()) + "\n"));
}

}  // namespace

void AddPackCommand(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      *app.add_subcommand("pack", "Prepare a model for fast starts on this kind of CPU, in a file beside it");
  command.add_option("MODEL", options->model, "model file made by earshot-convert")->required();
  command
      .add_option("-o,--output", options->output,
                  "write this file instead, to be named with --packed-weights later")
      ->type_name("FILE");
  command.add_flag("-q,--quiet", options->quiet, "print nothing but errors");
  command.footer(
      "At its start a program brings the weights into the order that this CPU's instructions want. The file "
      "holds "
      "them in that order; the other commands find it beside the model and use it in place. It may be "
      "removed at any "
      "time, and must be made again for another model, another version of Earshot or another kind of CPU.");
  command.callback([options, &chosen] { chosen = [options] { return Run(*options); }; });
}

}  // namespace earshot::cli
