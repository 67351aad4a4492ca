// `earshot evaluate`: error rate and speed of a model on recordings with known transcripts.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/cli/commands.h"
#include "platform/cli/common_options.h"
#include "platform/cli/console.h"
#include "platform/cli/decoding_options.h"
#include "platform/cli/evaluate_report.h"
#include "platform/cli/evaluation.h"
#include "platform/cli/exit_code.h"
#include "platform/cli/file_transcription.h"
#include "platform/cli/interrupt.h"
#include "platform/cli/manifest.h"
#include "platform/cli/model_loader.h"
#include "platform/cli/output.h"
#include "platform/cli/scorer.h"
#include "platform/cli/sequence_evaluation.h"
#include "platform/cli/sequence_model.h"
#include "platform/cli/speech_model.h"
#include "platform/cli/token_pairs.h"
#include "platform/cli/tsv.h"
#include "platform/files/atomic_file.h"
#include "platform/files/input_files.h"

namespace earshot::cli {
namespace {

struct Options {
  std::string model;
  std::string manifest;
  std::string pairs;
  std::string language;
  std::string spelling;
  std::string output;
  std::string compare;
  size_t limit = 0;
  size_t num_threads = 0;
  std::string packed_weights;
  bool exact_logits = false;
  DecodingOptions decoding;
  bool no_timestamps = false;
  bool detect_language = false;
  bool summary = false;
  bool json = false;
  bool quiet = false;
};

// A rate of errors by words needs words.
void LeaveOutClipsWithoutWords(const Scorer& scorer, std::vector<ManifestClip>& clips) {
  const auto has_no_words = [&scorer](const ManifestClip& clip) {
    return scorer.Count(clip.language, clip.transcript, "").ReferenceTokens() == 0;
  };
  const auto first = std::ranges::find_if(clips, has_no_words);
  if (first == clips.end()) return;
  const std::string example = first->id;
  const size_t num_left_out = std::erase_if(clips, has_no_words);
  GetConsole().Warning("%zu clips are left out, \"%s\" for example: their transcripts have no words",
                       num_left_out, example.c_str());
}

// The clips that are asked for, that the model knows the language of, and that can be scored.
Result<std::vector<ManifestClip>> ChooseClips(std::vector<ManifestClip> clips, const Options& options,
                                              const SpeechModel& model, const Scorer& scorer) {
  if (!options.language.empty())
    std::erase_if(clips, [&](const ManifestClip& clip) { return clip.language != options.language; });
  const size_t num_asked_for = clips.size();
  std::erase_if(
      clips, [&](const ManifestClip& clip) { return !model.CheckOptions({.language = clip.language}).ok(); });
  if (clips.size() < num_asked_for) {
    GetConsole().Warning("%zu clips are left out: the model does not know their language",
                         num_asked_for - clips.size());
  }
  LeaveOutClipsWithoutWords(scorer, clips);
  if (clips.empty()) {
    return Status::Error(
        StatusCode::kInvalidArgument,
        "%s has no clip to evaluate: with words in its transcript, in a language that was asked for and that "
        "the model knows",
        options.manifest.c_str());
  }
  if (options.limit > 0 && clips.size() > options.limit) clips.resize(options.limit);
  return clips;
}

Result<Scorer> MakeScorer(const Options& options) {
  if (options.spelling.empty()) return Scorer(SpellingTable());
  EARSHOT_ASSIGN_OR_RETURN(const std::string json, ReadTextFile(options.spelling));
  auto spellings = ParseSpellingTable(json);
  if (!spellings.ok()) return spellings.status().WithContext("%s", options.spelling.c_str());
  return Scorer(spellings.value());
}

EvaluatedClip Evaluated(const ManifestClip& clip, const FileTranscription& file, const Scorer& scorer) {
  std::string text;
  for (const TranscriptSegment& segment : file.transcript.segments) text += segment.text;
  text.erase(0, text.find_first_not_of(' ') == std::string::npos ? text.size() : text.find_first_not_of(' '));
  return {.clip = clip,
          .text = text,
          .counts = scorer.Count(clip.language, clip.transcript, text),
          .audio_s = static_cast<double>(file.progress.total_ms) / 1000,
          .elapsed_s = file.progress.elapsed_s,
          .fallbacks = file.summary.fallbacks,
          .other = {}};
}

struct Run {
  std::vector<EvaluatedClip> clips;
  size_t num_failed = 0;
  bool interrupted = false;
};

Run EvaluateClips(SpeechModel& model, const std::vector<ManifestClip>& clips, const Scorer& scorer,
                  const Options& options) {
  Run run;
  for (const ManifestClip& clip : clips) {
    TranscribeOptions transcribe_options = options.decoding.options;
    transcribe_options.language = options.detect_language ? "" : std::string_view(clip.language);
    const FileTranscription file = TranscribeFile(
        model,
        {.path = clip.path, .options = transcribe_options, .on_begin = nullptr, .on_segment = nullptr});
    if (file.status.code() == StatusCode::kCancelled) {
      run.interrupted = true;
      GetConsole().Error("interrupted; the figures are those of %zu clips out of %zu", run.clips.size(),
                         clips.size());
      break;
    }
    if (!file.status.ok()) {
      GetConsole().Error(file.status);
      ++run.num_failed;
      continue;
    }
    run.clips.push_back(Evaluated(clip, file, scorer));
  }
  return run;
}

// Opened before the work, so that a wrong path costs no time.
struct Files {
  std::optional<AtomicFileWriter> output;
  std::optional<TextsById> other;
};

Status CheckInputsAreKept(const Options& options, const std::vector<ManifestClip>& clips) {
  InputFiles inputs;
  for (const std::string& path : {options.model, options.manifest, options.spelling, options.compare})
    inputs.Add(path);
  for (const ManifestClip& clip : clips) inputs.Add(clip.path);
  return inputs.Check(options.output);
}

Result<Files> OpenFiles(const Options& options) {
  Files files;
  if (!options.output.empty()) {
    EARSHOT_ASSIGN_OR_RETURN(files.output, AtomicFileWriter::Create(options.output));
  }
  if (!options.compare.empty()) {
    EARSHOT_ASSIGN_OR_RETURN(files.other, ReadTexts(options.compare));
  }
  return files;
}

Result<int> Evaluate(const Options& options) {
  EARSHOT_ASSIGN_OR_RETURN(std::vector<ManifestClip> all_clips, ReadManifest(options.manifest));
  if (const Status kept = CheckInputsAreKept(options, all_clips); !kept.ok()) {
    GetConsole().Error(kept);
    return kExitUsage;
  }
  EARSHOT_ASSIGN_OR_RETURN(const Scorer scorer, MakeScorer(options));
  EARSHOT_ASSIGN_OR_RETURN(Files files, OpenFiles(options));
  EARSHOT_ASSIGN_OR_RETURN(
      LoadedModel model,
      LoadedModel::Load(options.model, {options.num_threads, options.packed_weights, options.exact_logits}));
  MakeRoomFor(options.decoding.options, model);
  EARSHOT_ASSIGN_OR_RETURN(const std::unique_ptr<SpeechModel> speech_model, CreateSpeechModel(model));
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<ManifestClip> clips,
                           ChooseClips(std::move(all_clips), options, *speech_model, scorer));
  Run run = EvaluateClips(*speech_model, clips, scorer, options);
  if (run.num_failed > 0) GetConsole().Error("%zu clips failed and are not counted", run.num_failed);
  if (files.output) {
    EARSHOT_RETURN_IF_ERROR(files.output->Append(HypothesesTsv(run.clips, scorer)));
    EARSHOT_RETURN_IF_ERROR(files.output->Commit());
  }
  if (files.other && AddOtherSystem(*files.other, scorer, run.clips) == 0) {
    GetConsole().Warning("%s has none of the evaluated clips", options.compare.c_str());
  }
  const EvaluateReport report{
      .clips = std::move(run.clips), .other_path = options.compare, .lists_clips = !options.summary};
  const Status written = WriteStandardOutput(options.json ? EvaluateJson(report) : EvaluateText(report));
  if (!written.ok()) return FinishOutput(written);
  if (run.interrupted) return InterruptedExitCode();
  return run.num_failed > 0 ? kExitFailure : kExitOk;
}

Result<int> EvaluatePairs(const Options& options) {
  EARSHOT_ASSIGN_OR_RETURN(std::vector<TokenPair> pairs, ReadTokenPairs(options.pairs));
  if (options.limit > 0 && pairs.size() > options.limit) pairs.resize(options.limit);
  InputFiles inputs;
  for (const std::string& path : {options.model, options.pairs}) inputs.Add(path);
  if (const Status kept = inputs.Check(options.output); !kept.ok()) {
    GetConsole().Error(kept);
    return kExitUsage;
  }
  EARSHOT_ASSIGN_OR_RETURN(Files files, OpenFiles(options));
  EARSHOT_ASSIGN_OR_RETURN(
      const LoadedModel model,
      LoadedModel::Load(options.model, {options.num_threads, options.packed_weights, true}));
  EARSHOT_ASSIGN_OR_RETURN(const std::unique_ptr<SequenceModel> sequences, SequenceModel::Create(model));
  const auto evaluation = EvaluateSequences(*sequences, pairs);
  if (!evaluation.ok()) return evaluation.status().WithContext("%s", options.pairs.c_str());
  if (files.output) {
    EARSHOT_RETURN_IF_ERROR(files.output->Append(SequenceTsv(pairs, evaluation.value())));
    EARSHOT_RETURN_IF_ERROR(files.output->Commit());
  }
  return FinishOutput(WriteStandardOutput(options.json ? SequenceJson(evaluation.value())
                                                       : SequenceText(evaluation.value())));
}

int ExitCodeOf(const Result<int>& exit_code) {
  if (exit_code.ok()) return exit_code.value();
  GetConsole().Error(exit_code.status());
  return kExitFailure;
}

int Start(Options& options) {
  CatchSignals();
  GetConsole().SetQuiet(options.quiet);
  if (!options.pairs.empty()) return ExitCodeOf(EvaluatePairs(options));
  options.decoding.Finish();
  options.decoding.options.timestamps = !options.no_timestamps;
  if (options.spelling.empty()) {
    GetConsole().Note("without --spelling, British and American spelling count as different words");
  }
  return ExitCodeOf(Evaluate(options));
}

}  // namespace

