// earshot-convert: the checkpoint of a trained model in, one model file out.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "converter/calibrate/calibration_audio.h"
#include "converter/calibrate/collect_moments.h"
#include "converter/calibrate/whisper_probe.h"
#include "converter/emit/memory_file.h"
#include "converter/encoder_attention.h"
#include "converter/import/import_model.h"
#include "converter/ir/graph.h"
#include "converter/passes/batch_norm_report.h"
#include "converter/passes/limit_lengths.h"
#include "converter/passes/pipeline.h"
#include "converter/plan/memory_planner.h"
#include "converter/plan/plan_report.h"
#include "converter/plan/plan_verifier.h"
#include "converter/quantize/input_moments.h"
#include "converter/quantize/quantization_report.h"
#include "converter/quantize/quantize.h"
#include "models/whisper/config.h"
#include "platform/cli/command_line.h"
#include "platform/cli/console.h"
#include "platform/cli/exit_code.h"
#include "platform/cli/interrupt.h"
#include "platform/cli/memory_classes.h"
#include "platform/cli/output.h"
#include "platform/cli/units.h"
#include "platform/files/atomic_file.h"
#include "platform/files/input_files.h"
#include "platform/files/mapped_file.h"
#include "platform/files/memory_block.h"
#include "platform/threads/worker_threads.h"
#include "runtime/core/dtype.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"

namespace earshot {
namespace {

struct ConvertOptions {
  std::string input;
  std::string output;
  quantize::Options types;
  std::optional<int64_t> max_text_tokens;
  std::optional<int64_t> max_audio_frames;
  EncoderAttentionOptions encoder_attention;
  std::vector<std::string> calibration_audio;
  bool report = false;
  bool quiet = false;
};

// A model file in memory, checked as a device will check it before a byte of it reaches the disk.
struct CheckedModel {
  MemoryBlock bytes;
  MemoryRequirements memory;  // of a session with one thread on this machine
};

struct TypeOption {
  std::string name;
  std::string help;
  std::vector<std::string> types;
};

// --name with one of the types; calls store(type).
template <class Store>
void AddTypeOption(CLI::App& app, const TypeOption& option, const Store& store) {
  static const std::map<std::string, DType> kTypes = {
      {"int8", DType::kI8}, {"int4", DType::kI4}, {"f16", DType::kF16}, {"f32", DType::kF32}};
  app.add_option_function<std::string>(
         option.name, [store](const std::string& type) { store(kTypes.at(type)); }, option.help)
      ->check(CLI::IsMember(option.types));
}

// What is longer than the model can take is refused when that is known.
std::function<std::string(const std::string&)> AtLeast(int64_t minimum, const char* unit) {
  return [minimum, unit](const std::string& text) {
    int64_t length = 0;
    if (CLI::detail::lexical_cast(text, length) && length >= minimum) return std::string();
    return "\"" + text + "\" is too short; at least " + std::to_string(minimum) + " " + unit + " are needed";
  };
}

void AddOptions(CLI::App& app, ConvertOptions& options) {
  app.add_option("input", options.input, "directory of a Hugging Face or CTranslate2 checkpoint")->required();
  app.add_option("-o,--output", options.output, "model file to write")->required();
  const std::vector<std::string> any_type = {"int8", "int4", "f16", "f32"};
  AddTypeOption(app, {"--weights", "type of the weight matrices (default int8)", any_type},
                [&options](DType type) { options.types.weights = type; });
  AddTypeOption(app,
                {"--vocabulary-weights",
                 "type of the token table (default as --weights, but int8 instead of int4)", any_type},
                [&options](DType type) { options.types.vocabulary = type; });
  AddTypeOption(app,
                {"--encoder-attention-arithmetic",
                 "numbers that the encoder's attention multiplies (default int8 with int8 or int4 weights)",
                 {"int8", "f32"}},
                [&options](DType type) { options.types.attention = type; });
  AddEncoderAttentionOptions(app, options.encoder_attention);
  app.add_option(
         "--calibration-audio", options.calibration_audio,
         "recordings of speech (WAV, FLAC, MP3), or folders of them: for --encoder-attention auto, and "
         "for int4 weights that lose less")
      ->type_name("FILE...");
  app.add_option("--keep-int8", options.types.keep_int8,
                 "with int4: shell patterns of more tensors that stay int8, for example 'decoder.*.ffn.*'");
  app.add_option("--max-text-tokens", options.max_text_tokens,
                 "shorter text cache: less memory, shorter results")
      ->check(AtLeast(whisper::kMinTextTokens, "tokens"));
  app.add_option("--max-audio-frames", options.max_audio_frames,
                 "shorter windows, in encoder frames (20 ms for Whisper): less memory")
      ->check(AtLeast(whisper::kMinAudioFrames, "frames"));
  app.add_flag("--report", options.report, "print the error of every tensor and the memory plan");
  app.add_flag("--quiet", options.quiet, "print nothing but errors");
}

Status ApplyLimits(ir::Graph& graph, const ConvertOptions& options) {
  if (options.max_audio_frames) {
    EARSHOT_RETURN_IF_ERROR(passes::LimitLength(graph, "frames", *options.max_audio_frames));
  }
  if (!options.max_text_tokens) return Status::Ok();
  EARSHOT_RETURN_IF_ERROR(passes::LimitLength(graph, "tokens", *options.max_text_tokens));
  EARSHOT_RETURN_IF_ERROR(passes::LimitLength(graph, "end", *options.max_text_tokens));
  return passes::LimitLength(graph, "position", *options.max_text_tokens - 1);
}

void AddMetadata(ir::Graph& graph, const ConvertOptions& options) {
  graph.metadata["converter"] = "earshot-convert " EARSHOT_VERSION;
  graph.metadata["weights"] = DTypeName(options.types.weights);
  if (options.types.vocabulary) graph.metadata["vocabulary_weights"] = DTypeName(*options.types.vocabulary);
  if (options.types.weights == DType::kI4 && !options.calibration_audio.empty())
    graph.metadata["weights_calibration"] = "speech";
  if (options.types.attention)
    graph.metadata["encoder_attention_arithmetic"] = DTypeName(*options.types.attention);
}

Status PlanMemory(ir::Graph& graph) {
  EARSHOT_RETURN_IF_ERROR(plan::PlanMemory(graph));
  return plan::VerifyPlan(graph);
}

Result<CheckedModel> Emit(const ir::Graph& graph) {
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock block, emit::WriteModelToMemory(graph));
  EARSHOT_ASSIGN_OR_RETURN(const Program program, Program::Load(block.bytes()));
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements memory, Session::Measure(program, {}));
  return CheckedModel{std::move(block), memory};
}

