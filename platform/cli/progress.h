// Progress of one transcription: how far, how fast, how long still.
#ifndef EARSHOT_PLATFORM_CLI_PROGRESS_H_
#define EARSHOT_PLATFORM_CLI_PROGRESS_H_

#include <cstdint>
#include <string>

namespace earshot::cli {

struct ProgressState {
  std::string name;          // of the file
  int64_t processed_ms = 0;  // of the audio
  int64_t total_ms = 0;      // > 0
  double elapsed_s = 0;      // since the begin of the transcription
};

// "42%  0:31 of 1:14  25.3x real time  0:02 left". Speed and time left are missing as long as nothing is
// known.
std::string ProgressText(const ProgressState& state);

// "a.wav: 11.0 s in 0.42 s (26x real time), peak memory 71 MB"; without memory where peak_memory_bytes is 0.
std::string FinalLine(const ProgressState& state, uint64_t peak_memory_bytes);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_PROGRESS_H_
