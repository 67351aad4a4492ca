// Collects tokens from the several forms of vocabulary files.
#include "converter/import/tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "converter/import/byte_level.h"
#include "converter/import/json.h"

namespace earshot::checkpoint {
namespace {

// Names of special tokens that were changed after the first releases.
constexpr std::pair<std::string_view, std::string_view> kRenamed[] = {{"<|nocaptions|>", "<|nospeech|>"},
                                                                      {"<|iw|>", "<|he|>"}};

enum class TokenForm { kByteLevel, kLiteral, kSpecial };

bool LooksSpecial(std::string_view token) {
  return token.size() > 4 && token.starts_with("<|") && token.ends_with("|>");
}

// <|0.00|> to <|30.00|>
bool IsTimestamp(std::string_view token) {
  if (!LooksSpecial(token)) return false;
  const std::string_view time = token.substr(2, token.size() - 4);
  return time.size() >= 4 && time.find_first_not_of("0123456789.") == std::string_view::npos &&
         time[time.size() - 3] == '.';
}

std::string PresentName(const std::string& token) {
  for (const auto& [old_name, present_name] : kRenamed) {
    if (token == old_name) return std::string(present_name);
  }
  return token;
}

class TokenCollector {
 public:
  explicit TokenCollector(int64_t vocab_size) : names_(static_cast<size_t>(vocab_size)) {
    tokenizer_.pieces.resize(static_cast<size_t>(vocab_size));
  }

  // The same token may come twice with the same id: in the vocabulary and among the added tokens.
  Status Add(const std::string& token, int64_t id, TokenForm form) {
    if (id < 0 || static_cast<size_t>(id) >= names_.size()) {
      return Bad(token, id, "lies outside the decoder's vocabulary");
    }
    const auto [known, is_new] = ids_.try_emplace(token, id);
    if (!is_new) return known->second == id ? Status::Ok() : Bad(token, id, "has another id, too");
    std::optional<std::string>& name = names_[static_cast<size_t>(id)];
    if (name) return Bad(token, id, "shares its id with another token");
    name = token;
    if (IsTimestamp(token)) return Status::Ok();
    if (form == TokenForm::kSpecial || LooksSpecial(token)) {
      if (tokenizer_.special_tokens.try_emplace(PresentName(token), id).second) return Status::Ok();
      return Bad(token, id, "is an older name of a token that has another id");
    }
    std::optional<std::string> bytes = form == TokenForm::kLiteral ? token : DecodeByteLevel(token);
    if (!bytes) return Bad(token, id, "is not written in GPT-2's byte alphabet");
    tokenizer_.pieces[static_cast<size_t>(id)] = *std::move(bytes);
    return Status::Ok();
  }

  Status AddObject(const Json& tokens) {
    for (const auto& [token, id] : tokens.items()) {
      EARSHOT_RETURN_IF_ERROR(Add(token, ToInteger(id).value_or(-1), TokenForm::kByteLevel));
    }
    return Status::Ok();
  }

  // Added tokens are matched in plain text before the bytes are encoded.
  Status AddAddedTokens(const Json& tokens) {
    for (const Json& token : tokens) {
      const Json* content = token.is_object() ? Find(token, "content") : nullptr;
      const Json* id = token.is_object() ? Find(token, "id") : nullptr;
      if (content == nullptr || !content->is_string() || id == nullptr) {
        return Status::Error(StatusCode::kInvalidModel, "an added token has no content or no id");
      }
      const Json* special = Find(token, "special");
      const bool is_special = special != nullptr && *special == true;
      EARSHOT_RETURN_IF_ERROR(Add(content->get<std::string>(), ToInteger(*id).value_or(-1),
                                  is_special ? TokenForm::kSpecial : TokenForm::kLiteral));
    }
    return Status::Ok();
  }

  Result<ir::Tokenizer> Finish() && {
    EARSHOT_RETURN_IF_ERROR(CheckTextIsWhole());
    const auto found = tokenizer_.special_tokens.find("<|notimestamps|>");
    if (found != tokenizer_.special_tokens.end() && static_cast<size_t>(found->second) + 1 < names_.size()) {
      tokenizer_.timestamp_begin = found->second + 1;
    }
    const auto first = ids_.find("<|0.00|>");
    if (first != ids_.end() && first->second != tokenizer_.timestamp_begin) {
      return Bad("<|0.00|>", first->second, "does not follow <|notimestamps|>");
    }
    return std::move(tokenizer_);
  }

 private:
  // Control tokens and timestamps have no text, and published vocabularies leave many of them out; but all of
  // them come after the text, so that whatever is missing before <|endoftext|> would be missing in
  // transcripts.
  Status CheckTextIsWhole() const {
    const auto end = tokenizer_.special_tokens.find("<|endoftext|>");
    if (end == tokenizer_.special_tokens.end()) return Status::Ok();
    const auto end_of_text = names_.begin() + static_cast<ptrdiff_t>(end->second);
    const auto hole = std::find(names_.begin(), end_of_text, std::nullopt);
    if (hole == end_of_text) return Status::Ok();
    return Status::Error(StatusCode::kInvalidModel,
                         "it has no token with the id %lld; ids below %lld (<|endoftext|>) stand for text",
                         static_cast<long long>(hole - names_.begin()), static_cast<long long>(end->second));
  }

  static Status Bad(const std::string& token, int64_t id, const char* problem) {
    return Status::Error(StatusCode::kInvalidModel, "token %.60s with id %lld %s", token.c_str(),
                         static_cast<long long>(id), problem);
  }