Status WriteFile(const std::string& path, std::span<const std::byte> bytes) {
  constexpr size_t kPieceBytes = size_t{4} << 20;
  EARSHOT_ASSIGN_OR_RETURN(AtomicFileWriter writer, AtomicFileWriter::Create(path));
  while (!bytes.empty()) {
    if (cli::Interrupted()) return Status::Error(StatusCode::kCancelled, "interrupted; nothing was written");
    const auto piece = bytes.first(std::min(bytes.size(), kPieceBytes));
    EARSHOT_RETURN_IF_ERROR(writer.Append(piece));
    bytes = bytes.subspan(piece.size());
  }
  return writer.Commit();
}

std::string Summary(const ConvertOptions& options, const CheckedModel& model,
                    std::span<const quantize::TensorReport> tensors) {
  std::string text = options.output + ": " + cli::Megabytes(model.bytes.bytes().size()) + " (" +
                     quantize::FormatTypeSummary(tensors) + ")\na session needs " +
                     cli::Megabytes(model.memory.total_bytes()) + " beside the file (one thread, this CPU):";
  const char* separator = " ";
  for (const cli::MemoryClass& part : cli::ArenaClasses(model.memory)) {
    text += separator;
    text += part.name;
    text += ' ';
    text += cli::Megabytes(part.size_bytes);
    separator = ", ";
  }
  return text + "\n";
}

Status CheckKeepInt8(const quantize::Options& types) {
  const bool has_int4 = types.weights == DType::kI4 || types.vocabulary == DType::kI4;
  if (has_int4 || types.keep_int8.empty()) return Status::Ok();
  return Status::Error(StatusCode::kInvalidArgument,
                       "--keep-int8 \"%s\" means nothing without --weights int4 or --vocabulary-weights int4",
                       types.keep_int8.front().c_str());
}

Status CheckCalibration(const ConvertOptions& options) {
  const bool is_auto = options.encoder_attention.is_auto(), is_given = !options.calibration_audio.empty();
  if (is_auto && !is_given)
    return Status::Error(
        StatusCode::kInvalidArgument,
        "--encoder-attention auto needs recordings to measure on: --calibration-audio FILE...");
  if (is_auto || !is_given || options.types.weights == DType::kI4) return Status::Ok();
  return Status::Error(
      StatusCode::kInvalidArgument,
      "--calibration-audio means nothing without --encoder-attention auto or --weights int4");
}

// Calibration transcribes as Whisper does.
Status CheckCanCalibrate(const ir::Graph& graph, const ConvertOptions& options) {
  if (options.calibration_audio.empty() || graph.family == "whisper") return Status::Ok();
  return Status::Error(
      StatusCode::kUnsupported,
      "--calibration-audio: models of the family \"%s\" cannot be run on speech while they are "
      "converted, only Whisper's; leave the option out",
      graph.family.c_str());
}

// None where nobody asked.
Result<std::vector<calibrate::Clip>> ReadClips(const ir::Graph& graph, const ConvertOptions& options) {
  if (options.calibration_audio.empty()) return std::vector<calibrate::Clip>();
  return calibrate::ReadCalibrationAudio(options.calibration_audio,
                                         {.max_clip_samples = calibrate::WindowSamples(graph)});
}

