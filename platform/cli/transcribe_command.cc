// `earshot transcribe`: speech to text, file by file.
#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/cli/commands.h"
#include "platform/cli/common_options.h"
#include "platform/cli/console.h"
#include "platform/cli/decoding_options.h"
#include "platform/cli/exit_code.h"
#include "platform/cli/file_transcription.h"
#include "platform/cli/interrupt.h"
#include "platform/cli/model_loader.h"
#include "platform/cli/op_trace.h"
#include "platform/cli/output.h"
#include "platform/cli/output_plan.h"
#include "platform/cli/peak_memory.h"
#include "platform/cli/printable.h"
#include "platform/cli/speech_model.h"
#include "platform/cli/trace_file.h"
#include "platform/cli/units.h"
#include "platform/cli/writers/transcript_writer.h"

namespace earshot::cli {
namespace {

struct Options {
  OutputPlan outputs;
  std::vector<std::string> formats = {"txt"};
  size_t num_threads = 0;
  std::string packed_weights;
  bool exact_logits = false;
  DecodingOptions decoding;
  bool no_timestamps = false;
  bool quiet = false;
  std::string trace_path;
};

// The results of one file, either printed as they arise or written at its end.
class FileOutput {
 public:
  FileOutput(const OutputPlan& plan, size_t index)
      : plan_(plan), index_(index), writer_(plan.formats.front()) {}

  Status Begin() {
    if (!prints()) return Status::Ok();
    std::string text = writer_.Begin();
    if (plan_.formats.front() == TranscriptFormat::kTxt && plan_.inputs.size() > 1) {
      text =
          (index_ > 0 ? "\n==> " : "==> ") + Printable(DisplayName(plan_.inputs[index_])) + " <==\n" + text;
    }
    return WriteStandardOutput(text);
  }

  Status Add(const TranscriptSegment& segment) {
    return prints() ? WriteStandardOutput(writer_.Add(segment)) : Status::Ok();
  }

  Status End(const Transcript& transcript) {
    if (prints()) return WriteStandardOutput(writer_.End(transcript.language, transcript.duration_s));
    for (const TranscriptFormat format : plan_.formats) {
      EARSHOT_RETURN_IF_ERROR(
          SaveTranscript(transcript, format, plan_.directory, OutputStem(plan_.inputs[index_])));
    }
    return Status::Ok();
  }

 private:
  bool prints() const { return plan_.directory.empty(); }

