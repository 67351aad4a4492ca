// DecodeCtc.
#include "models/wav2vec2/ctc_text.h"

#include <algorithm>
#include <string_view>

namespace earshot::wav2vec2 {
namespace {

// Appends a piece, but no space at the begin and no second one.
Status Append(std::string_view piece, std::span<char> text, size_t& used) {
  for (const char c : piece) {
    if (c == ' ' && (used == 0 || text[used - 1] == ' ')) continue;
    if (used == text.size())
      return Status::Error(StatusCode::kOutOfMemory, "text of more than %zu bytes", text.size());
    text[used++] = c;
  }
  return Status::Ok();
}

}  // namespace

Result<CtcText> DecodeCtc(std::span<const int32_t> best, int32_t blank, const TokenDecoder& pieces,
                          const CtcBuffers& buffers) {
  CtcText result;
  int32_t before = blank;
  for (size_t frame = 0; frame < best.size(); ++frame) {
    const int32_t token = best[frame];
    if (token != blank) {
      if (result.end_frame == 0) result.first_frame = static_cast<int64_t>(frame);
      result.end_frame = static_cast<int64_t>(frame) + 1;
    }
    if (token != before && token != blank) {
      if (result.num_tokens == buffers.tokens.size())
        return Status::Error(StatusCode::kOutOfMemory, "more than %zu tokens", buffers.tokens.size());
      buffers.tokens[result.num_tokens++] = token;
      EARSHOT_RETURN_IF_ERROR(Append(pieces.Bytes(token), buffers.text, result.num_bytes));
    }
    before = token;
  }
  while (result.num_bytes > 0 && buffers.text[result.num_bytes - 1] == ' ') --result.num_bytes;
  return result;
}

}  // namespace earshot::wav2vec2
