// Token ids to text: each id stands for a run of raw bytes, which only together need to be UTF-8.
#ifndef EARSHOT_MODELS_COMMON_TOKEN_DECODER_H_
#define EARSHOT_MODELS_COMMON_TOKEN_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/core/status.h"

namespace earshot {

// The table of a model file: token i is blob[offsets[i] .. offsets[i + 1]). The converter has already undone
// whatever the tokenizer does to bytes (GPT-2's printable alphabet, SentencePiece's "▁"). Borrows the table;
// owns nothing; never allocates. Threads: immutable after Create, share freely.
class TokenDecoder {
 public:
  // `offsets` has one entry more than there are tokens. Ids from first_special on (end of text, timestamps,
  // languages) have no text, whatever the table holds for them; they may lie beyond it. kInvalidModel: no
  // offsets, offsets that decrease or leave the blob, first_special beyond the table.
  static Result<TokenDecoder> Create(std::span<const uint8_t> blob, std::span<const uint32_t> offsets,
                                     int32_t first_special);

  // Bytes of one token, valid as long as the table; empty for special ids.
  // Precondition: id >= 0.
  std::string_view Bytes(int32_t id) const {
    if (id >= first_special_) return {};
    const uint32_t begin = offsets_[static_cast<size_t>(id)];
    return {blob_ + begin, offsets_[static_cast<size_t>(id) + 1] - begin};
  }

  // Appends the bytes of `ids` to buffer[0, used) and raises `used`; special ids are skipped. All or nothing:
  // kOutOfMemory (the buffer is too small; the message says by how much), kInvalidArgument (a negative id).
  Status Append(std::span<const int32_t> ids, std::span<char> buffer, size_t& used) const;

 private:
  TokenDecoder() = default;

  const char* blob_ = nullptr;
  const uint32_t* offsets_ = nullptr;
  int32_t first_special_ = 0;
};

// How many bytes at the end of `text` (0 to 3) begin a UTF-8 sequence that more bytes could complete. A live
// caption holds these back until the next token.
size_t IncompleteUtf8Suffix(std::string_view text);

// Copies `text` to `out`, with every maximal ill-formed part replaced by U+FFFD (The Unicode Standard 15.0,
// section 3.9, "U+FFFD Substitution of Maximal Subparts"), an incomplete sequence at the end too: for a
// segment that is finished. Returns the bytes written. kOutOfMemory: `out` is too small; 3 * text.size()
// always suffices. `text` and `out` must not overlap.
Result<size_t> ReplaceInvalidUtf8(std::string_view text, std::span<char> out);

// Nothing is said: white space, or signs alone, which models write for noise. (Beyond ASCII everything counts
// as text.)
bool IsBlank(std::string_view text);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TOKEN_DECODER_H_
