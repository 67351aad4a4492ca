// Hugging Face directories of several families, made of the tensors of published cases: the same model as
// through the case's own description, and clear errors.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "converter/import/import_model.h"

namespace earshot::checkpoint {
namespace {

using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;
namespace fs = std::filesystem;

// A directory that goes away with the object.
class FamilyDirectory {
 public:
  FamilyDirectory(const std::string& test_case, const char* model_type)
      : case_(fs::path(EARSHOT_SHARED_DIR) / "zoo" / "cases" / test_case),
        path_(fs::temp_directory_path() / ("earshot_family_" + test_case)) {
    fs::remove_all(path_);
    fs::create_directories(path_);
    fs::create_symlink(fs::absolute(case_ / "model.safetensors"), path_ / "model.safetensors");
    config = Read(case_ / "config.json")["hparams"];
    config["model_type"] = model_type;
    config["architectures"] = {"Whatever"};
    config["torch_dtype"] = "float32";
  }
  ~FamilyDirectory() { fs::remove_all(path_); }
  FamilyDirectory(const FamilyDirectory&) = delete;
  FamilyDirectory& operator=(const FamilyDirectory&) = delete;

  void WriteVocabulary(int64_t size, const char* first) const {
    Json vocabulary = {{first, 0}, {"|", 1}};
    for (int64_t id = 2; id < size; ++id) vocabulary["t" + std::to_string(id)] = id;
    std::ofstream(path_ / "vocab.json") << vocabulary;
  }

  Result<ir::Graph> Import() const {
    std::ofstream(path_ / "config.json") << config;
    return ImportModel(path_.string());
  }
  Result<ir::Graph> ImportCase() const { return ImportModel(case_.string()); }

  Json config;

 private:
  static Json Read(const fs::path& file) {
    std::ifstream stream(file);
    return Json::parse(stream);
  }

  fs::path case_, path_;
};

// Methods and weights; metadata and names of files differ.
void CheckSame(const ir::Graph& a, const ir::Graph& b) {
  CHECK(a.family == b.family);
  REQUIRE(a.tensors.size() == b.tensors.size());
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    CHECK(a.tensors[i].name == b.tensors[i].name);
    CHECK(a.tensors[i].rows == b.tensors[i].rows);
    CHECK(a.tensors[i].cols == b.tensors[i].cols);
  }
  REQUIRE(a.methods.size() == b.methods.size());
  for (size_t i = 0; i < a.methods.size(); ++i) {
    CHECK(a.methods[i].name == b.methods[i].name);
    CHECK(a.methods[i].ops.size() == b.methods[i].ops.size());
  }
  CHECK(a.loops.size() == b.loops.size());
}

TEST_CASE("Wav2Vec2 directories give the graph of the published case, and words") {
  FamilyDirectory directory("wav2vec2-ctc", "wav2vec2");
  directory.config.erase("blank");
  directory.config["mask_time_prob"] = 0.05;
  directory.config["ctc_loss_reduction"] = "sum";
  directory.config["layer_norm_eps"] = 1e-05;
  directory.WriteVocabulary(32, "<pad>");
  const auto graph = directory.Import();
  REQUIRE(graph.ok());
  CheckSame(graph.value(), directory.ImportCase().value());
  CHECK(graph->tokenizer.pieces[1] == " ");
  CHECK(graph->tokenizer.pieces[2] == "t2");
  CHECK(graph->tokenizer.special_tokens.at("<pad>") == 0);
}

TEST_CASE("Wav2Vec2-Conformer directories give the graph of the published case") {
  FamilyDirectory directory("wav2vec2conformer-relative", "wav2vec2-conformer");
  directory.WriteVocabulary(29, "<pad>");
  const auto graph = directory.Import();
  REQUIRE(graph.ok());
  CheckSame(graph.value(), directory.ImportCase().value());
}

TEST_CASE("Marian directories give the graph of the published case") {
  FamilyDirectory directory("marian", "marian");
  directory.config["is_encoder_decoder"] = true;
  directory.config["static_position_embeddings"] = true;
  directory.config["num_beams"] = 6;
  directory.config["bad_words_ids"] = {{63}};
  directory.WriteVocabulary(64, "</s>");
  const auto graph = directory.Import();
  REQUIRE(graph.ok());
  CHECK(graph->loops.size() == directory.ImportCase()->loops.size());
  CHECK(graph->tokenizer.special_tokens.at("</s>") == 0);
  directory.config["bad_words_ids"] = {{63, 1}};
  CHECK_THAT(directory.Import().status().message(), ContainsSubstring("bad_words_ids"));
}

TEST_CASE("Longformer directories need no vocabulary") {
  FamilyDirectory directory("longformer-global", "longformer");
  directory.config["attention_mode"] = "longformer";
  const auto graph = directory.Import();
  REQUIRE(graph.ok());
  CheckSame(graph.value(), directory.ImportCase().value());
}

TEST_CASE("BigBird directories need no vocabulary") {
  FamilyDirectory directory("bigbird", "big_bird");
  directory.config.erase("padded_length");
  directory.config["attention_type"] = "block_sparse";
  directory.config["is_decoder"] = false;
  const auto graph = directory.Import();
  REQUIRE(graph.ok());
  CHECK(graph.value().methods.size() == 2);  // the blocks drawn at random belong to training
  directory.config["attention_type"] = "original_full";
  CHECK_THAT(directory.Import().status().message(), ContainsSubstring("attention_type"));
}

TEST_CASE("what a directory lacks, or asks for in vain, is named") {
  FamilyDirectory directory("wav2vec2-ctc", "wav2vec2");
  CHECK_THAT(directory.Import().status().message(), ContainsSubstring("vocab.json"));
  directory.WriteVocabulary(33, "<pad>");
  CHECK_THAT(directory.Import().status().message(), ContainsSubstring("t32"));
  directory.WriteVocabulary(32, "<pad>");
  directory.config["add_adapter"] = true;
  CHECK_THAT(directory.Import().status().message(), ContainsSubstring("add_adapter"));
  directory.config.erase("add_adapter");
  directory.config["secret_switch"] = 3;
  CHECK_THAT(directory.Import().status().message(), ContainsSubstring("secret_switch"));
  directory.config.erase("secret_switch");
  directory.config["num_hidden_layers"] = 3;
  CHECK_THAT(directory.Import().status().message(), ContainsSubstring("layers.2"));
  directory.config["num_hidden_layers"] = 1;
  CHECK_THAT(directory.Import().status().message(), ContainsSubstring("layers.1"));
}

}  // namespace
}  // namespace earshot::checkpoint
