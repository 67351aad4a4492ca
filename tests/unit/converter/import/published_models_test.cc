// Real checkpoints: one model in two formats, and the lists of tokens that were published with them.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "converter/import/generation_settings.h"
#include "converter/import/import_model.h"
#include "converter/import/json.h"
#include "converter/import/tokenizer.h"
#include "converter/ir/verifier.h"
#include "tests/support/same_graph.h"

namespace earshot::checkpoint {
namespace {

const std::string kTinyHuggingFace = EARSHOT_SHARED_DIR "/checkpoints/whisper-tiny.en";
const std::string kTinyCt2 = EARSHOT_DOWNLOADS_DIR "/whisper-tiny.en";
const std::string kBaseCt2 = EARSHOT_DOWNLOADS_DIR "/whisper-base";

ir::Graph Import(const std::string& directory) {
  if (!std::filesystem::exists(directory)) SKIP("no checkpoint in " << directory);
  auto graph = ImportModel(directory);
  INFO(graph.status().message());
  REQUIRE(graph.ok());
  const Status status = ir::Verify(graph.value());
  INFO(status.message());
  REQUIRE(status.ok());
  return std::move(graph).value();
}

TEST_CASE("tiny.en from Hugging Face and from CTranslate2 is the same graph, bit by bit") {
  CHECK(test::FirstDifference(Import(kTinyHuggingFace), Import(kTinyCt2)) == "");
}

TEST_CASE("tiny.en has the sizes, tokens and settings that are known of it") {
  const ir::Graph graph = Import(kTinyCt2);
  CHECK(graph.metadata.at("multilingual") == "false");
  CHECK(graph.metadata.at("num_languages") == "1");
  CHECK(graph.tokenizer.special_tokens.at("<|endoftext|>") == 50256);
  CHECK(graph.tokenizer.special_tokens.at("<|startoftranscript|>") == 50257);
  CHECK(graph.tokenizer.special_tokens.at("<|nospeech|>") == 50361);
  CHECK(graph.tokenizer.special_tokens.at("<|notimestamps|>") == 50362);
  CHECK(graph.tokenizer.timestamp_begin == 50363);
  CHECK(graph.tokenizer.pieces.size() == 51864);
  CHECK(graph.tokenizer.pieces[220] == " ");
  CHECK(graph.tokenizer.pieces[262] == " the");
  CHECK(graph.tokenizer.pieces[50256].empty());
  CHECK(graph.generation.begin_suppressed_tokens == std::vector<int64_t>{220, 50256});
  CHECK(graph.generation.suppressed_tokens.size() == 90);
  CHECK(graph.generation.max_initial_timestamp_index == 50);
  CHECK(graph.states.size() == 8);
}

TEST_CASE("base has the tokens and settings that are known of it") {
  const ir::Graph graph = Import(kBaseCt2);
  CHECK(graph.metadata.at("multilingual") == "true");
  CHECK(graph.metadata.at("num_languages") == "99");
  CHECK(graph.tokenizer.special_tokens.at("<|endoftext|>") == 50257);
  CHECK(graph.tokenizer.special_tokens.at("<|en|>") == 50259);
  CHECK(graph.tokenizer.special_tokens.at("<|he|>") == 50279);
  CHECK(graph.tokenizer.special_tokens.at("<|transcribe|>") == 50359);
  CHECK(graph.tokenizer.timestamp_begin == 50364);
  CHECK(graph.generation.suppressed_tokens.size() == 88);
  CHECK(graph.states.size() == 12);
}

TEST_CASE("A published vocabulary with a hole is refused") {
  const std::string path = kTinyCt2 + "/tokenizer.json";
  if (!std::filesystem::exists(path)) SKIP("no " << path);
  Json tokenizer = ReadJsonObject(path).value();
  CHECK(ImportTokenizerJson(tokenizer.dump(), 51864).ok());
  REQUIRE(tokenizer["model"]["vocab"].erase("\u0120the") == 1);
  CHECK_THAT(ImportTokenizerJson(tokenizer.dump(), 51864).status().message(),
             Catch::Matchers::ContainsSubstring("id 262"));
}

// The published lists are what OpenAI's rule made of the same vocabularies.
TEST_CASE("The tokens suppressed by rule are the published ones") {
  for (const std::string& directory : {kTinyCt2, kBaseCt2}) {
    const ir::Graph graph = Import(directory);
    const int64_t end = graph.tokenizer.special_tokens.at("<|endoftext|>");
    std::vector<int64_t> published;
    for (const int64_t id : graph.generation.suppressed_tokens) {
      if (id < end) published.push_back(id);  // the rest are control tokens
    }
    CHECK(NonSpeechTokens(graph.tokenizer) == published);
    CHECK(MakeGenerationSettings({}, graph.tokenizer).value().begin_suppressed_tokens ==
          graph.generation.begin_suppressed_tokens);
  }
}

}  // namespace
}  // namespace earshot::checkpoint
