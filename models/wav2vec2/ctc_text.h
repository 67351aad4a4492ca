// From the best token of each frame to text: connectionist temporal classification (Graves et al. 2006,
// section 3.2).
#ifndef EARSHOT_MODELS_WAV2VEC2_CTC_TEXT_H_
#define EARSHOT_MODELS_WAV2VEC2_CTC_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "models/common/token_decoder.h"
#include "runtime/core/status.h"

namespace earshot::wav2vec2 {

// What the frames [first_frame, end_frame) say; both 0 where they say nothing.
struct CtcText {
  size_t num_tokens = 0;  // in the buffer of tokens
  size_t num_bytes = 0;   // in the buffer of text, without spaces at the ends
  int64_t first_frame = 0;
  int64_t end_frame = 0;
};

// Memory that the caller gives.
struct CtcBuffers {
  std::span<int32_t> tokens;
  std::span<char> text;
};

// `best`: the likeliest token of each frame. Neighbours that are alike are one token, and blanks none; a
// token whose piece is empty has no text. Spaces that follow each other become one. Never allocates.
// kOutOfMemory if a buffer is too small: as many tokens as frames, and the longest piece for each, always
// suffice.
Result<CtcText> DecodeCtc(std::span<const int32_t> best, int32_t blank, const TokenDecoder& pieces,
                          const CtcBuffers& buffers);

}  // namespace earshot::wav2vec2

#endif  // EARSHOT_MODELS_WAV2VEC2_CTC_TEXT_H_
