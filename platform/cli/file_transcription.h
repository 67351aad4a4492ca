// One file from its name to its transcript, with progress and Ctrl-C.
#ifndef EARSHOT_PLATFORM_CLI_FILE_TRANSCRIPTION_H_
#define EARSHOT_PLATFORM_CLI_FILE_TRANSCRIPTION_H_

#include <cstdint>
#include <functional>
#include <string>

#include "platform/cli/progress.h"
#include "platform/cli/speech_model.h"
#include "platform/cli/writers/transcript.h"
#include "runtime/core/status.h"

namespace earshot::cli {

struct FileTranscriptionRequest {
  std::string path;  // "-" is standard input
  const TranscribeOptions& options;
  // When the recording is open and before its first segment; may be null. An error ends the transcription.
  std::function<Status()> on_begin;
  // For each segment as it arises; may be null. An error ends the transcription.
  std::function<Status(const TranscriptSegment&)> on_segment;
  // After each window, with what was processed of the recording up to there; may be null.
  std::function<void(int64_t processed_ms)> on_window;
};

// Valid also after an error, with everything up to there.
struct FileTranscription {
  Status status;       // kCancelled: interrupted
  bool begun = false;  // the recording could be opened
  Transcript transcript;
  Summary summary;
  ProgressState progress;  // where it ended
};

// How a file is called in messages.
std::string DisplayName(const std::string& path);

// Shows progress on a terminal, and a warning if the recording is damaged. The status has the file's name in
// it.
FileTranscription TranscribeFile(SpeechModel& model, const FileTranscriptionRequest& request);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_FILE_TRANSCRIPTION_H_
