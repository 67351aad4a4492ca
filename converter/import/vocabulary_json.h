// Vocabularies as transformers' slow tokenizers store them: one object, from token to id.
#ifndef EARSHOT_CONVERTER_IMPORT_VOCABULARY_JSON_H_
#define EARSHOT_CONVERTER_IMPORT_VOCABULARY_JSON_H_

#include <cstdint>
#include <string_view>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// `text`: of vocab.json of a CTC tokenizer. Pieces are texts: the word delimiter, "|", is a space; <pad>,
// which is CTC's blank, and the other tokens in angle brackets have no text, and are special tokens under
// their names. Errors: kInvalidModel (no such object, an id twice or out of range).
Result<ir::Tokenizer> ImportCtcVocabulary(std::string_view text, int64_t vocab_size);

// `text`: of vocab.json of a SentencePiece tokenizer (Marian). In pieces U+2581 is a space; tokens in angle
// brackets as above.
Result<ir::Tokenizer> ImportSentencePieceVocabulary(std::string_view text, int64_t vocab_size);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_VOCABULARY_JSON_H_
