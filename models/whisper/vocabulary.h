// The ids of the tokens that steer Whisper, found by name in a model file.
#ifndef EARSHOT_MODELS_WHISPER_VOCABULARY_H_
#define EARSHOT_MODELS_WHISPER_VOCABULARY_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/core/status.h"
#include "runtime/schema/model_generated.h"

namespace earshot::whisper {

constexpr int32_t kNoToken = -1;

// Ids rise in this order: text [0, end_of_text), end_of_text, control tokens and languages, timestamps
// [timestamp_begin, size).
// Borrows the model. Threads: immutable.
class Vocabulary {
 public:
  // Errors: kInvalidModel names the token that is missing or out of order.
  static Result<Vocabulary> FromModel(const fb::Model& model);

  int64_t size = 0;  // V, pieces of the tokenizer
  bool multilingual = false;
  int32_t end_of_text = kNoToken;
  int32_t start_of_transcript = kNoToken;
  int32_t start_of_previous = kNoToken;
  int32_t no_timestamps = kNoToken;
  int32_t no_speech = kNoToken;   // kNoToken where the model has none
  int32_t transcribe = kNoToken;  // as translate: kNoToken unless multilingual
  int32_t translate = kNoToken;
  int32_t timestamp_begin = kNoToken;
  int64_t timestamp_step_ms = 20;

  bool IsTimestamp(int32_t token) const { return token >= timestamp_begin; }
  bool IsText(int32_t token) const { return token < end_of_text; }

  // The token <|code|>, or kNoToken. Languages only; O(special tokens).
  int32_t FindLanguage(std::string_view code) const;
  // "en" for <|en|>; empty if the token is no language.
  std::string_view LanguageCode(int32_t token) const;

  struct LanguageGuess {
    int32_t token = kNoToken;
    float probability = 0;  // among the languages
  };
  // The most likely language by the logits [V] that follow <|startoftranscript|>. kNoToken if there are no
  // languages.
  LanguageGuess GuessLanguage(std::span<const float> logits) const;

 private:
  using NamedTokens = flatbuffers::Vector<flatbuffers::Offset<fb::NamedToken>>;
  int32_t Find(std::string_view name) const;

  const NamedTokens* special_tokens_ = nullptr;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_VOCABULARY_H_
