// Telling checkpoints apart, and the same model from two formats.
#include "converter/import/checkpoint.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <string>
#include <utility>

#include "converter/import/import_model.h"
#include "tests/support/same_graph.h"
#include "tests/support/synthetic_whisper.h"

namespace earshot::checkpoint {
namespace {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("What is no checkpoint is refused with advice") {
  CHECK(OpenCheckpoint("/nonexistent/whisper").status().code() == StatusCode::kNotFound);
  const std::pair<const char*, const char*> cases[] = {
      {"pytorch_model.bin", "safe_serialization"},
      {"tiny.en.pt", "Hugging Face version"},
      {"ggml-tiny.en.bin", "Hugging Face version"},
      {"weights.safetensors", "rename it to model.safetensors"},
      {"readme.txt", "expected a Hugging Face directory"}};
  for (const auto& [file, advice] : cases) {
    const test::TemporaryDirectory directory("other", {{file, "x"}}, {});
    CHECK_THAT(OpenCheckpoint(directory.path()).status().message(), ContainsSubstring(advice));
    CHECK_THAT(OpenCheckpoint(directory.path() + "/" + file).status().message(),
               ContainsSubstring("give the directory"));
  }
}

TEST_CASE("Hugging Face and CTranslate2 directories of one model give the same graph") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  const test::TemporaryDirectory directory(
      "hf",
      {{"config.json", test::SyntheticConfigJson()}, {"tokenizer.json", test::SyntheticTokenizerJson()}},
      {{"model.safetensors", test::SafetensorsBytes(model.tensors, "BF16")}});
  const auto huggingface = ImportModel(directory.path());
  INFO(huggingface.status().message());
  REQUIRE(huggingface.ok());
  const std::map<std::string, std::string> texts[] = {
      {{"tokenizer.json", test::SyntheticTokenizerJson()}},
      {{"vocabulary.txt", test::SyntheticVocabularyTxt()}},
  };
  for (std::map<std::string, std::string> files : texts) {
    files["config.json"] =
        R"({"suppress_ids": [1, 2, 5], "suppress_ids_begin": [17, 20], "lang_ids": [22], "alignment_heads": []})";
    const test::TemporaryDirectory ct2_directory(
        "ct2", files, {{"model.bin", test::Ct2Bytes(model, {.weights = test::Ct2Type::kI8})}});
    const auto ct2 = ImportModel(ct2_directory.path());
    INFO(ct2.status().message());
    REQUIRE(ct2.ok());
    CHECK(ct2.value().metadata.at("source") == "ctranslate2");
    CHECK(test::FirstDifference(huggingface.value(), ct2.value()) == "");
  }
}

TEST_CASE("A CTranslate2 directory needs a vocabulary and nothing unknown in its configuration") {
  const auto bytes = test::Ct2Bytes(test::MakeSyntheticWhisper());
  const auto message = [&](const std::map<std::string, std::string>& texts) {
    const test::TemporaryDirectory directory("ct2", texts, {{"model.bin", bytes}});
    return std::string(ImportModel(directory.path()).status().message());
  };
  CHECK_THAT(message({}), ContainsSubstring("no tokenizer.json"));
  CHECK_THAT(message({{"tokenizer.json", test::SyntheticTokenizerJson()},
                      {"config.json", R"({"layer_norm_epsilon": 1e-6})"}}),
             ContainsSubstring("layer_norm_epsilon"));
  CHECK_THAT(message({{"tokenizer.json", test::SyntheticTokenizerJson()},
                      {"preprocessor_config.json", R"({"feature_size": 80})"}}),
             ContainsSubstring("feature_size"));
  CHECK(message({{"tokenizer.json", test::SyntheticTokenizerJson()}})
            .empty());  // config.json came with version 6 only
}

}  // namespace
}  // namespace earshot::checkpoint
