// Configuration files as published are accepted, and what they would change is noticed.
#include "converter/import/huggingface.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <utility>

#include "converter/import/huggingface_config.h"
#include "converter/import/import_model.h"
#include "converter/import/tokenizer.h"
#include "converter/ir/verifier.h"
#include "tests/support/synthetic_whisper.h"

namespace earshot::checkpoint {
namespace {

using Catch::Matchers::ContainsSubstring;

// config.json as openai/whisper-large-v3 has it.
constexpr const char kLargeV3[] = R"({"_name_or_path": "openai/whisper-large-v3", "activation_dropout": 0.0,
 "activation_function": "gelu", "apply_spec_augment": false, "architectures": ["WhisperForConditionalGeneration"],
 "attention_dropout": 0.0, "begin_suppress_tokens": [220, 50257], "bos_token_id": 50257, "classifier_proj_size": 256,
 "d_model": 1280, "decoder_attention_heads": 20, "decoder_ffn_dim": 5120, "decoder_layerdrop": 0.0, "decoder_layers": 32,
 "decoder_start_token_id": 50258, "dropout": 0.0, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120,
 "encoder_layerdrop": 0.0, "encoder_layers": 32, "eos_token_id": 50257, "init_std": 0.02, "is_encoder_decoder": true,
 "mask_feature_length": 10, "mask_feature_min_masks": 0, "mask_feature_prob": 0.0, "mask_time_length": 10,
 "mask_time_min_masks": 2, "mask_time_prob": 0.05, "max_length": 448, "max_source_positions": 1500,
 "max_target_positions": 448, "median_filter_width": 7, "model_type": "whisper", "num_hidden_layers": 32,
 "num_mel_bins": 128, "pad_token_id": 50256, "scale_embedding": false, "torch_dtype": "float16",
 "transformers_version": "4.36.0.dev0", "use_cache": true, "use_weighted_layer_sum": false, "vocab_size": 51866})";

// distil-whisper/distil-small.en: fewer decoder layers, null and empty lists.
constexpr const char kDistilSmallEn[] = R"({"_name_or_path": "./distil-small-init", "activation_dropout": 0.0,
 "activation_function": "gelu", "apply_spec_augment": false, "architectures": ["WhisperForConditionalGeneration"],
 "attention_dropout": 0.0, "begin_suppress_tokens": [220, 50256], "bos_token_id": 50257, "classifier_proj_size": 256,
 "d_model": 768, "decoder_attention_heads": 12, "decoder_ffn_dim": 3072, "decoder_layerdrop": 0.0, "decoder_layers": 4,
 "decoder_start_token_id": 50257, "dropout": 0.0, "encoder_attention_heads": 12, "encoder_ffn_dim": 3072,
 "encoder_layerdrop": 0.0, "encoder_layers": 12, "eos_token_id": 50256, "forced_decoder_ids": null, "init_std": 0.02,
 "is_encoder_decoder": true, "low_cpu_mem_usage": true, "mask_feature_length": 10, "mask_feature_min_masks": 0,
 "mask_feature_prob": 0.0, "mask_time_length": 10, "mask_time_min_masks": 2, "mask_time_prob": 0.05, "max_length": 448,
 "max_source_positions": 1500, "max_target_positions": 448, "median_filter_width": 7, "model_type": "whisper",
 "num_hidden_layers": 12, "num_mel_bins": 80, "pad_token_id": 50256, "scale_embedding": false, "suppress_tokens": [],
 "torch_dtype": "float32", "transformers_version": "4.35.0", "use_cache": true, "use_weighted_layer_sum": false,
 "vocab_size": 51864})";

// openai/whisper-large-v2 in its first form, without the keys of later releases.
constexpr const char kLargeV2[] = R"({"activation_dropout": 0.0, "activation_function": "gelu",
 "architectures": ["WhisperForConditionalGeneration"], "attention_dropout": 0.0, "begin_suppress_tokens": [220, 50257],
 "bos_token_id": 50257, "d_model": 1280, "decoder_attention_heads": 20, "decoder_ffn_dim": 5120, "decoder_layerdrop": 0.0,
 "decoder_layers": 32, "decoder_start_token_id": 50258, "dropout": 0.0, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120,
 "encoder_layerdrop": 0.0, "encoder_layers": 32, "eos_token_id": 50257, "forced_decoder_ids": [[1, 50259], [2, 50359], [3, 50363]],
 "init_std": 0.02, "is_encoder_decoder": true, "max_length": 448, "max_source_positions": 1500, "max_target_positions": 448,
 "model_type": "whisper", "num_hidden_layers": 32, "num_mel_bins": 80, "pad_token_id": 50257, "scale_embedding": false,
 "suppress_tokens": [1, 2, 7], "torch_dtype": "float32", "transformers_version": "4.27.0.dev0", "use_cache": true,
 "vocab_size": 51865})";