// What int4 weights are to be chosen for; nothing where nobody asked.
Result<quantize::MomentsByTensor> CollectMoments(const ir::Graph& graph, const ConvertOptions& options,
                                                 const std::vector<calibrate::Clip>& clips) {
  if (options.types.weights != DType::kI4 || clips.empty()) return quantize::MomentsByTensor();
  EARSHOT_ASSIGN_OR_RETURN(const WorkerThreads threads, WorkerThreads::Start(WorkerThreads::DefaultCount()));
  return calibrate::CollectMoments(graph, clips,
                                   {.pool = threads.pool(), .on_progress = [](const std::string& what) {
                                      cli::GetConsole().SetProgress("--calibration-audio", what);
                                    }});
}

// No file of the checkpoint may be lost; a model file that was put beside them may be replaced by a new one.
Status CheckCheckpointIsKept(const ConvertOptions& options) {
  const Result<MappedFile> present = MappedFile::Open(options.output);
  if (present.ok() && IsModelFile(present->bytes())) return Status::Ok();
  InputFiles inputs;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(options.input, error), end; !error && entry != end;
       entry.increment(error)) {
    inputs.Add(entry->path().string());
  }
  return inputs.Check(options.output);
}

Status Convert(const ConvertOptions& options) {
  cli::Console& console = cli::GetConsole();
  console.SetProgress(options.input, "reading the checkpoint");
  EARSHOT_ASSIGN_OR_RETURN(ir::Graph graph, checkpoint::ImportModel(options.input));
  EARSHOT_RETURN_IF_ERROR(CheckCanCalibrate(graph, options));
  EARSHOT_RETURN_IF_ERROR(ApplyLimits(graph, options));
  AddMetadata(graph, options);
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<calibrate::Clip> clips, ReadClips(graph, options));
  EARSHOT_ASSIGN_OR_RETURN(quantize::MomentsByTensor moments, CollectMoments(graph, options, clips));
  console.SetProgress(options.input, "rewriting the graph");
  EARSHOT_RETURN_IF_ERROR(passes::RunPasses(graph, passes::Pipeline()));
  console.SetProgress(options.input, "quantizing the weights");
  quantize::Options types = options.types;
  types.input_moments = &moments;
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<quantize::TensorReport> tensors,
                           quantize::Quantize(graph, types));
  EARSHOT_ASSIGN_OR_RETURN(const std::string heads,
                           SetEncoderAttention(graph, options.encoder_attention, clips));
  console.SetProgress(options.input, "planning the memory");
  EARSHOT_RETURN_IF_ERROR(PlanMemory(graph));
  console.SetProgress(options.input, "writing the model file");
  EARSHOT_ASSIGN_OR_RETURN(const CheckedModel model, Emit(graph));
  cli::CatchSignals();  // until here there was nothing to clean up
  EARSHOT_RETURN_IF_ERROR(WriteFile(options.output, model.bytes.bytes()));
  console.ClearProgress();
  std::string text;
  if (options.report) {
    text = quantize::FormatTensorTable(tensors) + "\n" + passes::FormatBatchNorms(graph) + heads +
           plan::FormatMemoryPlan(graph) + "\n";
  }
  if (const auto left_out = graph.metadata.find("left_out");
      !options.quiet && left_out != graph.metadata.end())
    text += "left out, since the encoder alone is converted: " + left_out->second + "\n";
  if (!options.quiet) text += Summary(options, model, tensors);
  return cli::WriteStandardOutput(text);
}

int Run(int argc, char** argv) {
  ConvertOptions options;
  CLI::App app("Converts the checkpoint of a speech model into one file that earshot runs.",
               "earshot-convert");
  app.set_version_flag("--version", "earshot-convert " EARSHOT_VERSION);
  AddOptions(app, options);
  if (const auto exit_code = cli::ParseCommandLine(app, argc, argv)) return *exit_code;
  cli::GetConsole().SetQuiet(options.quiet);
  for (const Status& check :
       {CheckKeepInt8(options.types), CheckCalibration(options), CheckCheckpointIsKept(options)}) {
    if (check.ok()) continue;
    cli::GetConsole().Error(check);
    return cli::kExitUsage;
  }
  const Status status = Convert(options);
  cli::GetConsole().ClearProgress();
  if (status.code() == StatusCode::kCancelled && cli::Interrupted()) return cli::InterruptedExitCode();
  return cli::FinishOutput(status);
}

}  // namespace
}  // namespace earshot

int main(int argc, char** argv) {
  earshot::cli::GetConsole().SetProgram("earshot-convert");
  try {
    return earshot::Run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, mostly
    earshot::cli::GetConsole().Error("%s", error.what());
    return earshot::cli::kExitFailure;
  }
}
