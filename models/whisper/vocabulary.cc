// Looks up control tokens and languages in the table of special tokens.
#include "models/whisper/vocabulary.h"

#include <cmath>
#include <cstddef>

namespace earshot::whisper {
namespace {

// English-only models have one token less, and carry the names of the languages all the same.
constexpr int64_t kMinMultilingualSize = 51865;

std::string_view NameOf(const fb::NamedToken& token) { return {token.name()->c_str(), token.name()->size()}; }

// "xx" of "<|xx|>" if it has the form of a language code: two or three lower-case letters. No control token
// has it.
std::string_view CodeOf(std::string_view name) {
  if (!name.starts_with("<|") || !name.ends_with("|>") || name.size() < 6 || name.size() > 7) return {};
  const std::string_view code = name.substr(2, name.size() - 4);
  for (const char c : code) {
    if (c < 'a' || c > 'z') return {};
  }
  return code;
}

bool IsMultilingual(const fb::Model& model, int64_t size) {
  if (model.metadata() != nullptr) {
    for (const fb::Metadata* entry : *model.metadata()) {
      if (entry->key()->string_view() == "multilingual") return entry->value()->string_view() == "true";
    }
  }
  return size >= kMinMultilingualSize;
}

Status CheckOrder(const Vocabulary& v) {
  struct Control {
    int32_t token;
    const char* name;
    bool required;
  };
  const Control controls[] = {
      {v.start_of_transcript, "<|startoftranscript|>", true},
      {v.start_of_previous, "<|startofprev|>", true},
      {v.no_timestamps, "<|notimestamps|>", true},
      {v.no_speech, "<|nospeech|>", false},
      {v.transcribe, "<|transcribe|>", v.multilingual},
      {v.translate, "<|translate|>", v.multilingual},
  };
  if (v.end_of_text == kNoToken) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the tokenizer has no token <|endoftext|>: convert the model again");
  }
  for (const Control& control : controls) {
    if (control.token == kNoToken) {
      if (!control.required) continue;
      return Status::Error(StatusCode::kInvalidModel,
                           "the tokenizer has no token %s: convert the model again", control.name);
    }
    if (control.token <= v.end_of_text || control.token >= v.timestamp_begin) {
      return Status::Error(StatusCode::kInvalidModel,
                           "token %s is %d, not between <|endoftext|> (%d) and the first timestamp (%d): not "
                           "a Whisper vocabulary",
                           control.name, control.token, v.end_of_text, v.timestamp_begin);
    }
  }
  return {};
}

}  // namespace

Result<Vocabulary> Vocabulary::FromModel(const fb::Model& model) {
  const fb::Tokenizer* tokenizer = model.tokenizer();
  if (tokenizer == nullptr) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the model file has no tokenizer: convert the model again");
  }
  const int64_t size = int64_t{tokenizer->piece_offsets()->size()} - 1;
  Vocabulary v;
  v.special_tokens_ = tokenizer->special_tokens();
  v.size = size;
  v.multilingual = IsMultilingual(model, size);
  v.end_of_text = v.Find("<|endoftext|>");
  v.start_of_transcript = v.Find("<|startoftranscript|>");
  v.start_of_previous = v.Find("<|startofprev|>");
  v.no_timestamps = v.Find("<|notimestamps|>");
  v.no_speech = v.Find("<|nospeech|>");
  if (v.no_speech == kNoToken) v.no_speech = v.Find("<|nocaptions|>");  // its name in the first releases
  v.transcribe = v.multilingual ? v.Find("<|transcribe|>") : kNoToken;
  v.translate = v.multilingual ? v.Find("<|translate|>") : kNoToken;
  if (tokenizer->timestamp_begin() == 0 || tokenizer->timestamp_begin() >= size ||
      tokenizer->timestamp_step_ms() == 0) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the tokenizer has no timestamp tokens: convert the model again");
  }
  v.timestamp_begin = static_cast<int32_t>(tokenizer->timestamp_begin());
  v.timestamp_step_ms = tokenizer->timestamp_step_ms();
  EARSHOT_RETURN_IF_ERROR(CheckOrder(v));
  return v;
}

int32_t Vocabulary::Find(std::string_view name) const {
  for (const fb::NamedToken* token : *special_tokens_) {
    if (NameOf(*token) == name) return static_cast<int32_t>(token->id());
  }
  return kNoToken;
}

int32_t Vocabulary::FindLanguage(std::string_view code) const {
  if (code.empty()) return kNoToken;
  for (const fb::NamedToken* token : *special_tokens_) {
    if (CodeOf(NameOf(*token)) == code) return static_cast<int32_t>(token->id());
  }
  return kNoToken;
}

std::string_view Vocabulary::LanguageCode(int32_t token) const {
  for (const fb::NamedToken* special : *special_tokens_) {
    if (static_cast<int32_t>(special->id()) != token) continue;
    if (const std::string_view code = CodeOf(NameOf(*special)); !code.empty()) return code;
  }
  return {};
}

Vocabulary::LanguageGuess Vocabulary::GuessLanguage(std::span<const float> logits) const {
  LanguageGuess best;
  float best_logit = 0;
  for (const fb::NamedToken* token : *special_tokens_) {
    if (CodeOf(NameOf(*token)).empty()) continue;
    const float logit = logits[token->id()];
    if (best.token != kNoToken && !(logit > best_logit)) continue;
    best = {static_cast<int32_t>(token->id()), 0};
    best_logit = logit;
  }
  double total = 0;
  for (const fb::NamedToken* token : *special_tokens_) {
    if (!CodeOf(NameOf(*token)).empty())
      total += std::exp(static_cast<double>(logits[token->id()] - best_logit));
  }
  if (best.token != kNoToken) best.probability = static_cast<float>(1.0 / total);
  return best;
}

}  // namespace earshot::whisper