constexpr const char kGeneration[] = R"({"alignment_heads": [[7, 0]], "begin_suppress_tokens": [220, 50257],
 "bos_token_id": 50257, "decoder_start_token_id": 50258, "eos_token_id": 50257, "forced_decoder_ids": [[1, null], [2, 50360]],
 "is_multilingual": true, "lang_to_id": {"<|af|>": 50327}, "language": "<|en|>", "max_initial_timestamp_index": 50,
 "max_length": 448, "no_timestamps_token_id": 50364, "pad_token_id": 50257, "prev_sot_token_id": 50362,
 "return_timestamps": false, "suppress_tokens": [1, 2], "task": "transcribe", "task_to_id": {"transcribe": 50360, "translate": 50359},
 "transformers_version": "4.36.0.dev0", "_from_model_config": true})";

constexpr const char kPreprocessor[] =
    R"({"chunk_length": 30, "feature_extractor_type": "WhisperFeatureExtractor",
 "feature_size": 128, "hop_length": 160, "n_fft": 400, "n_samples": 480000, "nb_max_frames": 3000, "padding_side": "right",
 "padding_value": 0.0, "processor_class": "WhisperProcessor", "return_attention_mask": false, "sampling_rate": 16000,
 "mel_filters": [[0.0, 0.1]]})";

HuggingFaceConfigs Configs(const std::string& config, const std::string& generation = "{}",
                           const std::string& preprocessor = "{}") {
  return {ParseJsonObject(config, "config").value(), ParseJsonObject(generation, "generation").value(),
          ParseJsonObject(preprocessor, "preprocessor").value()};
}

TEST_CASE("Published configurations are read") {
  const auto large = ParseWhisperConfig(Configs(kLargeV3, kGeneration, kPreprocessor));
  INFO(large.status().message());
  REQUIRE(large.ok());
  CHECK(large.value().num_mels == 128);
  CHECK(large.value().vocab_size == 51866);
  CHECK(large.value().width == 1280);
  CHECK(large.value().encoder_layers == 32);
  CHECK(large.value().encoder_heads == 20);
  CHECK(large.value().encoder_ffn_width == 5120);
  CHECK(large.value().decoder_layers == 32);
  CHECK(large.value().max_audio_frames == 1500);
  CHECK(large.value().max_text_tokens == 448);

  const auto distil = ParseWhisperConfig(Configs(kDistilSmallEn));
  INFO(distil.status().message());
  REQUIRE(distil.ok());
  CHECK(distil.value().encoder_layers == 12);
  CHECK(distil.value().decoder_layers == 4);
  CHECK(ParseWhisperConfig(Configs(kLargeV2)).ok());
}

Status ParseChanged(const std::string& key, const std::string& value) {
  HuggingFaceConfigs configs = Configs(kLargeV3, kGeneration, kPreprocessor);
  configs.config[key] = ParseJson(value, "value").value();
  return ParseWhisperConfig(configs).status();
}

TEST_CASE("Keys that would change the result are refused, with their values") {
  const std::pair<const char*, const char*> cases[] = {
      {"activation_function", "\"relu\""},
      {"architectures", "[\"WhisperModel\"]"},
      {"is_encoder_decoder", "false"},
      {"tie_word_embeddings", "false"},
      {"repetition_penalty", "1.2"},
      {"pruned_heads", "{\"0\":[1]}"},
      {"quantization_config", "{\"bits\":4}"},
      {"rope_theta", "10000.0"},
      {"some_new_switch", "true"},
      {"some_new_number", "0"},
  };
  for (const auto& [key, value] : cases) {
    INFO(key);
    const Status status = ParseChanged(key, value);
    CHECK(status.code() == StatusCode::kUnsupported);
    CHECK_THAT(status.message(),
               ContainsSubstring("config.json") && ContainsSubstring(key) && ContainsSubstring(value));
  }
}

