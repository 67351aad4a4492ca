// Special tokens have no text; the sign between words becomes a space.
#include "converter/import/vocab_json.h"

#include <set>
#include <string>

namespace earshot::checkpoint {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // "▁"
constexpr const char kFile[] = "vocab.json";

// A token is written as a text, or as an object with its content.
std::string TokenOr(const Json& config, const char* key, const char* absent) {
  const Json* token = Find(config, key);
  if (token != nullptr && token->is_object()) token = Find(*token, "content");
  return token != nullptr && token->is_string() ? token->get<std::string>() : absent;
}

struct Layout {
  std::set<std::string> special_tokens;
  std::string word_delimiter;                 // a token of its own; or
  bool has_sentence_pieces = false;           // spaces within tokens
  bool may_special_tokens_be_beyond = false;  // the vocabulary
};

std::string TextOf(const std::string& token, const Layout& layout) {
  if (token == layout.word_delimiter) return " ";
  std::string text = token;
  if (!layout.has_sentence_pieces) return text;
  for (size_t at = text.find(kSpace); at != std::string::npos; at = text.find(kSpace, at + 1))
    text.replace(at, kSpace.size(), " ");
  return text;
}

Result<ir::Tokenizer> Import(const Json& vocab, const Layout& layout, int64_t vocab_size) {
  ir::Tokenizer tokenizer;
  tokenizer.pieces.resize(static_cast<size_t>(vocab_size));
  std::set<int64_t> ids;
  for (const auto& [token, value] : vocab.items()) {
    if (value.is_object()) {
      return Status::Error(StatusCode::kUnsupported,
                           "%s has a vocabulary for each of several languages; save the tokenizer with its "
                           "target language alone",
                           kFile);
    }
    const int64_t id = ToInteger(value).value_or(-1);
    const bool is_special = layout.special_tokens.contains(token);
    const bool is_beyond = id >= vocab_size && is_special && layout.may_special_tokens_be_beyond;
    if (id < 0 || (id >= vocab_size && !is_beyond) || !ids.insert(id).second) {
      return Status::Error(StatusCode::kInvalidModel,
                           "%s: the token \"%.60s\" has the id %s, which is another token's or leaves the "
                           "model's vocabulary of %lld",
                           kFile, token.c_str(), Excerpt(value).c_str(), static_cast<long long>(vocab_size));
    }
    if (is_beyond) continue;
    if (is_special) {
      tokenizer.special_tokens[token] = id;
    } else {
      tokenizer.pieces[static_cast<size_t>(id)] = TextOf(token, layout);
    }
  }
  if (!ids.empty()) return tokenizer;
  return Status::Error(StatusCode::kInvalidModel, "%s has no tokens", kFile);
}

Layout SpecialTokens(const Json& config) {
  return {.special_tokens = {TokenOr(config, "pad_token", "<pad>"), TokenOr(config, "unk_token", "<unk>"),
                             TokenOr(config, "bos_token", "<s>"), TokenOr(config, "eos_token", "</s>")}};
}

}  // namespace

Result<ir::Tokenizer> ImportCharacters(std::string_view vocab, const Json& tokenizer_config,
                                       int64_t vocab_size) {
  constexpr KeyRule kRules[] = {{"do_lower_case", "[false]"}, {"replace_word_delimiter_char", R"([" "])"}};
  for (const KeyRule& rule : kRules) {
    const Json* value = Find(tokenizer_config, rule.key.data());
    if (value == nullptr || Json::parse(rule.accepted).front() == *value) continue;
    return Status::Error(StatusCode::kUnsupported,
                         "tokenizer_config.json: %s is %s, which this converter does not know",
                         rule.key.data(), Excerpt(*value).c_str());
  }
  EARSHOT_ASSIGN_OR_RETURN(const Json json, ParseJsonObject(vocab, kFile));
  Layout layout = SpecialTokens(tokenizer_config);
  layout.word_delimiter = TokenOr(tokenizer_config, "word_delimiter_token", "|");
  layout.may_special_tokens_be_beyond = true;
  return Import(json, layout, vocab_size);
}

Result<ir::Tokenizer> ImportTranslationPieces(std::string_view vocab, const Json& tokenizer_config,
                                              int64_t vocab_size) {
  const Json* separate = Find(tokenizer_config, "separate_vocabs");
  if (separate != nullptr && *separate != Json(false)) {
    return Status::Error(
        StatusCode::kUnsupported,
        "tokenizer_config.json: separate_vocabs is %s; this converter builds models with one "
        "vocabulary for both languages",
        Excerpt(*separate).c_str());
  }
  EARSHOT_ASSIGN_OR_RETURN(const Json json, ParseJsonObject(vocab, kFile));
  Layout layout = SpecialTokens(tokenizer_config);
  layout.special_tokens.erase("<s>");  // no token of these models
  layout.has_sentence_pieces = true;
  return Import(json, layout, vocab_size);
}

}  // namespace earshot::checkpoint
