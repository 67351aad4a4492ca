// CTranslate2 models of every version and weight type give the tensors of the Hugging Face model they were
// made from.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "converter/import/ctranslate2_model.h"
#include "converter/import/ctranslate2_whisper.h"
#include "tests/support/synthetic_whisper.h"

namespace earshot::checkpoint {
namespace {

using Catch::Matchers::ContainsSubstring;
using test::Ct2Options;
using test::Ct2Type;

Result<std::unique_ptr<Ct2WhisperSource>> Open(std::vector<std::byte> bytes) {
  EARSHOT_ASSIGN_OR_RETURN(Ct2Model model,
                           Ct2Model::Read(CheckpointFile::FromBytes("model.bin", std::move(bytes))));
  return Ct2WhisperSource::Create(std::move(model));
}

void CheckSameTensors(const test::SyntheticWhisper& model, const Ct2Options& options) {
  INFO("version " << options.version << ", type " << static_cast<int>(options.weights));
  auto source = Open(Ct2Bytes(model, options));
  INFO(source.status().message());
  REQUIRE(source.ok());
  for (const auto& [name, tensor] : model.tensors) {
    INFO(name);
    const auto values = source.value()->Take(name, tensor.shape);
    INFO(values.status().message());
    REQUIRE(values.ok());
    CHECK(values.value() == tensor.values);
  }
  CHECK(source.value()->Unused().empty());
}

TEST_CASE("All weight types give the same tensors") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  for (const Ct2Type type : {Ct2Type::kF32, Ct2Type::kI8, Ct2Type::kI16, Ct2Type::kF16, Ct2Type::kBF16}) {
    for (const uint32_t version : {4u, 5u, 6u})
      CheckSameTensors(model, {.version = version, .weights = type});
  }
}

TEST_CASE("Old versions are read, which know no types and at first no aliases") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  for (const Ct2Type type : {Ct2Type::kF32, Ct2Type::kI8, Ct2Type::kI16}) {
    CheckSameTensors(model, {.version = 3, .weights = type});
    auto source = Open(Ct2Bytes(model, {.version = 2, .weights = type}));
    REQUIRE(source.ok());
    CHECK(source.value()->Has("proj_out.weight"));  // no alias says that it is the embedding
  }
}

TEST_CASE("The sizes come from shapes and settings") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  const auto source = Open(Ct2Bytes(model));
  REQUIRE(source.ok());
  const whisper::Config &actual = source.value()->config(), &expected = model.config;
  CHECK(actual.num_mels == expected.num_mels);
  CHECK(actual.vocab_size == expected.vocab_size);
  CHECK(actual.width == expected.width);
  CHECK(actual.encoder_layers == expected.encoder_layers);
  CHECK(actual.encoder_heads == expected.encoder_heads);
  CHECK(actual.encoder_ffn_width == expected.encoder_ffn_width);
  CHECK(actual.decoder_layers == expected.decoder_layers);
  CHECK(actual.decoder_heads == expected.decoder_heads);
  CHECK(actual.decoder_ffn_width == expected.decoder_ffn_width);
  CHECK(actual.max_audio_frames == expected.max_audio_frames);
  CHECK(actual.max_text_tokens == expected.max_text_tokens);
}

TEST_CASE("A projection that is stored a second time is left to the graph builder to compare") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  auto source = Open(Ct2Bytes(model, {.aliases_projection = false}));
  REQUIRE(source.ok());
  const auto& embedding = model.tensors.at("model.decoder.embed_tokens.weight");
  CHECK(source.value()->Take("proj_out.weight", embedding.shape).value() == embedding.values);
}

