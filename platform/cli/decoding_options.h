// The options that steer decoding, shared by `transcribe` and `evaluate`.
#ifndef EARSHOT_PLATFORM_CLI_DECODING_OPTIONS_H_
#define EARSHOT_PLATFORM_CLI_DECODING_OPTIONS_H_

#include <string>
#include <vector>

#include "platform/cli/speech_model.h"

namespace CLI {
class App;
}

namespace earshot::cli {

// What was given on the command line. The views in `options` point into the other members, so it stays where
// it is.
struct DecodingOptions {
  DecodingOptions() = default;
  DecodingOptions(const DecodingOptions&) = delete;
  DecodingOptions& operator=(const DecodingOptions&) = delete;

  TranscribeOptions options;
  std::string language;
  std::string task = "transcribe";
  std::string padding = "silence";
  double margin_s = speech::kDefaultMarginMs / 1000.0;
  std::vector<float> temperatures;  // empty: the default ones
  bool no_fallback = false;
  bool no_loop_guard = false;

  // To be called when the command line has been read: makes `options` complete.
  void Finish();
};

// Adds them to the command, as a group of their own in its help; --language and --task only by
// AddLanguageOptions.
void AddDecodingOptions(CLI::App& command, DecodingOptions& decoding);
void AddLanguageOptions(CLI::App& command, DecodingOptions& decoding);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_DECODING_OPTIONS_H_
