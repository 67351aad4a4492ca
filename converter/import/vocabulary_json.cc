// Both kinds differ in what stands for a space.
#include "converter/import/vocabulary_json.h"

#include <string>
#include <utility>
#include <vector>

#include "converter/import/json.h"

namespace earshot::checkpoint {
namespace {

constexpr const char kFile[] = "vocab.json";

bool IsSpecial(const std::string& token) {
  return token.size() > 2 && token.front() == '<' && token.back() == '>';
}

std::string WithSpaces(std::string text, std::string_view space) {
  for (size_t at = text.find(space); at != std::string::npos; at = text.find(space, at + 1))
    text.replace(at, space.size(), " ");
  return text;
}

Result<ir::Tokenizer> Import(std::string_view text, int64_t vocab_size, std::string_view space) {
  EARSHOT_ASSIGN_OR_RETURN(const Json vocabulary, ParseJsonObject(text, kFile));
  ir::Tokenizer tokenizer;
  tokenizer.pieces.resize(static_cast<size_t>(vocab_size));
  std::vector<bool> is_taken(tokenizer.pieces.size(), false);
  for (const auto& [token, value] : vocabulary.items()) {
    const auto id = ToInteger(value);
    if (!id || *id < 0 || *id >= vocab_size || is_taken[static_cast<size_t>(*id)]) {
      return Status::Error(StatusCode::kInvalidModel,
                           "%s: the token \"%s\" has no id of its own below %lld, the size of the vocabulary",
                           kFile, token.c_str(), static_cast<long long>(vocab_size));
    }
    is_taken[static_cast<size_t>(*id)] = true;
    if (IsSpecial(token)) {
      tokenizer.special_tokens[token] = *id;
    } else {
      tokenizer.pieces[static_cast<size_t>(*id)] = WithSpaces(token, space);
    }
  }
  return tokenizer;
}

}  // namespace

Result<ir::Tokenizer> ImportCtcVocabulary(std::string_view text, int64_t vocab_size) {
  return Import(text, vocab_size, "|");
}

Result<ir::Tokenizer> ImportSentencePieceVocabulary(std::string_view text, int64_t vocab_size) {
  return Import(text, vocab_size, "\u2581");
}

}  // namespace earshot::checkpoint