void AddEvaluateCommand(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "evaluate", "Measure error rates and speed on recordings with transcripts, or on texts");
  command.add_option("-m,--model", options->model, "model file made by earshot-convert")
      ->type_name("MODEL")
      ->required();
  CLI::Option_group& tables = *command.add_option_group("tables");
  tables
      .add_option("--manifest", options->manifest,
                  "table of clips: tab-separated, with the columns id, file (relative to the table), "
                  "language, transcript and perhaps source")
      ->type_name("TSV");
  tables
      .add_option(
          "--pairs", options->pairs,
          "for models from text to text: a table with the columns source and target, their tokens "
          "separated by spaces; prints cross-entropy with the right tokens given, and error rates and "
          "BLEU of what the model writes by itself")
      ->type_name("TSV");
  tables.require_option(1);
  command.add_option("-l,--language", options->language, "only clips in this language")->type_name("CODE");
  command.add_option("--limit", options->limit, "only so many clips or pairs, the first ones")
      ->type_name("N");
  command
      .add_option("--spelling", options->spelling, "British to American spelling for English, a JSON object")
      ->type_name("JSON");
  command
      .add_option("-o,--output", options->output, "write texts, error counts and times of each clip there")
      ->type_name("TSV");
  command
      .add_option(
          "--compare", options->compare,
          "compare with another system: a table with the columns id and text, such as --output writes")
      ->type_name("TSV");
  command.add_flag("--detect-language", options->detect_language,
                   "do not tell the model the language of a clip");
  command.add_flag("--no-timestamps", options->no_timestamps, "decode without timestamps");
  command.add_flag("-s,--summary", options->summary, "print no line for each clip");
  command.add_flag("--json", options->json, "print JSON");
  command.add_flag("-q,--quiet", options->quiet, "print nothing but results and errors");
  AddThreadsOption(command, options->num_threads, "threads to run on");
  AddPackedWeightsOption(command, options->packed_weights);
  AddExactLogitsOption(command, options->exact_logits);
  AddDecodingOptions(command, options->decoding);
  command.footer(
      "English is normalized as in Whisper's paper, other languages with its basic normalizer; zh, ja and ko "
      "are counted by character.\n"
      "Intervals are bootstrap intervals over clips (95 %); those of --compare are paired.");
  command.callback([options, &chosen] { chosen = [options] { return Start(*options); }; });
}

}  // namespace earshot::cli
