// A recording of any length as the transcription reads it: pieces at 16 kHz that may step back.
#ifndef EARSHOT_PLATFORM_CLI_RECORDING_H_
#define EARSHOT_PLATFORM_CLI_RECORDING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/audio/audio_reader.h"
#include "runtime/core/status.h"

namespace earshot::cli {

// Holds about a minute of audio, more if asked to. What is no longer than that is decoded once; a longer
// recording is decoded a first time to count its samples, because headers may lie or say nothing, and again
// while it is transcribed: decoding takes about a thousandth of the time that transcribing does. What cannot
// be read twice, such as standard input, is kept encoded in memory. Owns its memory. Movable. Threads: not
// thread-safe.
class Recording {
 public:
  // `path` "-" is standard input. `windows`: of 30 s, how far one may go back (max_step_back). Errors: those
  // of AudioReader::Open; kCancelled after Ctrl-C; kInvalidArgument where standard input is a terminal.
  static Result<Recording> Open(const std::string& path, int windows = 1);

  int64_t total_samples() const { return static_cast<int64_t>(total_samples_); }

  // Fills `samples` with the audio from `first_sample` on, which must lie within the recording. Going back
  // further than max_step_back() is possible and slow. Errors: kInvalidArgument (out of range), kIo (the file
  // has changed or vanished).
  Status Read(int64_t first_sample, std::span<float> samples);

  // kInvalidAudio if the recording ends early or has unusable samples.
  const Status& warning() const { return warning_; }

  size_t max_step_back() const { return max_step_back_; }  // samples

 private:
  Recording(std::string path, size_t max_step_back) : path_(std::move(path)), max_step_back_(max_step_back) {}
  Status Rewind();
  Status MeasureLength();
  Status ReadMore();
  Status Changed() const;

  std::string path_;
  size_t max_step_back_;
  std::vector<std::byte> encoded_;  // of what cannot be read twice
  bool in_memory_ = false;
  std::optional<AudioReader> reader_;
  std::vector<float> buffer_;  // samples [buffer_begin_, buffer_begin_ + buffer_.size())
  uint64_t buffer_begin_ = 0;
  uint64_t total_samples_ = 0;
  Status warning_;
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_RECORDING_H_