  const OutputPlan& plan_;
  size_t index_;
  TranscriptWriter writer_;
};

// What became of a file.
enum class Outcome { kDone, kFailed, kInterrupted, kOutputGone };

void ReportDone(const FileTranscription& file, const Options& options, const SpeechModel& model) {
  std::string line = FinalLine(file.progress, PeakMemoryBytes());
  if (options.decoding.options.language.empty() && !model.english_only() &&
      !file.transcript.language.empty()) {
    line += ", language " + file.transcript.language + " (" +
            Fixed(100.0 * static_cast<double>(file.summary.language_probability), 0) + " %)";
  }
  GetConsole().Note("%s", line.c_str());
}

void ReportInterrupted(const FileTranscription& file, size_t files_left) {
  if (file.begun) {
    GetConsole().Error("%s: interrupted after %s of %s; its transcript is incomplete",
                       file.progress.name.c_str(),
                       Clock(static_cast<double>(file.progress.processed_ms) / 1000).c_str(),
                       Clock(static_cast<double>(file.progress.total_ms) / 1000).c_str());
  } else {
    GetConsole().Error("%s: interrupted before it was begun", file.progress.name.c_str());
  }
  if (files_left > 0) GetConsole().Error("interrupted; not begun: %zu more", files_left);
}

// A model with what transcriptions by it leave behind.
struct Transcriber {
  std::unique_ptr<OpTrace> trace;  // nullptr where none is wanted
  std::unique_ptr<SpeechModel> model;
};

Outcome TranscribeOne(Transcriber& transcriber, const Options& options, size_t index) {
  SpeechModel& model = *transcriber.model;
  OpTrace* trace = transcriber.trace.get();
  FileOutput output(options.outputs, index);
  Status output_status;
  const auto checked = [&output_status](Status status) { return output_status = std::move(status); };
  const FileTranscription file = TranscribeFile(
      model, {.path = options.outputs.inputs[index],
              .options = options.decoding.options,
              .on_begin =
                  [&] {
                    if (trace != nullptr) trace->BeginWindows();
                    return checked(output.Begin());
                  },
              .on_segment = [&](const TranscriptSegment& segment) { return checked(output.Add(segment)); },
              .on_window =
                  [&](int64_t processed_ms) {
                    if (trace != nullptr) trace->EndWindow(processed_ms);
                  }});
  if (file.begun && output_status.ok()) output_status = output.End(file.transcript);
  const bool interrupted = file.status.code() == StatusCode::kCancelled && Interrupted();
  if (interrupted) ReportInterrupted(file, options.outputs.inputs.size() - index - 1);
  if (!output_status.ok()) {
    FinishOutput(output_status);
    // Without standard output nothing that follows makes sense; another file may well be written.
    if (options.outputs.directory.empty()) return Outcome::kOutputGone;
    return interrupted ? Outcome::kInterrupted : Outcome::kFailed;
  }
  if (interrupted) return Outcome::kInterrupted;
  if (!file.status.ok()) {
    const bool is_partial = !file.transcript.segments.empty();
    GetConsole().Error("%s%s", file.status.message(), is_partial ? "; its transcript is incomplete" : "");
    return Outcome::kFailed;
  }
  ReportDone(file, options, model);
  return Outcome::kDone;
}

int TranscribeAll(Transcriber& transcriber, const Options& options) {
  int exit_code = kExitOk;
  for (size_t i = 0; i < options.outputs.inputs.size(); ++i) {
    switch (TranscribeOne(transcriber, options, i)) {
      case Outcome::kDone:
        break;
      case Outcome::kFailed:
        exit_code = kExitFailure;
        break;
      case Outcome::kInterrupted:
        return InterruptedExitCode();
      case Outcome::kOutputGone:
        return kExitFailure;
    }
  }
  return exit_code;
}

int Fail(const Status& status, int exit_code) {
  GetConsole().Error(status);
  return exit_code;
}

// Transcribes with the model, and saves the trace if one is wanted.
int RunModel(LoadedModel& model, const Options& options) {
  Transcriber transcriber;
  if (!options.trace_path.empty()) {
    std::vector<std::string> inputs = options.outputs.inputs;
    inputs.push_back(options.outputs.model);
    if (const Status status = CheckTracePath(options.trace_path, inputs); !status.ok())
      return Fail(status, kExitFailure);
    transcriber.trace = std::make_unique<OpTrace>(model.program());
    model.SetObserver(transcriber.trace->observer());
  }
  MakeRoomFor(options.decoding.options, model);
  auto speech_model = CreateSpeechModel(model);
  if (!speech_model.ok()) return Fail(speech_model.status(), kExitFailure);
  transcriber.model = std::move(speech_model.value());
  if (const Status status = transcriber.model->CheckOptions(options.decoding.options); !status.ok())
    return Fail(status, kExitUsage);
  const int exit_code = TranscribeAll(transcriber, options);
  if (transcriber.trace == nullptr) return exit_code;
  if (const Status status = SaveTrace(options.trace_path, *transcriber.trace); !status.ok())
    return Fail(status, kExitFailure);
  return exit_code;
}

int Run(Options& options) {
  CatchSignals();
  GetConsole().SetQuiet(options.quiet);
  options.decoding.Finish();
  options.decoding.options.timestamps = !options.no_timestamps;
  for (const std::string& name : options.formats)
    options.outputs.formats.push_back(ParseTranscriptFormat(name).value());
  if (const Status status = CheckOutputPlan(options.outputs); !status.ok()) return Fail(status, kExitUsage);
  if (!options.outputs.directory.empty()) {
    if (const Status status = PrepareOutputDirectory(options.outputs.directory); !status.ok())
      return Fail(status, kExitFailure);
  }
  auto model = LoadedModel::Load(options.outputs.model,
                                 {options.num_threads, options.packed_weights, options.exact_logits});
  if (!model.ok()) return Fail(model.status(), kExitFailure);
  return RunModel(model.value(), options);
}

std::string CheckFormat(const std::string& name) {
  const auto format = ParseTranscriptFormat(name);
  return format.ok() ? "" : format.status().message();
}

void AddOutputOptions(CLI::App& command, Options& options) {
  command
      .add_option("-f,--format", options.formats,
                  "txt, srt, vtt, tsv or json; with --output-dir several, separated by commas; default txt")
      ->type_name("FORMAT")
      ->delimiter(',')
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false)
      ->check(CheckFormat);
  command
      .add_option("-o,--output-dir", options.outputs.directory,
                  "write <name of the file>.<format> there instead of printing")
      ->type_name("DIR");
  command.add_flag("--no-timestamps", options.no_timestamps,
                   "one segment for each window of 30 s, without times of its own");
  AddTraceOption(command, options.trace_path);
  command.add_flag("-q,--quiet", options.quiet, "print nothing but results and errors");
}

}  // namespace

void AddTranscribeCommand(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand("transcribe", "Turn recorded speech into text");
  command.add_option("FILE", options->outputs.inputs, "recordings: WAV, FLAC or MP3; - is standard input")
      ->required();
  command.add_option("-m,--model", options->outputs.model, "model file made by earshot-convert")
      ->type_name("MODEL")
      ->required();
  AddOutputOptions(command, *options);
  AddLanguageOptions(command, options->decoding);
  AddThreadsOption(command, options->num_threads, "threads to run on");
  AddPackedWeightsOption(command, options->packed_weights);
  AddExactLogitsOption(command, options->exact_logits);
  AddDecodingOptions(command, options->decoding);
  command.footer(
      "Examples:\n"
      "  earshot transcribe -m base.earshot talk.mp3\n"
      "  earshot transcribe -m base.earshot --language de --format srt,json --output-dir out *.wav\n"
      "  arecord -f S16_LE -r 16000 -d 10 | earshot transcribe -m base.earshot -\n"
      "Ends with 0 if all went well, 1 if a file failed, 2 if the command line is wrong, 130 after Ctrl-C "
      "(what was decoded is kept).");
  command.callback([options, &chosen] { chosen = [options] { return Run(*options); }; });
}

}  // namespace earshot::cli