TEST_CASE("Features that are off may be unknown") {
  CHECK(ParseChanged("some_new_switch", "false").ok());
  CHECK(ParseChanged("quantization_config", "null").ok());
  CHECK(ParseChanged("tie_word_embeddings", "true").ok());
  CHECK(ParseChanged("repetition_penalty", "1.0").ok());
  CHECK(ParseChanged("scale_embedding", "true").ok());  // transformers ignores it
}

TEST_CASE("Sizes that no model has are refused") {
  const std::pair<const char*, const char*> cases[] = {{"d_model", "0"},
                                                       {"d_model", "-1"},
                                                       {"d_model", "1281"},
                                                       {"d_model", "\"wide\""},
                                                       {"d_model", "1280.5"},
                                                       {"d_model", "null"},
                                                       {"vocab_size", "1e99"},
                                                       {"vocab_size", "18446744073709551615"},
                                                       {"encoder_layers", "1000000"},
                                                       {"decoder_attention_heads", "1281"},
                                                       {"num_mel_bins", "5000"}};
  for (const auto& [key, value] : cases) {
    INFO(key << " " << value);
    CHECK(ParseChanged(key, value).code() == StatusCode::kInvalidModel);
  }
}

TEST_CASE("Other families are named") {
  const Status status = ParseChanged("model_type", "\"wav2vec2\"");
  CHECK(status.code() == StatusCode::kUnsupported);
  CHECK_THAT(status.message(), ContainsSubstring("wav2vec2"));
}

TEST_CASE("Features of another kind are refused") {
  const std::pair<const char*, const char*> cases[] = {
      {"feature_size", "80"}, {"chunk_length", "15"},    {"hop_length", "80"},
      {"n_fft", "512"},       {"sampling_rate", "8000"}, {"do_normalize", "true"},
      {"dither", "0.5"},      {"padding_value", "1"},    {"unknown", "1"}};
  const whisper::Config config = ParseWhisperConfig(Configs(kLargeV3)).value();
  for (const auto& [key, value] : cases) {
    Json preprocessor = ParseJsonObject(kPreprocessor, "preprocessor").value();
    CHECK(CheckPreprocessor(preprocessor, config).ok());
    preprocessor[key] = ParseJson(value, "value").value();
    const Status status = CheckPreprocessor(preprocessor, config);
    CHECK(status.code() == StatusCode::kUnsupported);
    CHECK_THAT(status.message(), ContainsSubstring(key) && ContainsSubstring(value));
  }
}

TEST_CASE("Generation settings go before the configuration's") {
  const ir::Tokenizer tokenizer = ImportTokenizerJson(test::SyntheticTokenizerJson(), 40).value();
  const std::string config = test::SyntheticConfigJson();
  const auto parse = [&](const std::string& generation) {
    return ParseGenerationSettings(Configs(config, generation), tokenizer);
  };

  const auto defaults = parse("{}");
  REQUIRE(defaults.ok());
  CHECK(defaults.value().suppressed_tokens == std::vector<int64_t>{1, 2, 5, 21, 24, 25, 26, 27, 28});
  CHECK(defaults.value().begin_suppressed_tokens == std::vector<int64_t>{17, 20});
  CHECK(defaults.value().max_initial_timestamp_index == 50);

  const auto own =
      parse(R"({"suppress_tokens": [3], "begin_suppress_tokens": [4], "max_initial_timestamp_index": 10,
                            "eos_token_id": [20], "no_timestamps_token_id": 29, "prev_sot_token_id": 27})");
  INFO(own.status().message());
  REQUIRE(own.ok());
  CHECK(own.value().suppressed_tokens == std::vector<int64_t>{3, 21, 24, 25, 26, 27, 28});
  CHECK(own.value().begin_suppressed_tokens == std::vector<int64_t>{4});
  CHECK(own.value().max_initial_timestamp_index == 10);
  CHECK(parse(R"({"suppress_tokens": null})").value().suppressed_tokens ==
        defaults.value().suppressed_tokens);

  const std::pair<const char*, const char*> bad[] = {
      {R"({"suppress_tokens": [40]})", "40"},
      {R"({"suppress_tokens": [-1]})", "suppress_tokens"},
      {R"({"suppress_tokens": 7})", "suppress_tokens"},
      {R"({"eos_token_id": 19})", "<|endoftext|> is 20"},
      {R"({"eos_token_id": [20, 21]})", "eos_token_id"},
      {R"({"no_timestamps_token_id": 30})", "no_timestamps_token_id"},
      {R"({"max_initial_timestamp_index": 1501})", "1501"},
      {R"({"max_initial_timestamp_index": -1})", "-1"}};
  for (const auto& [generation, problem] : bad) {
    INFO(generation);
    CHECK_THAT(parse(generation).status().message(), ContainsSubstring(problem));
  }
}

