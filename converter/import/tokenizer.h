// Imports byte-level BPE vocabularies (GPT-2's, as Whisper has them) as what transcribing needs: the raw
// bytes of each token and the ids of the special tokens. Merges are not needed: text is only ever made from
// tokens.
#ifndef EARSHOT_CONVERTER_IMPORT_TOKENIZER_H_
#define EARSHOT_CONVERTER_IMPORT_TOKENIZER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// All functions below give:
// - pieces: `vocab_size` entries; empty for special tokens and for ids without a token;
// - special_tokens: what is written <|like this|> or marked as special, timestamps excepted. Older names
// become the present ones, <|nocaptions|>
//   <|nospeech|> and <|iw|> <|he|>;
// - timestamp_begin: the id after <|notimestamps|>, where that exists and is not the last one, else 0.
// Precondition: 1 <= vocab_size <= 2^20.
// kInvalidModel if an id is not below vocab_size, a token has two ids or an id two tokens, an id below that
// of
// <|endoftext|> has no token, or a token is not byte-level; kUnsupported for other kinds of tokenizers.

// `text`: of a Hugging Face tokenizer.json, with the vocabulary and the added tokens.
Result<ir::Tokenizer> ImportTokenizerJson(std::string_view text, int64_t vocab_size);

// `vocab`: {"token": id, ...}; `added_tokens`: likewise, may be empty text.
Result<ir::Tokenizer> ImportVocabJson(std::string_view vocab, std::string_view added_tokens,
                                      int64_t vocab_size);

// CTranslate2's vocabulary: one token a line, or a JSON list of tokens, in the order of their ids.
Result<ir::Tokenizer> ImportVocabularyTxt(std::string_view text, int64_t vocab_size);
Result<ir::Tokenizer> ImportVocabularyJson(std::string_view text, int64_t vocab_size);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_TOKENIZER_H_
