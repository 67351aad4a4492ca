// How well a text compresses: Whisper's test for a decoder that repeats itself.
#ifndef EARSHOT_MODELS_COMMON_COMPRESSION_RATIO_H_
#define EARSHOT_MODELS_COMMON_COMPRESSION_RATIO_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "runtime/core/status.h"

namespace earshot {

// Bytes of a text divided by the bytes of its zlib stream (level 6, as Python's zlib.compress), the measure
// of Radford et al. 2022, section 4.5: above 2.4 a segment counts as a repetition loop. Borrows its memory;
// never touches the heap. Threads: not thread-safe.
class CompressionRatio {
 public:
  // Bytes that Create needs: zlib's window and hash chains for 32 KiB of history.
  static constexpr size_t kWorkspaceBytes = (256 + 16) << 10;

  // `memory`: aligned to kArenaAlignment, must outlive the object.
  // kInvalidArgument: misaligned. kOutOfMemory: less than this zlib needs. kInternal: zlib refuses.
  static Result<CompressionRatio> Create(std::span<std::byte> memory);

  // 0 for an empty text. Any length; nothing is kept between calls.
  float Compute(std::string_view text);

 private:
  struct State;
  explicit CompressionRatio(State* state) : state_(state) {}
  State* state_;  // in the caller's memory
};

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_COMPRESSION_RATIO_H_
