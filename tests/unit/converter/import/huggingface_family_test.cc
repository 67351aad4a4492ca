// Directories as transformers writes them, made of the weights of reference cases: the same graph as through
// the reference form, text out of the vocabulary, and errors that name what is wrong.
#include "converter/import/huggingface_family.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include "converter/import/import_model.h"
#include "converter/import/json.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/same_graph.h"
#include "tests/support/synthetic_whisper.h"

namespace earshot::checkpoint {
namespace {

using Catch::Matchers::ContainsSubstring;
using Tensors = std::map<std::string, test::SyntheticTensor>;

const std::string kCases = EARSHOT_SHARED_DIR "/zoo/cases/";

struct Case {
  Json hparams;
  Json reference;
  Tensors tensors;
};

Case ReadCase(const std::string& name) {
  Case result;
  std::ifstream file(kCases + name + "/config.json");
  const Json config = Json::parse(file);
  result.hparams = config.at("hparams");
  result.reference = config.at("reference");
  const test::SafetensorsFile weights = test::ReadSafetensorsFile(kCases + name + "/model.safetensors");
  for (const auto& [tensor, content] : weights.tensors()) {
    if (content.dtype == "F32") result.tensors[tensor] = {content.shape, weights.Floats(tensor)};
  }
  return result;
}

struct Files {
  Json config;
  Tensors tensors;
  std::map<std::string, std::string> texts = {};
};

Result<ir::Graph> Import(Files files) {
  files.texts["config.json"] = files.config.dump();
  const test::TemporaryDirectory directory(
      "family", files.texts, {{"model.safetensors", test::SafetensorsBytes(files.tensors, "F32")}});
  return ImportModel(directory.path());
}

std::string MessageOf(const Files& files) { return std::string(Import(files).status().message()); }

// "" if the directory gives the graph that the reference form of the case gives.
std::string DifferenceToReference(const Case& reference, const Files& files) {
  Result<ir::Graph> expected =
      Import({.config = {{"reference", reference.reference}, {"hparams", reference.hparams}},
              .tensors = reference.tensors});
  Result<ir::Graph> graph = Import(files);
  if (!expected.ok()) return expected.status().message();
  if (!graph.ok()) return graph.status().message();
  graph->tokenizer = expected->tokenizer;
  return test::FirstDifference(expected.value(), graph.value());
}

std::string CharacterVocabulary(int64_t size) {
  Json vocab = {{"<pad>", 0}, {"<s>", 1}, {"</s>", 2}, {"<unk>", 3}, {"|", 4}};
  for (int64_t id = 5; id < size; ++id) vocab[std::string(1, static_cast<char>('A' + id - 5))] = id;
  vocab["<s>"] = 1;
  return vocab.dump();
}

// What a published config.json has beside the sizes.
Files Wav2Vec2Files(const Case& reference) {
  Files files = {.config = reference.hparams, .tensors = reference.tensors};
  files.config.erase("blank");
  files.config.update(Json::parse(R"({"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForCTC"],
    "activation_dropout": 0.1, "apply_spec_augment": true, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0, "ctc_loss_reduction": "sum", "ctc_zero_infinity": false, "feat_extract_activation": "gelu",
    "feat_extract_dropout": 0.0, "feat_proj_dropout": 0.1, "final_dropout": 0.1, "hidden_act": "gelu",
    "hidden_dropout": 0.1, "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "layer_norm_eps": 1e-05,
    "layerdrop": 0.1, "mask_feature_length": 10, "mask_feature_prob": 0.0, "mask_time_prob": 0.05,
    "num_feat_extract_layers": 3, "transformers_version": "4.7.0.dev0", "gradient_checkpointing": false})"));
  files.tensors["wav2vec2.masked_spec_embed"] = {{32}, std::vector<float>(32, 0.5f)};
  files.texts = {{"vocab.json", CharacterVocabulary(32)},
                 {"preprocessor_config.json",
                  R"({"do_normalize": true, "feature_size": 1, "padding_side": "right", "padding_value": 0.0,
                      "return_attention_mask": false, "sampling_rate": 16000})"}};
  return files;
}

TEST_CASE("Wav2Vec2 as it is downloaded, weight norm in both forms") {
  const Case reference = ReadCase("wav2vec2-ctc");
  Files files = Wav2Vec2Files(reference);
  CHECK(DifferenceToReference(reference, files) == "");
  const std::string convolution = "wav2vec2.encoder.pos_conv_embed.conv.";
  for (const auto& [before, after] :
       {std::pair("weight_g", "original0"), std::pair("weight_v", "original1")}) {
    auto node = files.tensors.extract(convolution + "parametrizations.weight." + after);
    REQUIRE(!node.empty());
    node.key() = convolution + before;
    files.tensors.insert(std::move(node));
  }
  CHECK(DifferenceToReference(reference, files) == "");
  const auto graph = Import(files);
  REQUIRE(graph.ok());
  CHECK(graph->tokenizer.pieces.at(4) == " ");
  CHECK(graph->tokenizer.pieces.at(5) == "A");
  CHECK(graph->tokenizer.pieces.at(0).empty());
  CHECK(graph->tokenizer.special_tokens.at("<pad>") == 0);
  CHECK(graph->loops.at(0).settings.at("normalize") == 1);
}

TEST_CASE("Wav2Vec2 directories that cannot be converted say why") {
  const Files good = Wav2Vec2Files(ReadCase("wav2vec2-ctc"));
  const auto message = [&](const char* key, const Json& value) {
    Files files = good;
    files.config[key] = value;
    return MessageOf(files);
  };
  CHECK_THAT(message("adapter_attn_dim", 16), ContainsSubstring("adapter_attn_dim"));
  CHECK_THAT(message("add_adapter", true), ContainsSubstring("add_adapter"));
  CHECK_THAT(message("layer_norm_eps", 1e-6), ContainsSubstring("layer_norm_eps"));
  CHECK_THAT(message("feat_extract_norm", "batch"), ContainsSubstring("feat_extract_norm"));
  CHECK_THAT(message("hidden_size", "wide"), ContainsSubstring("hidden_size"));
  CHECK_THAT(message("hidden_act", "mish"), ContainsSubstring("mish"));
  CHECK_THAT(message("pad_token_id", 32), ContainsSubstring("blank"));
  CHECK_THAT(message("architectures", {"Wav2Vec2ForPreTraining"}),
             ContainsSubstring("Wav2Vec2ForPreTraining"));

  Files files = good;
  files.tensors.erase("lm_head.weight");
  CHECK_THAT(MessageOf(files), ContainsSubstring("lm_head.weight"));
  files = good;
  files.tensors["quantizer.codevectors"] = {{2}, {1.0f, 2.0f}};
  CHECK_THAT(MessageOf(files), ContainsSubstring("quantizer.codevectors"));
  files = good;
  files.texts.erase("vocab.json");
  CHECK_THAT(MessageOf(files), ContainsSubstring("no vocab.json"));
  files = good;
  files.texts["vocab.json"] = R"({"eng": {"a": 5}})";
  CHECK_THAT(MessageOf(files), ContainsSubstring("several languages"));
  files = good;
  files.texts["vocab.json"] = R"({"a": 32})";
  CHECK_THAT(MessageOf(files), ContainsSubstring("vocabulary of 32"));
  files = good;
  files.texts["tokenizer_config.json"] = R"({"do_lower_case": true})";
  CHECK_THAT(MessageOf(files), ContainsSubstring("do_lower_case"));
  files = good;
  files.texts["preprocessor_config.json"] = R"({"sampling_rate": 8000})";
  CHECK_THAT(MessageOf(files), ContainsSubstring("sampling_rate"));
}

TEST_CASE("Wav2Vec2-Conformer as it is downloaded") {
  const Case reference = ReadCase("wav2vec2conformer-relative");
  Files files = {.config = reference.hparams, .tensors = reference.tensors};
  files.config.update(Json::parse(R"({"model_type": "wav2vec2-conformer", "architectures":
    ["Wav2Vec2ConformerForCTC"], "conformer_conv_dropout": 0.1, "max_source_positions": 5000,
    "rotary_embedding_base": 10000, "hidden_act": "gelu", "pad_token_id": 0, "add_adapter": false})"));
  files.tensors["wav2vec2_conformer.encoder.pos_conv_embed.conv.bias"] = {{32}, std::vector<float>(32, 0.5f)};
  files.texts["vocab.json"] = CharacterVocabulary(29);
  CHECK(DifferenceToReference(reference, files) == "");
  files.config["position_embeddings_type"] = nullptr;
  CHECK_THAT(MessageOf(files), ContainsSubstring("position_embeddings_type is null"));
  files.config["position_embeddings_type"] = "learned";
  CHECK_THAT(MessageOf(files), ContainsSubstring("learned"));
}

TEST_CASE("Parakeet as it is downloaded") {
  const Case reference = ReadCase("parakeet-ctc");
  Json encoder = reference.hparams.at("encoder");
  encoder.update(Json::parse(R"({"model_type": "parakeet_encoder", "activation_dropout": 0.1, "dropout": 0.1,
    "dropout_positions": 0.0, "hidden_act": "silu", "initializer_range": 0.02, "layerdrop": 0.1,
    "max_position_embeddings": 5000, "num_key_value_heads": 4, "subsampling_conv_kernel_size": 3,
    "subsampling_conv_stride": 2, "attention_dropout": 0.1})"));
  Json vocab = {{"<unk>", 0}, {"\xE2\x96\x81the", 1}, {"s", 2}};
  const Json tokenizer = {
      {"added_tokens", Json::array({{{"id", 0}, {"content", "<unk>"}, {"special", true}},
                                    {{"id", 40}, {"content", "<pad>"}, {"special", true}}})},
      {"decoder", {{"type", "Metaspace"}, {"replacement", "\xE2\x96\x81"}, {"prepend_scheme", "always"}}},
      {"model", {{"type", "BPE"}, {"byte_fallback", true}, {"vocab", vocab}, {"merges", Json::array()}}}};
  Files files = {.config = {{"model_type", "parakeet_ctc"},
                            {"architectures", {"ParakeetForCTC"}},
                            {"vocab_size", 41},
                            {"pad_token_id", 40},
                            {"encoder_config", encoder}},
                 .tensors = reference.tensors,
                 .texts = {{"tokenizer.json", tokenizer.dump()},
                           {"preprocessor_config.json",
                            R"({"feature_extractor_type": "ParakeetFeatureExtractor", "feature_size": 40,
                                "hop_length": 160, "n_fft": 512, "win_length": 400, "preemphasis": 0.97,
                                "sampling_rate": 16000, "padding_side": "right", "padding_value": 0.0,
                                "return_attention_mask": true, "processor_class": "ParakeetProcessor"})"}}};
  CHECK(DifferenceToReference(reference, files) == "");
  const auto graph = Import(files);
  REQUIRE(graph.ok());
  CHECK(graph->tokenizer.pieces.at(1) == " the");
  CHECK(graph->loops.at(0).settings.at("blank") == 40);

  Files bad = files;
  bad.config["encoder_config"]["subsampling_conv_stride"] = 4;
  CHECK_THAT(MessageOf(bad), ContainsSubstring("encoder_config.subsampling_conv_stride"));
  bad = files;
  bad.config["encoder_config"]["sliding_window"] = 64;
  CHECK_THAT(MessageOf(bad), ContainsSubstring("encoder_config.sliding_window"));
  bad = files;
  bad.texts["preprocessor_config.json"] = R"({"feature_size": 80})";
  CHECK_THAT(MessageOf(bad), ContainsSubstring("mel bins"));
}

TEST_CASE("Moonshine for streams as it is downloaded") {
  const Case reference = ReadCase("moonshine-streaming");
  Files files = {.config = reference.hparams, .tensors = reference.tensors};
  Json encoder = files.config.at("encoder");
  encoder.update(
      Json::parse(R"({"model_type": "moonshine_streaming_encoder", "hidden_act": "gelu", "head_dim": 8,
    "attention_dropout": 0.0, "attention_bias": false})"));
  files.config.erase("encoder");
  files.config["encoder_config"] = encoder;
  files.config.update(Json::parse(R"({"model_type": "moonshine_streaming", "is_encoder_decoder": true,
    "architectures": ["MoonshineStreamingForConditionalGeneration"], "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0, "decoder_start_token_id": 1, "max_position_embeddings": 512, "head_dim": 8,
    "pad_head_dim_to_multiple_of": 8, "hidden_act": "silu", "attention_bias": false})"));
  const Json tokenizer = {
      {"decoder", {{"type", "Metaspace"}, {"replacement", "\xE2\x96\x81"}}},
      {"model",
       {{"type", "BPE"}, {"byte_fallback", true}, {"vocab", {{"a", 3}}}, {"merges", Json::array()}}}};
  files.texts["tokenizer.json"] = tokenizer.dump();
  CHECK(DifferenceToReference(reference, files) == "");
  Files bad = files;
  bad.config["encoder_config"]["head_dim"] = 16;
  CHECK_THAT(MessageOf(bad), ContainsSubstring("encoder_config.head_dim"));
  bad = files;
  bad.config["rope_parameters"]["rope_type"] = "yarn";
  CHECK_THAT(MessageOf(bad), ContainsSubstring("rope_type"));
}

Files MarianFiles(const Case& reference) {
  Files files = {.config = reference.hparams, .tensors = reference.tensors};
  files.config.update(Json::parse(R"({"model_type": "marian", "architectures": ["MarianMTModel"],
    "is_encoder_decoder": true, "normalize_before": false, "normalize_embedding": false,
    "add_final_layer_norm": false, "add_bias_logits": false, "static_position_embeddings": true,
    "num_beams": 4, "max_length": 64, "num_hidden_layers": 2, "classif_dropout": 0.0, "bos_token_id": 0,
    "decoder_layerdrop": 0.0, "encoder_layerdrop": 0.0, "init_std": 0.02, "extra_pos_embeddings": 64,
    "forced_eos_token_id": 0, "bad_words_ids": [[63]], "id2label": {"0": "LABEL_0"}})"));
  // These transformers does not save.
  files.tensors.erase("model.encoder.embed_positions.weight");
  files.tensors.erase("model.decoder.embed_positions.weight");
  files.texts["vocab.json"] = R"({"</s>": 0, "<unk>": 1, "\u2581das": 2, "er": 3, "<pad>": 63})";
  return files;
}

TEST_CASE("Marian as it is downloaded") {
  const Case reference = ReadCase("marian");
  Files files = MarianFiles(reference);
  const auto graph = Import(files);
  INFO(graph.status().message());
  REQUIRE(graph.ok());
  CHECK(graph->tokenizer.pieces.at(2) == " das");
  CHECK(graph->tokenizer.pieces.at(63).empty());
  for (const ir::Loop& loop : graph->loops) {
    if (loop.driver == "greedy" || loop.driver == "beam") CHECK(loop.settings.at("suppressed") == 63);
  }
  // With the positions of the case, which differ in their last bits.
  files.tensors = reference.tensors;
  CHECK(DifferenceToReference(reference, files) == "");
  // Another one of the tied tensors, and beside it a copy.
  auto node = files.tensors.extract("model.shared.weight");
  files.tensors["lm_head.weight"] = node.mapped();
  node.key() = "model.decoder.embed_tokens.weight";
  files.tensors.insert(std::move(node));
  CHECK(Import(files).ok());

  files = MarianFiles(reference);
  files.config["bad_words_ids"] = Json::parse("[[63], [5, 6]]");
  CHECK_THAT(MessageOf(files), ContainsSubstring("bad_words_ids"));
  files = MarianFiles(reference);
  files.config["decoder_vocab_size"] = 32;
  CHECK_THAT(MessageOf(files), ContainsSubstring("decoder_vocab_size"));
  files = MarianFiles(reference);
  files.config["normalize_before"] = true;
  CHECK_THAT(MessageOf(files), ContainsSubstring("normalize_before"));
  files = MarianFiles(reference);
  files.tensors.erase("final_logits_bias");
  CHECK_THAT(MessageOf(files), ContainsSubstring("final_logits_bias"));
  files = MarianFiles(reference);
  files.texts["tokenizer_config.json"] = R"({"separate_vocabs": true})";
  CHECK_THAT(MessageOf(files), ContainsSubstring("separate_vocabs"));
}

// The tensors of an encoder with a head, and the head's.
Tensors WithHead(const Tensors& encoder, const std::string& prefix, const std::string& head) {
  Tensors tensors;
  for (const auto& [name, tensor] : encoder) tensors[prefix + name] = tensor;
  tensors[head] = {{2}, {1.0f, 2.0f}};
  return tensors;
}

TEST_CASE("Longformer's encoder, by itself and out of a model with a head") {
  const Case reference = ReadCase("longformer-global");
  Files files = {.config = reference.hparams, .tensors = reference.tensors};
  files.config.update(Json::parse(R"({"model_type": "longformer", "attention_mode": "longformer",
    "attention_probs_dropout_prob": 0.1, "bos_token_id": 0, "eos_token_id": 2, "sep_token_id": 2,
    "gradient_checkpointing": false, "hidden_dropout_prob": 0.1, "ignore_attention_mask": false})"));
  files.tensors["pooler.dense.weight"] = {{2}, {1.0f, 2.0f}};
  CHECK(DifferenceToReference(reference, files) == "");
  CHECK(Import(files)->metadata.at("left_out") == "pooler");
  files.tensors = WithHead(reference.tensors, "longformer.", "lm_head.bias");
  CHECK(DifferenceToReference(reference, files) == "");
  CHECK(Import(files)->metadata.at("left_out") == "lm_head");

  Files bad = files;
  bad.config["position_embedding_type"] = "relative_key";
  CHECK_THAT(MessageOf(bad), ContainsSubstring("position_embedding_type"));
  bad = files;
  bad.tensors.erase("longformer.encoder.layer.1.attention.self.key_global.bias");
  CHECK_THAT(MessageOf(bad), ContainsSubstring("key_global.bias"));
  bad = files;
  bad.tensors["longformer.encoder.layer.1.adapter.weight"] = {{1}, {1.0f}};
  CHECK_THAT(MessageOf(bad), ContainsSubstring("adapter.weight"));
}

TEST_CASE("BigBird's encoder, by itself and out of a model with a head") {
  Case reference = ReadCase("bigbird");
  reference.hparams.erase("padded_length");
  Files files = {.config = reference.hparams, .tensors = reference.tensors};
  files.config.update(Json::parse(R"({"model_type": "big_bird", "attention_type": "block_sparse",
    "attention_probs_dropout_prob": 0.1, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    "sep_token_id": 66, "hidden_dropout_prob": 0.1, "position_embedding_type": "absolute",
    "rescale_embeddings": false, "use_cache": true, "gradient_checkpointing": false})"));
  CHECK(DifferenceToReference(reference, files) == "");
  files.tensors = WithHead(reference.tensors, "bert.", "cls.predictions.bias");
  CHECK(DifferenceToReference(reference, files) == "");
  CHECK(Import(files)->metadata.at("left_out") == "cls");
  files.config["attention_type"] = "original_full";
  CHECK_THAT(MessageOf(files), ContainsSubstring("attention_type"));
}

}  // namespace
}  // namespace earshot::checkpoint
