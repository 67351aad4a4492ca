// Options of decoding; names as users of other Whisper programs know them.
#include "platform/cli/decoding_options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <span>

namespace earshot::cli {
namespace {

constexpr const char* kGroup = "Decoding";

std::string CheckTemperature(const std::string& text) {
  float temperature = 0;
  if (!CLI::detail::lexical_cast(text, temperature) || !std::isfinite(temperature) || temperature < 0 ||
      temperature > 2) {
    return "a temperature is a number from 0 to 2, not \"" + text + "\"";
  }
  return "";
}

std::string CheckNoNan(const std::string& text) {
  float number = 0;
  return CLI::detail::lexical_cast(text, number) && !std::isnan(number) ? ""
                                                                        : "\"" + text + "\" is no number";
}

}  // namespace

void DecodingOptions::Finish() {
  language = CLI::detail::to_lower(language);
  options.language = language == "auto" ? "" : std::string_view(language);
  options.task = task == "translate" ? Task::kTranslate : Task::kTranscribe;
  options.padding =
      padding == "zero-mel" ? speech::WindowPadding::kZeroMel : speech::WindowPadding::kSilentAudio;
  options.margin_ms = static_cast<int>(std::lround(margin_s * 1000));
  options.stop_loops = !no_loop_guard;
  if (!temperatures.empty()) options.temperatures = temperatures;
  if (no_fallback) options.temperatures = options.temperatures.first(1);
}

void AddLanguageOptions(CLI::App& command, DecodingOptions& decoding) {
  command
      .add_option("-l,--language", decoding.language,
                  "language that is spoken, as a code such as en or de; by default it is detected in the "
                  "first window")
      ->type_name("CODE");
  command.add_option("--task", decoding.task, "transcribe, or translate into English (multilingual models)")
      ->type_name("TASK")
      ->capture_default_str()
      ->check(CLI::IsMember({"transcribe", "translate"}).description(""));
}

void AddDecodingOptions(CLI::App& command, DecodingOptions& decoding) {
  TranscribeOptions& options = decoding.options;
  command
      .add_option("--temperature", decoding.temperatures,
                  "tried in order until the text passes the thresholds; 0 takes the most likely token, "
                  "default 0,0.2,0.4,0.6,0.8,1")
      ->type_name("T,...")
      ->delimiter(',')
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false)
      ->check(CheckTemperature)
      ->group(kGroup);
  command.add_flag("--no-fallback", decoding.no_fallback, "try only the first temperature")->group(kGroup);
  command
      .add_option("--beam-size", options.beam_size,
                  "hypotheses followed at temperature 0, up to 5; 1 takes the most likely token each time")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 5).description(""))
      ->group(kGroup);
  command
      .add_option(
          "--batch-size", options.batch_size,
          "windows of a long recording decoded side by side, up to 8: faster, in more memory; cuts it at "
          "quiet places")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 8).description(""))
      ->group(kGroup);
  command
      .add_flag("--whole-windows", options.whole_windows,
                "hear a long recording in windows of 30 s that begin where the text before ended, instead of "
                "cutting it at quiet places")
      ->group(kGroup);
  command.add_option("--best-of", options.best_of, "samples drawn at temperatures above 0")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 100).description(""))
      ->group(kGroup);
  const auto add_threshold = [&command](const char* name, float& threshold, const char* help) {
    command.add_option(name, threshold, help)
        ->type_name("X")
        ->capture_default_str()
        ->check(CheckNoNan)
        ->group(kGroup);
  };
  add_threshold("--compression-ratio-threshold", options.compression_ratio_threshold,
                "text that compresses by more than this factor repeats itself: try the next temperature");
  add_threshold("--logprob-threshold", options.logprob_threshold,
                "an average log-probability below this is too doubtful: try the next temperature");
  add_threshold("--no-speech-threshold", options.no_speech_threshold,
                "doubtful text where silence is more likely than this is dropped");
  command
      .add_flag("--no-loop-guard", decoding.no_loop_guard,
                "do not stop a window as soon as it repeats itself")
      ->group(kGroup);
  command
      .add_flag("--condition-on-previous-text", options.condition_on_previous_text,
                "let the text of a window steer the next one; more consistent, but errors and loops spread")
      ->group(kGroup);
  command
      .add_option("--max-tokens", options.max_new_tokens,
                  "tokens of a window of 30 s at most; 0: half of what the model can hold")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20).description(""))
      ->group(kGroup);
  command
      .add_option("--padding", decoding.padding,
                  "what the model hears behind the end: silence, or zero-mel as in faster-whisper")
      ->type_name("KIND")
      ->capture_default_str()
      ->check(CLI::IsMember({"silence", "zero-mel"}).description(""))
      ->group(kGroup);
  command
      .add_option("--margin", decoding.margin_s,
                  "seconds of padding that the model hears behind short audio; 30: whole windows, slower")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 30.0).description(""))
      ->group(kGroup);
  command.add_option("--seed", options.seed, "of the samples at temperatures above 0")
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
}

}  // namespace earshot::cli
