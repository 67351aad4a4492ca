// Cutting the tokens of one window into segments, and finding where the next window begins.
#ifndef EARSHOT_MODELS_WHISPER_SEGMENT_SPLITTER_H_
#define EARSHOT_MODELS_WHISPER_SEGMENT_SPLITTER_H_

#include <cstdint>
#include <span>

#include "models/whisper/vocabulary.h"

namespace earshot::whisper {

// One window's place in the recording.
struct WindowSpan {
  int64_t begin_ms = 0;
  int64_t content_ms = 0;  // audio in the window, > 0; what follows is padding
  // The recording pauses at the end of the window: a segment that is unfinished there ends with it.
  bool ends_in_pause = false;
};

struct SegmentSpan {
  int64_t start_ms = 0;  // in the recording
  int64_t end_ms = 0;    // may lie beyond the content: the model hears the padding too
  std::span<const int32_t> tokens = {};
};

// Pairs of timestamps cut the window into segments. Where there is a pair, what follows the last one is
// unfinished: it is left out, and the next window begins where the last finished segment ended; unless the
// tokens end in a single timestamp, which says that nothing was heard after it, or the window ends in a
// pause. Without a pair the whole window is one segment.
//
//   <0.00> a <2.00><2.40> b <5.00>     [0.00 a 2.00] [2.40 b 5.00], on after the whole window
//   <0.00> a <2.00><2.40> b            [0.00 a 2.00], on at 2.00
//     the same, ends in a pause        [0.00 a 2.00] [2.40 b end of the audio], on after the whole window
//   <0.40> a <3.00>                    [0.40 a 3.00], on after the whole window
//   <0.40> a                           [0.40 a end of the audio], on after the whole window
//
// The paper's implementation does the same, but for the last two begins the segment at 0.00, and ends the
// last at 0.40. Walks once; borrows the tokens. Never allocates.
class SegmentSplitter {
 public:
  SegmentSplitter(const Vocabulary& vocabulary, const WindowSpan& window, std::span<const int32_t> tokens);

  // The next segment, empty ones included; false after the last.
  bool Next(SegmentSpan* segment);

  // How far the next window begins after this one, > 0. Known from the start.
  int64_t advance_ms() const { return advance_ms_; }

 private:
  bool IsCut(size_t index) const;
  int64_t TimeMs(int32_t timestamp) const;
  void FindAdvance();
  SegmentSpan WholeWindow() const;
  SegmentSpan UpToThePause(std::span<const int32_t> tokens) const;

  const Vocabulary& vocabulary_;
  WindowSpan window_;
  std::span<const int32_t> tokens_;
  bool has_pairs_ = false;
  bool ends_in_single_timestamp_ = false;
  bool ends_in_text_ = false;  // before a pause
  int64_t advance_ms_ = 0;
  size_t next_token_ = 0;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_SEGMENT_SPLITTER_H_
