// The transcription of a whole recording: window after window, each cut into segments.
#ifndef EARSHOT_MODELS_WHISPER_TRANSCRIBER_H_
#define EARSHOT_MODELS_WHISPER_TRANSCRIBER_H_

#include <cstdint>
#include <span>

#include "models/common/token_list.h"
#include "models/whisper/dimensions.h"
#include "models/whisper/network.h"
#include "models/whisper/segment_splitter.h"
#include "models/whisper/transcription.h"
#include "models/whisper/window_decoder.h"
#include "models/whisper/window_features.h"
#include "models/whisper/window_group.h"
#include "runtime/core/status.h"
#include "runtime/memory/arena.h"

namespace earshot::whisper {

// The method of Radford et al. 2022, section 4.5: each window of 30 s begins where the last finished segment
// of the one before ended. Owns nothing, borrows its memory; never touches the heap. Threads: one call at a
// time.
class Transcriber {
 public:
  // Takes its memory from the arena; from a measuring one the result is kOutOfMemory, and the arena knows the
  // bytes.
  static Result<Transcriber> Create(const Dimensions& dimensions, const ThreadPool& pool, Arena& arena);

  // See WhisperSession.
  static Status CheckOptions(const TranscribeOptions& options);
  Status Run(Network& network, const AudioSource& audio, const TranscribeOptions& options, const Sink& sink,
             Summary& summary);

  // Encodes the first window of `audio` as Run does at first.
  Status EncodeFirstWindow(Network& network, const AudioSource& audio, const TranscribeOptions& options);

  const Vocabulary& vocabulary() const { return decoder_.tables().vocabulary; }

 private:
  struct Recording;
  Transcriber(const WindowFeatures& features, const WindowDecoder& decoder, const WindowGroup& group)
      : features_(features), decoder_(decoder), group_(group) {}

  Status CheckArguments(const AudioSource& audio, const TranscribeOptions& options,
                        int32_t& language_token) const;
  Status ComputeFeatures(Recording& recording, int64_t mel_frames);
  static Status SkipWindow(Recording& recording, int64_t content_ms);
  Status TranscribeUpToPause(Recording& recording);
  Status TranscribeWindow(Recording& recording, bool ends_in_pause = false);
  Status AcceptWindow(Recording& recording, const WindowTranscript& transcript, const WindowSpan& window);
  bool WantsGroup(const Recording& recording) const;
  Status TranscribeGroup(Recording& recording);
  Status EncodeGroup(Recording& recording, int64_t mel_frames);
  Status DecodeGroup(Recording& recording, int64_t longest_ms);
  Status FinishGrouped(Recording& recording, const GroupedWindow& window);
  Status EncodeAndDecode(Recording& recording, int64_t content_ms, WindowTranscript& transcript);
  Status DecodeFrames(Recording& recording, int64_t mel_frames, const TranscribeOptions& options,
                      WindowTranscript& transcript);
  Status EmitSegments(Recording& recording, SegmentSplitter& splitter, const WindowTranscript& transcript);
  Result<std::string_view> CleanText(std::span<const int32_t> tokens);

  WindowFeatures features_;
  WindowDecoder decoder_;
  WindowGroup group_;
  TokenList previous_;    // what was said, as a prompt for the next window
  std::span<char> text_;  // of one segment, well-formed UTF-8
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_TRANSCRIBER_H_
