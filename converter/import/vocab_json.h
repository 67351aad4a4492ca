// Vocabularies in a vocab.json that is neither byte-level nor a tokenizer.json: {"token": id, ...}.
#ifndef EARSHOT_CONVERTER_IMPORT_VOCAB_JSON_H_
#define EARSHOT_CONVERTER_IMPORT_VOCAB_JSON_H_

#include <cstdint>
#include <string_view>

#include "converter/import/json.h"
#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// Both give `vocab_size` pieces, empty for special tokens and ids without a token, and the special tokens.
// kInvalidModel if an id has two tokens or is not below vocab_size; kUnsupported for what cannot be read.

// Characters of a CTC model. `tokenizer_config`: tokenizer_config.json, may be an empty object: names of the
// special tokens and of the sign between words, which becomes a space. Special tokens may have ids from
// vocab_size on, which no frame is ever given.
Result<ir::Tokenizer> ImportCharacters(std::string_view vocab, const Json& tokenizer_config,
                                       int64_t vocab_size);

// Pieces of SentencePiece, "▁" for a space, of a Marian model: for text out of tokens, not tokens out of
// text, for which the models in source.spm and target.spm would be needed.
Result<ir::Tokenizer> ImportTranslationPieces(std::string_view vocab, const Json& tokenizer_config,
                                              int64_t vocab_size);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_VOCAB_JSON_H_
