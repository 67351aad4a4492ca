// Vocabularies in the manner of SentencePiece: pieces as text with "▁" for a space, and for what no piece
// spells, pieces <0x00> to <0xFF> that stand for bytes (Kudo and Richardson 2018; byte fallback came later).
#ifndef EARSHOT_CONVERTER_IMPORT_BYTE_FALLBACK_H_
#define EARSHOT_CONVERTER_IMPORT_BYTE_FALLBACK_H_

#include <cstdint>
#include <string_view>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// `text`: of a Hugging Face tokenizer.json. Pieces: `vocab_size` entries of raw bytes, empty for special
// tokens, which are listed by their names, and for ids without a token. Text begins with a space, as the
// first piece of a word has one. Precondition: 1 <= vocab_size <= 2^20. kInvalidModel if an id is not below
// vocab_size, or two tokens share one; kUnsupported where tokens become text in another way.
Result<ir::Tokenizer> ImportByteFallbackJson(std::string_view text, int64_t vocab_size);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_BYTE_FALLBACK_H_