  ir::Tokenizer tokenizer_;
  std::unordered_map<std::string, int64_t> ids_;
  std::vector<std::optional<std::string>> names_;  // by id
};

// Byte-level BPE is what the decoder of the file must undo, and the model must not decorate its tokens.
Status CheckKind(const Json& tokenizer) {
  const Json* model = Find(tokenizer, "model");
  if (model == nullptr || !model->is_object())
    return Status::Error(StatusCode::kInvalidModel, "it has no \"model\"");
  const Json* decoder = Find(tokenizer, "decoder");
  const Json* decoder_type = decoder != nullptr && decoder->is_object() ? Find(*decoder, "type") : nullptr;
  if (decoder_type == nullptr || *decoder_type != "ByteLevel") {
    return Status::Error(StatusCode::kUnsupported,
                         "its decoder is %s; this converter knows byte-level vocabularies only",
                         decoder_type == nullptr ? "missing" : Excerpt(*decoder_type).c_str());
  }
  const KeyRule rules[] = {{"type", R"(["BPE"])"},
                           {"byte_fallback", "[false]"},
                           {"continuing_subword_prefix", R"([""])"},
                           {"end_of_word_suffix", R"([""])"},
                           {"vocab"},
                           // of no influence on the way from tokens to text
                           {"merges"},
                           {"dropout"},
                           {"unk_token"},
                           {"fuse_unk"},
                           {"ignore_merges"}};
  return CheckKeys(*model, rules, "the tokenizer's model");
}

Result<ir::Tokenizer> ImportTokenizer(const Json& tokenizer, int64_t vocab_size) {
  EARSHOT_RETURN_IF_ERROR(CheckKind(tokenizer));
  const Json* vocab = Find(*Find(tokenizer, "model"), "vocab");
  if (vocab == nullptr || !vocab->is_object())
    return Status::Error(StatusCode::kInvalidModel, "it has no vocabulary");
  TokenCollector collector(vocab_size);
  EARSHOT_RETURN_IF_ERROR(collector.AddObject(*vocab));
  if (const Json* added = Find(tokenizer, "added_tokens"); added != nullptr) {
    if (!added->is_array())
      return Status::Error(StatusCode::kInvalidModel, "its added tokens are not a list");
    EARSHOT_RETURN_IF_ERROR(collector.AddAddedTokens(*added));
  }
  return std::move(collector).Finish();
}

Result<ir::Tokenizer> InFile(Result<ir::Tokenizer> tokenizer, const char* file) {
  return tokenizer.ok() ? std::move(tokenizer) : tokenizer.status().WithContext("%s", file);
}

Result<ir::Tokenizer> ImportList(const std::vector<std::string>& tokens, int64_t vocab_size) {
  TokenCollector collector(vocab_size);
  for (size_t id = 0; id < tokens.size(); ++id) {
    EARSHOT_RETURN_IF_ERROR(collector.Add(tokens[id], static_cast<int64_t>(id), TokenForm::kByteLevel));
  }
  return std::move(collector).Finish();
}

Result<ir::Tokenizer> ImportVocab(std::string_view vocab, std::string_view added_tokens, int64_t vocab_size) {
  EARSHOT_ASSIGN_OR_RETURN(const Json tokens, ParseJsonObject(vocab, "vocab.json"));
  TokenCollector collector(vocab_size);
  EARSHOT_RETURN_IF_ERROR(collector.AddObject(tokens));
  if (!added_tokens.empty()) {
    EARSHOT_ASSIGN_OR_RETURN(const Json added, ParseJsonObject(added_tokens, "added_tokens.json"));
    for (const auto& [token, id] : added.items()) {
      EARSHOT_RETURN_IF_ERROR(collector.Add(token, ToInteger(id).value_or(-1), TokenForm::kLiteral));
    }
  }
  return std::move(collector).Finish();
}

}  // namespace

Result<ir::Tokenizer> ImportTokenizerJson(std::string_view text, int64_t vocab_size) {
  EARSHOT_ASSIGN_OR_RETURN(const Json tokenizer, ParseJsonObject(text, "tokenizer.json"));
  return InFile(ImportTokenizer(tokenizer, vocab_size), "tokenizer.json");
}

Result<ir::Tokenizer> ImportVocabJson(std::string_view vocab, std::string_view added_tokens,
                                      int64_t vocab_size) {
  return InFile(ImportVocab(vocab, added_tokens, vocab_size), "vocab.json with added_tokens.json");
}

Result<ir::Tokenizer> ImportVocabularyTxt(std::string_view text, int64_t vocab_size) {
  std::vector<std::string> tokens;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    tokens.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return InFile(ImportList(tokens, vocab_size), "vocabulary.txt");
}

Result<ir::Tokenizer> ImportVocabularyJson(std::string_view text, int64_t vocab_size) {
  EARSHOT_ASSIGN_OR_RETURN(const Json list, ParseJson(text, "vocabulary.json"));
  std::vector<std::string> tokens;
  if (list.is_array()) {
    for (const Json& token : list) {
      if (token.is_string()) tokens.push_back(token.get<std::string>());
    }
  }
  if (!list.is_array() || tokens.size() != list.size()) {
    return Status::Error(StatusCode::kInvalidModel, "vocabulary.json is not a list of tokens");
  }
  return InFile(ImportList(tokens, vocab_size), "vocabulary.json");
}

}  // namespace earshot::checkpoint
