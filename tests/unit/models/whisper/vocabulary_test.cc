// Finding control tokens and languages in a model file.
#include "models/whisper/vocabulary.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "tests/unit/models/whisper/small_model.h"

namespace earshot::whisper {
namespace {

Result<Vocabulary> Load(const SmallModelOptions& options) {
  const SmallModel model(options);
  return Vocabulary::FromModel(model.program().model());
}

TEST_CASE("a multilingual vocabulary has languages and tasks") {
  const SmallModel model;
  const Vocabulary v = model.vocabulary();
  CHECK(v.size == token::kSize);
  CHECK(v.multilingual);
  CHECK(v.end_of_text == token::kEndOfText);
  CHECK(v.start_of_transcript == token::kStart);
  CHECK(v.start_of_previous == token::kPrevious);
  CHECK(v.no_speech == token::kNoSpeech);
  CHECK(v.no_timestamps == token::kNoTimestamps);
  CHECK(v.transcribe == token::kTranscribe);
  CHECK(v.translate == token::kTranslate);
  CHECK(v.timestamp_begin == token::kTime0);
  CHECK(v.timestamp_step_ms == 20);
  CHECK(v.IsTimestamp(token::At(30.0)));
  CHECK_FALSE(v.IsTimestamp(token::kNoTimestamps));
  CHECK(v.IsText(token::kBrokenByte));
  CHECK_FALSE(v.IsText(token::kEndOfText));
}

TEST_CASE("an English-only vocabulary has no tasks, though it names them") {
  const SmallModel model({.multilingual = false});
  const Vocabulary v = model.vocabulary();
  CHECK_FALSE(v.multilingual);
  CHECK(v.transcribe == kNoToken);
  CHECK(v.translate == kNoToken);
}

TEST_CASE("languages are found by code, control tokens are not") {
  const SmallModel model;
  const Vocabulary v = model.vocabulary();
  CHECK(v.FindLanguage("de") == token::kGerman);
  CHECK(v.FindLanguage("haw") == token::kHawaiian);
  CHECK(v.FindLanguage("fr") == kNoToken);
  CHECK(v.FindLanguage("") == kNoToken);
  CHECK(v.FindLanguage("transcribe") == kNoToken);
  CHECK(v.LanguageCode(token::kHawaiian) == "haw");
  CHECK(v.LanguageCode(token::kTranslate).empty());
  CHECK(v.LanguageCode(token::kOne).empty());
}

TEST_CASE("the language guess compares languages only") {
  const SmallModel model;
  std::vector<float> logits(token::kSize, 0.0f);
  logits[token::kTranscribe] = 50.0f;
  logits[token::kEnglish] = -2.0f;
  logits[token::kGerman] = 1.0f;
  logits[token::kHawaiian] = 0.0f;
  const Vocabulary::LanguageGuess guess = model.vocabulary().GuessLanguage(logits);
  CHECK(guess.token == token::kGerman);
  CHECK(guess.probability == Catch::Approx(1.0 / (1.0 + std::exp(-1.0) + std::exp(-3.0))));
}

TEST_CASE("the no-speech token may have its older name, or be missing") {
  const Result<Vocabulary> older = Load({.renamed = {{"<|nospeech|>", "<|nocaptions|>"}}});
  REQUIRE(older.ok());
  CHECK(older->no_speech == token::kNoSpeech);
  const Result<Vocabulary> without = Load({.without = "<|nospeech|>"});
  REQUIRE(without.ok());
  CHECK(without->no_speech == kNoToken);
}

TEST_CASE("a missing control token is named") {
  for (const char* name :
       {"<|endoftext|>", "<|startoftranscript|>", "<|startofprev|>", "<|notimestamps|>", "<|transcribe|>"}) {
    const Result<Vocabulary> v = Load({.without = name});
    REQUIRE_FALSE(v.ok());
    CHECK(v.status().code() == StatusCode::kInvalidModel);
    CHECK(std::string(v.status().message()).find(name) != std::string::npos);
  }
}

TEST_CASE("control tokens out of order are refused") {
  CHECK_FALSE(Load({.moved = {{"<|transcribe|>", 3}}}).ok());
  CHECK_FALSE(Load({.moved = {{"<|startoftranscript|>", 100}}}).ok());
  CHECK_FALSE(Load({.moved = {{"<|endoftext|>", token::kSize - 1}}}).ok());
}

TEST_CASE("a vocabulary without tokenizer or timestamps is refused") {
  CHECK_FALSE(Load({.with_tokenizer = false}).ok());
  CHECK_FALSE(Load({.timestamp_begin = 0}).ok());
}

}  // namespace
}  // namespace earshot::whisper