TEST_CASE("What would compute something else than Whisper is refused") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  const std::pair<Ct2Options, const char*> cases[] = {
      {{.version = 1}, "version 1"},
      {{.version = 7}, "version 7"},
      {{.key_bias = 0.5f}, "bias for the keys"},
      {{.scalars = {{"decoder/activation", 0}}}, "decoder/activation is 0"},
      {{.scalars = {{"decoder/activation", 1}}}, "can only do 3"},
      {{.scalars = {{"decoder/pre_norm", 0}}}, "decoder/pre_norm"},
      {{.scalars = {{"decoder/scale_embeddings", 1}}}, "decoder/scale_embeddings"},
      {{.scalars = {{"decoder/start_from_zero_embedding", 1}}}, "start_from_zero_embedding"},
      {{.scalars = {{"decoder/alibi", 1}}}, "decoder/alibi"},
      {{.scalars = {{"decoder/sliding_window", 7}}}, "decoder/sliding_window"},
      {{.scalars = {{"decoder/layer_0/self_attention/num_heads_kv", 1}}}, "num_heads_kv is 1"},
      {{.scalars = {{"decoder/layer_0/self_attention/queries_scale", 1}}}, "queries_scale is 1"},
      {{.scalars = {{"encoder/num_heads", 3}}}, "3 heads"},
      {{.scalars = {{"encoder/num_heads", 0}}}, "encoder heads"},
      {{.more = {{"encoder/layer_0/self_attention/relative_position_keys", {{2, 2}, {1, 2, 3, 4}}}}},
       "relative_position_keys"},
      {{.more = {{"encoder/layer_0/ffn/linear_0/weight_scale", {{12}, std::vector<float>(12, 1.0f)}}}},
       "weight_scale"},
      {{.without = "encoder/num_heads"}, "encoder/num_heads"},
      {{.without = "decoder/scale_embeddings"}, "decoder/scale_embeddings"},
      {{.without = "encoder/layer_1/ffn/linear_1/bias"}, "encoder/layer_1/ffn/linear_1/bias"},
      {{.without = "encoder/position_encodings/encodings"}, "encoder/position_encodings/encodings"},
      {{.weights = Ct2Type::kI8, .without = "encoder/layer_0/ffn/linear_0/weight_scale"}, ""},
  };
  for (const auto& [options, problem] : cases) {
    INFO(problem);
    auto source = Open(Ct2Bytes(model, options));
    if (*problem == '\0') {  // found when the tensor is read
      REQUIRE(source.ok());
      CHECK_THAT(source.value()->Take("model.encoder.layers.0.fc1.weight", {12, 8}).status().message(),
                 ContainsSubstring("has no scale"));
      continue;
    }
    REQUIRE_FALSE(source.ok());
    CHECK_THAT(source.status().message(), ContainsSubstring(problem));
  }
}

TEST_CASE("Settings that change nothing are accepted") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  const auto source =
      Open(Ct2Bytes(model, {.scalars = {{"decoder/alibi_use_positive_positions", 1},
                                        {"decoder/alignment_heads", 6},
                                        {"decoder/multi_query_attention", 0},
                                        {"decoder/layer_0/self_attention/num_heads_kv", 2},
                                        {"decoder/layer_0/self_attention/head_dim", 4},
                                        {"encoder/layer_0/ffn/linear_0/keep_in_float32", 1}}}));
  INFO(source.status().message());
  CHECK(source.ok());
}

TEST_CASE("Files that are cut, longer than they say, or of another kind are refused") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  const std::vector<std::byte> bytes = Ct2Bytes(model);
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte{0});
  CHECK_THAT(Open(longer).status().message(), ContainsSubstring("1 bytes follow"));
  std::vector<std::byte> other = bytes;
  other[6] = std::byte{'w'};  // version, length, then the name
  CHECK_THAT(Open(other).status().message(), ContainsSubstring("whisperSpec"));
  CHECK_THAT(Open({}).status().message(), ContainsSubstring("version"));
}

TEST_CASE("Weights of a type that only settings have are refused") {
  std::vector<std::byte> bytes = Ct2Bytes(test::MakeSyntheticWhisper());
  const std::string name = "encoder/conv1/bias";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t type = text.find(name) + name.size() + 1 + 1 + 4;  // behind NUL, rank and one dimension
  REQUIRE(bytes[type] == std::byte{0});
  bytes[type] = std::byte{3};  // int32, of as many bytes
  auto source = Open(std::move(bytes));
  REQUIRE(source.ok());
  const Status status = source.value()->Take("model.encoder.conv1.bias", {8}).status();
  CHECK(status.code() == StatusCode::kUnsupported);
  CHECK_THAT(status.message(), ContainsSubstring(name) && ContainsSubstring("int32"));
}

TEST_CASE("Tensors are given in one shape and once") {
  auto source = Open(Ct2Bytes(test::MakeSyntheticWhisper()));
  REQUIRE(source.ok());
  Ct2WhisperSource& tensors = *source.value();
  CHECK(tensors.Take("model.nothing", {1}).status().code() == StatusCode::kNotFound);
  CHECK(tensors.Take("model.encoder.conv1.bias", {9}).status().code() == StatusCode::kInvalidModel);
  CHECK(tensors.Take("model.encoder.conv1.bias", {8}).ok());
  CHECK_FALSE(tensors.Take("model.encoder.conv1.bias", {8}).ok());
}

}  // namespace
}  // namespace earshot::checkpoint
