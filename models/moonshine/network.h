// What the transcription needs of the neural network, so that it can be tested without one.
#ifndef EARSHOT_MODELS_MOONSHINE_NETWORK_H_
#define EARSHOT_MODELS_MOONSHINE_NETWORK_H_

#include <cstdint>
#include <span>

#include "runtime/core/status.h"

namespace earshot::moonshine {

// Threads: one call at a time.
class Network {
 public:
  // Where to write a segment of audio (16 kHz, mono, +-1) before Encode: room for the longest one. The memory
  // is the same for every segment.
  virtual Result<std::span<float>> AudioInput() = 0;

  // Runs the encoder over the first `samples` of the input. Decode attends to the result from then on.
  virtual Status Encode(int64_t samples) = 0;

  // Appends tokens at `position` of the decoder's cache, 0 to begin anew, and returns the logits [V] that
  // follow the last one; the memory is the same for every call. kInvalidArgument if there are no tokens, one
  // is not in the vocabulary, or they leave the cache.
  virtual Result<std::span<const float>> Decode(std::span<const int32_t> tokens, int64_t position) = 0;

 protected:
  ~Network() = default;
};

}  // namespace earshot::moonshine

#endif  // EARSHOT_MODELS_MOONSHINE_NETWORK_H_
