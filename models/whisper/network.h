// What the transcription loop needs of the neural network, so that it can be tested without one.
#ifndef EARSHOT_MODELS_WHISPER_NETWORK_H_
#define EARSHOT_MODELS_WHISPER_NETWORK_H_

#include <cstdint>
#include <span>

#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"

namespace earshot::whisper {

// The two methods of models/whisper/README.md over one encoder window and one decoder cache. Letters as
// there. Threads: one call at a time.
class Network {
 public:
  virtual int64_t vocab_size() const = 0;       // V
  virtual int64_t max_text_tokens() const = 0;  // positions of the decoder's cache
  virtual int64_t max_mel_frames() const = 0;   // 2S, rows of a full window
  virtual int64_t num_mels() const = 0;

  // Where to write a window of normalized log-mel before Encode: [mel_frames, num_mels] f32. mel_frames is
  // even, in [2, max_mel_frames]. The memory is the same for every window.
  virtual Result<Matrix<float>> MelInput(int64_t mel_frames) = 0;

  // Runs the encoder over the first mel_frames of the input. Decode attends to the result from then on.
  virtual Status Encode(int64_t mel_frames) = 0;

  // Appends tokens at `position` of the cache (0 begins anew; a smaller position than before forgets what
  // came after it) and returns the logits [V] that follow the last one. The caller may change them; the
  // memory is the same for every call. Errors: kInvalidArgument if there are no tokens, one is not in [0, V),
  // or they leave the cache.
  virtual Result<std::span<float>> Decode(std::span<const int32_t> tokens, int64_t position) = 0;

  // Sequences that DecodeBeams can continue side by side; 0: none.
  virtual int64_t max_beams() const = 0;

  // Begins so many beams, all with the first `tokens` of the cache of Decode.
  virtual Status BeginBeams(int64_t beams, int64_t tokens) = 0;

  // Appends tokens[b] to beam b, all of which hold `position` tokens, and returns the logits [beams, V] that
  // follow, on the terms of Decode. There may be fewer tokens than beams began: the last ones rest.
  virtual Result<Matrix<float>> DecodeBeams(std::span<const int32_t> tokens, int64_t position) = 0;

  // Beam b goes on as parents[b] stood before the call. Beams differ in the tokens [begin, end) only.
  virtual Status ReorderBeams(std::span<const int32_t> parents, int64_t begin, int64_t end) = 0;

  // Windows that DecodeWindows can continue side by side; 0: none. Their caches hold this many tokens each.
  virtual int64_t max_windows() const = 0;
  virtual int64_t max_window_tokens() const = 0;

  // Keeps what Encode has computed last as window `window` of those that are decoded side by side. Number 0
  // begins anew; all further ones have as many mel_frames.
  virtual Status KeepWindow(int64_t window) = 0;

  // Appends tokens[w] to what window w has said, all of which hold `position` tokens, and returns the logits
  // [windows, V] that follow, on the terms of Decode. There may be fewer tokens than windows were kept: the
  // last ones rest.
  virtual Result<Matrix<float>> DecodeWindows(std::span<const int32_t> tokens, int64_t position) = 0;

  // Window `to`, which is forgotten, becomes window `from`, with its first `tokens`.
  virtual Status MoveWindow(int64_t from, int64_t to, int64_t tokens) = 0;

 protected:
  ~Network() = default;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_NETWORK_H_
