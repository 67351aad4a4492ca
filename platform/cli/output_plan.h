// Where the transcripts of several files go; what cannot work is refused before any work begins.
#ifndef EARSHOT_PLATFORM_CLI_OUTPUT_PLAN_H_
#define EARSHOT_PLATFORM_CLI_OUTPUT_PLAN_H_

#include <string>
#include <vector>

#include "platform/cli/writers/transcript_format.h"
#include "runtime/core/status.h"

namespace earshot::cli {

struct OutputPlan {
  std::vector<std::string> inputs;  // "-" is standard input
  std::vector<TranscriptFormat> formats;
  std::string directory;  // empty: standard output
  std::string model;      // the file of the model, which no result may replace either
};

// "talk" for "dir/talk.en.mp3" is "talk.en"; "stdin" for "-".
std::string OutputStem(const std::string& input);

// kInvalidArgument: more than one format, or several files in a format that cannot be told apart (srt, vtt,
// tsv), for standard output; standard input named twice; two inputs whose results would have the same name; a
// result that would replace an input or the model.
Status CheckOutputPlan(const OutputPlan& plan);

// Makes the directory if there is none, and tells whether files can be made in it. kIo with the system's
// reason.
Status PrepareOutputDirectory(const std::string& directory);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_OUTPUT_PLAN_H_