std::map<std::string, std::string> SyntheticTexts() {
  return {{"config.json", test::SyntheticConfigJson()}, {"tokenizer.json", test::SyntheticTokenizerJson()}};
}

Result<ir::Graph> ImportSynthetic(const test::SyntheticWhisper& model,
                                  const std::map<std::string, std::string>& texts) {
  const test::TemporaryDirectory directory(
      "hf", texts, {{"model.safetensors", test::SafetensorsBytes(model.tensors, "F16")}});
  return ImportModel(directory.path());
}

TEST_CASE("A directory becomes a whole graph") {
  const auto graph = ImportSynthetic(test::MakeSyntheticWhisper(), SyntheticTexts());
  INFO(graph.status().message());
  REQUIRE(graph.ok());
  CHECK_THAT(graph.value().name, Catch::Matchers::StartsWith("earshot-hf-"));
  CHECK(graph.value().metadata.at("source") == "huggingface");
  CHECK(graph.value().metadata.at("multilingual") == "false");
  CHECK(ir::Verify(graph.value()).ok());
}

TEST_CASE("Every tensor must be there, be used, or be the tied projection") {
  test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  const test::SyntheticTensor embedding = model.tensors.at("model.decoder.embed_tokens.weight");
  model.tensors["proj_out.weight"] = embedding;
  CHECK(ImportSynthetic(model, SyntheticTexts()).ok());

  model.tensors["proj_out.weight"].values[5] += 1.0f;
  CHECK_THAT(ImportSynthetic(model, SyntheticTexts()).status().message(),
             ContainsSubstring("proj_out.weight differs"));
  model.tensors.erase("proj_out.weight");

  model.tensors["model.encoder.layers.0.self_attn.k_proj.bias"] = {{8}, std::vector<float>(8)};
  CHECK_THAT(ImportSynthetic(model, SyntheticTexts()).status().message(), ContainsSubstring("k_proj.bias"));
  model.tensors.erase("model.encoder.layers.0.self_attn.k_proj.bias");

  model.tensors.erase("model.encoder.layers.1.fc2.bias");
  CHECK_THAT(ImportSynthetic(model, SyntheticTexts()).status().message(),
             ContainsSubstring("model.encoder.layers.1.fc2.bias"));
}

TEST_CASE("Files that are missing are named") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  std::map<std::string, std::string> texts = SyntheticTexts();
  texts.erase("tokenizer.json");
  CHECK_THAT(ImportSynthetic(model, texts).status().message(), ContainsSubstring("no tokenizer.json"));
  texts = SyntheticTexts();
  texts.erase("config.json");
  CHECK_THAT(ImportSynthetic(model, texts).status().message(), ContainsSubstring("config.json"));
}

TEST_CASE("A pointer of Git LFS is told from the file") {
  std::map<std::string, std::string> texts = SyntheticTexts();
  texts["model.safetensors"] =
      "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize 151061672\n";
  const test::TemporaryDirectory directory("lfs", texts, {});
  const Status status = ImportModel(directory.path()).status();
  CHECK(status.code() == StatusCode::kInvalidModel);
  CHECK_THAT(status.message(), ContainsSubstring("model.safetensors") && ContainsSubstring("git lfs pull"));
}

TEST_CASE("Features may be described in processor_config.json") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  std::map<std::string, std::string> texts = SyntheticTexts();
  texts["processor_config.json"] =
      R"({"processor_class": "WhisperProcessor", "feature_extractor": {"feature_size": 4}})";
  CHECK(ImportSynthetic(model, texts).ok());
  texts["processor_config.json"] = R"({"feature_extractor": {"feature_size": 80}})";
  CHECK_THAT(ImportSynthetic(model, texts).status().message(), ContainsSubstring("feature_size"));
}

}  // namespace
}  // namespace earshot::checkpoint
