// OutputPlan: the checks that need no model.
#include "platform/cli/output_plan.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <system_error>

#include "platform/cli/writers/transcript_writer.h"
#include "platform/files/input_files.h"

namespace earshot::cli {
namespace {

Status CheckStandardOutput(const OutputPlan& plan) {
  if (plan.formats.size() > 1) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "several formats cannot share standard output; add --output-dir DIR");
  }
  const TranscriptFormat format = plan.formats.front();
  // Text gets a heading for each file, and JSON is one object a line; the others have nothing that would part
  // the files.
  const bool can_be_told_apart = format == TranscriptFormat::kTxt || format == TranscriptFormat::kJson;
  if (plan.inputs.size() > 1 && !can_be_told_apart) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "several files as %s cannot share standard output; add --output-dir DIR",
                         TranscriptFormatName(format));
  }
  return Status::Ok();
}

Status CheckInputsAreKept(const OutputPlan& plan) {
  InputFiles inputs;
  inputs.Add(plan.model);
  for (const std::string& input : plan.inputs) inputs.Add(input == "-" ? "/dev/stdin" : input);
  for (const std::string& input : plan.inputs) {
    for (const TranscriptFormat format : plan.formats) {
      EARSHOT_RETURN_IF_ERROR(inputs.Check(TranscriptPath(plan.directory, OutputStem(input), format)));
    }
  }
  return Status::Ok();
}

}  // namespace

std::string OutputStem(const std::string& input) {
  return input == "-" ? "stdin" : std::filesystem::path(input).stem().string();
}

Status CheckOutputPlan(const OutputPlan& plan) {
  if (std::count(plan.inputs.begin(), plan.inputs.end(), "-") > 1) {
    return Status::Error(StatusCode::kInvalidArgument, "standard input (-) can be read only once");
  }
  if (plan.directory.empty()) return CheckStandardOutput(plan);
  std::map<std::string, std::string> input_of_stem;
  for (const std::string& input : plan.inputs) {
    const auto [first, is_new] = input_of_stem.emplace(OutputStem(input), input);
    if (is_new) continue;
    return Status::Error(
        StatusCode::kInvalidArgument,
        "%s and %s would both be written to %s.%s; transcribe them into different directories",
        first->second.c_str(), input.c_str(), (std::filesystem::path(plan.directory) / first->first).c_str(),
        TranscriptFormatName(plan.formats.front()));
  }
  return CheckInputsAreKept(plan);
}

Status PrepareOutputDirectory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!std::filesystem::is_directory(directory)) {
    return Status::Error(StatusCode::kIo, "%s cannot be the output directory: %s", directory.c_str(),
                         error ? error.message().c_str() : "it is not a directory");
  }
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    return Status::Error(StatusCode::kIo, "cannot write into %s: %s; choose another --output-dir",
                         directory.c_str(), std::strerror(errno));
  }
  return Status::Ok();
}

}  // namespace earshot::cli
