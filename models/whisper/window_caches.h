// Caches of windows that are decoded side by side (Network::DecodeWindows).
//
// Letters: N windows at most, S encoder frames at most, P positions, F frames of the windows at hand, d
// width. What window w listens to are rows [w F, w F + F) of a state [N S, 2d]; what it has said at position
// p is row p N + w of another one [N P, 2d].
#ifndef EARSHOT_MODELS_WHISPER_WINDOW_CACHES_H_
#define EARSHOT_MODELS_WHISPER_WINDOW_CACHES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"

namespace earshot::whisper {

// Views of a session's states, which must outlive it. Threads: one call at a time.
class WindowCaches {
 public:
  // Of a layer: what Encode fills [S, 2d], and what all windows listen to; likewise for scales, where there
  // are some. Errors: kInvalidModel (they do not fit), kUnsupported (too many layers).
  Status AddHeard(const MatrixView& one, const MatrixView& windows);
  // Of a layer, after the first call of AddHeard: what the windows say.
  Status AddSaid(const MatrixView& windows);

  int64_t max_windows() const { return max_windows_; }  // N; 0: there is no layer
  int64_t max_tokens() const { return max_tokens_; }    // P
  int64_t frames() const { return frames_; }            // F; 0: no window is kept

  // Makes what Encode has filled, `frames` rows, window `window`; F = frames with window 0. Precondition:
  // they fit.
  void Keep(int64_t window, int64_t frames);

  // Window `to` becomes window `from`, with `tokens` positions.
  void Move(int64_t from, int64_t to, int64_t tokens) const;

 private:
  static constexpr size_t kMaxStates = 256;

  struct Heard {
    MatrixView one;
    MatrixView windows;
  };
  void CopyRows(const MatrixView& from, int64_t from_row, const MatrixView& to, int64_t to_row) const;

  std::array<Heard, kMaxStates> heard_;
  std::array<MatrixView, kMaxStates> said_;
  size_t num_heard_ = 0, num_said_ = 0;
  int64_t max_windows_ = 0, max_tokens_ = 0, frames_ = 0;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_WINDOW_CACHES_H_
