// Undoes what the tokenizer did to spaces and bytes, once, at conversion.
#include "converter/import/byte_fallback.h"

#include <cstddef>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>

#include "converter/import/json.h"

namespace earshot::checkpoint {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // "▁"

// The steps from pieces to text that PieceBytes does; Strip takes away the space in front of all, which
// writers of transcripts do themselves.
constexpr const char* kDecoderSteps[] = {"Replace", "ByteFallback", "Fuse", "Strip"};

std::string TypeOf(const Json& object) {
  const Json* type = object.is_object() ? Find(object, "type") : nullptr;
  return type != nullptr && type->is_string() ? type->get<std::string>() : "missing";
}

Status CheckDecoder(const Json& tokenizer) {
  const auto refuse = [](const std::string& what) {
    return Status::Error(
        StatusCode::kUnsupported,
        "its decoder is %.80s; this converter knows pieces with \xE2\x96\x81 for a space and with byte "
        "fallback",
        what.c_str());
  };
  const Json* decoder = Find(tokenizer, "decoder");
  if (decoder != nullptr && TypeOf(*decoder) == "Metaspace") {
    const Json* replacement = Find(*decoder, "replacement");
    if (replacement == nullptr || *replacement != kSpace) return refuse("a replacement of other characters");
    return Status::Ok();
  }
  if (decoder == nullptr || TypeOf(*decoder) != "Sequence")
    return refuse(decoder == nullptr ? "missing" : TypeOf(*decoder));
  const Json* steps = Find(*decoder, "decoders");
  if (steps == nullptr || !steps->is_array() || steps->size() != std::size(kDecoderSteps))
    return refuse("of other steps");
  for (size_t i = 0; i < steps->size(); ++i) {
    if (TypeOf((*steps)[i]) != kDecoderSteps[i]) return refuse(TypeOf((*steps)[i]));
  }
  const Json* pattern = Find(steps->front(), "pattern");
  const Json* content = Find(steps->front(), "content");
  const bool is_space =
      pattern != nullptr && content != nullptr && *pattern == Json{{"String", kSpace}} && *content == " ";
  return is_space ? Status::Ok() : refuse("a replacement of other characters");
}

Status CheckModel(const Json& tokenizer) {
  const Json* model = Find(tokenizer, "model");
  if (model == nullptr || !model->is_object())
    return Status::Error(StatusCode::kInvalidModel, "it has no \"model\"");
  // That decoder leaves pieces for bytes as they are, so there are none.
  const bool is_metaspace = TypeOf(*Find(tokenizer, "decoder")) == "Metaspace";
  const KeyRule rules[] = {{"type", R"(["BPE"])"},
                           {"byte_fallback", is_metaspace ? "[true, false]" : "[true]"},
                           {"continuing_subword_prefix", R"([""])"},
                           {"end_of_word_suffix", R"([""])"},
                           {"vocab"},
                           // of no influence on the way from tokens to text
                           {"merges"},
                           {"dropout"},
                           {"unk_token"},
                           {"fuse_unk"},
                           {"ignore_merges"}};
  EARSHOT_RETURN_IF_ERROR(CheckKeys(*model, rules, "the tokenizer's model"));
  const Json* vocab = Find(*model, "vocab");
  if (vocab != nullptr && vocab->is_object()) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "it has no vocabulary");
}

int HexDigit(char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const size_t digit = kDigits.find(c);
  return digit == std::string_view::npos ? -1 : static_cast<int>(digit);
}

std::string PieceBytes(const std::string& piece) {
  if (piece.size() == 6 && piece.starts_with("<0x") && piece.ends_with(">") && HexDigit(piece[3]) >= 0 &&
      HexDigit(piece[4]) >= 0)
    return std::string(1, static_cast<char>(16 * HexDigit(piece[3]) + HexDigit(piece[4])));
  std::string bytes = piece;
  for (size_t at = bytes.find(kSpace); at != std::string::npos; at = bytes.find(kSpace, at + 1))
    bytes.replace(at, kSpace.size(), " ");
  return bytes;
}

class PieceCollector {
 public:
  explicit PieceCollector(int64_t vocab_size) { tokenizer_.pieces.resize(static_cast<size_t>(vocab_size)); }

  // Special tokens come first; each may come again in the vocabulary.
  Status Add(const std::string& token, const Json& id_value, bool is_special) {
    const int64_t id = ToInteger(id_value).value_or(-1);
    const auto bad = [&](const char* problem) {
      return Status::Error(StatusCode::kInvalidModel, "token %.60s with id %lld %s", token.c_str(),
                           static_cast<long long>(id), problem);
    };
    if (id < 0 || static_cast<size_t>(id) >= tokenizer_.pieces.size())
      return bad("lies outside the decoder's vocabulary");
    const auto [known, is_new] = owners_.try_emplace(id, token);
    if (!is_new) return known->second == token ? Status::Ok() : bad("shares its id with another token");
    if (!is_special) {
      tokenizer_.pieces[static_cast<size_t>(id)] = PieceBytes(token);
    } else if (!tokenizer_.special_tokens.try_emplace(token, id).second) {
      return bad("has another id, too");
    }
    return Status::Ok();
  }

  ir::Tokenizer Finish() && { return std::move(tokenizer_); }

 private:
  ir::Tokenizer tokenizer_;
  std::unordered_map<int64_t, std::string> owners_;  // of ids
};

Status AddAddedTokens(const Json& tokenizer, PieceCollector& collector) {
  const Json* added = Find(tokenizer, "added_tokens");
  if (added == nullptr) return Status::Ok();
  if (!added->is_array()) return Status::Error(StatusCode::kInvalidModel, "its added tokens are not a list");
  for (const Json& token : *added) {
    const Json* content = token.is_object() ? Find(token, "content") : nullptr;
    const Json* id = token.is_object() ? Find(token, "id") : nullptr;
    if (content == nullptr || !content->is_string() || id == nullptr)
      return Status::Error(StatusCode::kInvalidModel, "an added token has no content or no id");
    const Json* special = Find(token, "special");
    EARSHOT_RETURN_IF_ERROR(
        collector.Add(content->get<std::string>(), *id, special != nullptr && *special == true));
  }
  return Status::Ok();
}

Result<ir::Tokenizer> Import(const Json& tokenizer, int64_t vocab_size) {
  EARSHOT_RETURN_IF_ERROR(CheckDecoder(tokenizer));
  EARSHOT_RETURN_IF_ERROR(CheckModel(tokenizer));
  PieceCollector collector(vocab_size);
  EARSHOT_RETURN_IF_ERROR(AddAddedTokens(tokenizer, collector));
  for (const auto& [token, id] : Find(*Find(tokenizer, "model"), "vocab")->items())
    EARSHOT_RETURN_IF_ERROR(collector.Add(token, id, false));
  return std::move(collector).Finish();
}

}  // namespace

Result<ir::Tokenizer> ImportByteFallbackJson(std::string_view text, int64_t vocab_size) {
  EARSHOT_ASSIGN_OR_RETURN(const Json json, ParseJsonObject(text, "tokenizer.json"));
  Result<ir::Tokenizer> tokenizer = Import(json, vocab_size);
  if (!tokenizer.ok()) return tokenizer.status().WithContext("tokenizer.json");
  return tokenizer;
}

}  // namespace earshot::checkpoint
