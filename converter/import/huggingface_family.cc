// One line for each model type; the rest is the same for all.
#include "converter/import/huggingface_family.h"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "converter/import/architectures.h"
#include "converter/import/byte_fallback.h"
#include "converter/import/checkpoint_file.h"
#include "converter/import/huggingface.h"
#include "converter/import/json.h"
#include "converter/import/safetensors.h"
#include "converter/import/task_weights.h"
#include "converter/import/unused_weights.h"
#include "converter/import/vocabulary_json.h"
#include "converter/ir/hyper_parameters.h"
#include "converter/ir/reference_model.h"

namespace earshot::checkpoint {
namespace {

constexpr const char kConfig[] = "config.json", kGeneration[] = "generation_config.json",
                     kPreprocessor[] = "preprocessor_config.json", kTokenizer[] = "tokenizer.json",
                     kVocabulary[] = "vocab.json";

enum class TokenizerKind { kNone, kByteFallback, kCtcVocabulary, kSentencePieceVocabulary };

// What differs between model types. JSON texts stand for lists and objects.
struct Family {
  std::string_view model_type;
  const char* architecture;  // class of transformers
  TokenizerKind tokenizer;
  const char* defaults = "{}";  // of settings that files leave out, as transformers has them
  const char* required =
      "{}";  // settings that have another meaning than the one that is built, unless absent or so
  const char* ignored = "[]";  // settings of training and of other tasks, beside those of all families
  const char* prefix = "";     // WeightNames
  std::vector<std::string> dropped = {};
};

constexpr const char kWav2Vec2Defaults[] = R"({
  "vocab_size": 32, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
  "conv_dim": [512, 512, 512, 512, 512, 512, 512], "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
  "conv_stride": [5, 2, 2, 2, 2, 2, 2]})";
constexpr const char kWav2Vec2Required[] = R"({
  "add_adapter": false, "layer_norm_eps": 1e-05, "conv_pos_batch_norm": false, "adapter_attn_dim": null})";
constexpr const char kWav2Vec2Ignored[] = R"([
  "activation_dropout", "bos_token_id", "eos_token_id", "codevector_dim", "contrastive_logits_temperature",
  "ctc_loss_reduction", "ctc_zero_infinity", "diversity_loss_weight", "feat_extract_dropout", "feat_proj_dropout",
  "feat_quantizer_dropout", "final_dropout", "gradient_checkpointing", "hidden_dropout", "hidden_dropout_prob",
  "layerdrop", "mask_feature_length", "mask_feature_prob", "mask_feature_min_masks", "mask_time_length",
  "mask_time_prob", "mask_time_min_masks", "num_codevector_groups", "num_codevectors_per_group",
  "num_feat_extract_layers", "num_negatives", "proj_codevector_dim", "adapter_kernel_size", "adapter_stride",
  "num_adapter_layers", "output_hidden_size", "use_weighted_layer_sum", "classifier_proj_size", "tdnn_dim",
  "tdnn_dilation", "tdnn_kernel", "xvector_output_dim", "conformer_conv_dropout", "is_encoder_decoder",
  "max_source_positions", "rotary_embedding_base", "feat_quantizer_dropout", "tokenizer_class"])";

const std::vector<Family>& Families() {
  static const std::vector<Family> families = {
      {.model_type = "moonshine",
       .architecture = "MoonshineForConditionalGeneration",
       .tokenizer = TokenizerKind::kByteFallback,
       .required = R"({"is_encoder_decoder": true})"},
      {.model_type = "wav2vec2",
       .architecture = "Wav2Vec2ForCTC",
       .tokenizer = TokenizerKind::kCtcVocabulary,
       .defaults = kWav2Vec2Defaults,
       .required = kWav2Vec2Required,
       .ignored = kWav2Vec2Ignored,
       .dropped = {"wav2vec2.masked_spec_embed"}},
      {.model_type = "wav2vec2-conformer",
       .architecture = "Wav2Vec2ConformerForCTC",
       .tokenizer = TokenizerKind::kCtcVocabulary,
       .defaults = kWav2Vec2Defaults,
       .required = kWav2Vec2Required,
       .ignored = kWav2Vec2Ignored,
       .dropped = {"wav2vec2_conformer.masked_spec_embed"}},
      {.model_type = "marian",
       .architecture = "MarianMTModel",
       .tokenizer = TokenizerKind::kSentencePieceVocabulary,
       .required = R"({
         "is_encoder_decoder": true, "add_bias_logits": false, "add_final_layer_norm": false, "extra_pos_embeddings": 0,
         "normalize_before": false, "normalize_embedding": false, "static_position_embeddings": true})",
       .ignored = R"([
         "activation_dropout", "bos_token_id", "classif_dropout", "classifier_dropout", "decoder_layerdrop",
         "decoder_vocab_size", "dropout", "encoder_layerdrop", "forced_eos_token_id", "gradient_checkpointing",
         "init_std", "num_beams", "num_hidden_layers", "_num_labels", "tie_word_embeddings", "task_specific_params"])",
       .dropped = {"lm_head.weight", "model.encoder.embed_tokens.weight",
                   "model.decoder.embed_tokens.weight"}},
      {.model_type = "longformer",
       .architecture = "LongformerModel",
       .tokenizer = TokenizerKind::kNone,
       .required = R"({"attention_mode": "longformer", "ignore_attention_mask": false})",
       .ignored = R"(["gradient_checkpointing", "sep_token_id"])",
       .prefix = "longformer.",
       .dropped = {"lm_head.*", "longformer.pooler.*", "pooler.*", "*.position_ids", "classifier.*",
                   "qa_outputs.*"}},
      // Its last block is that of the longest input: shorter ones count as padded up to it.
      {.model_type = "big_bird",
       .architecture = "BigBirdModel",
       .tokenizer = TokenizerKind::kNone,
       .required = R"({"is_encoder_decoder": false, "is_decoder": false, "add_cross_attention": false})",
       .ignored = R"(["gradient_checkpointing", "classifier_dropout", "tie_word_embeddings"])",
       .prefix = "bert.",
       .dropped = {"cls.*", "bert.pooler.*", "pooler.*", "*.position_ids", "classifier.*",
                   "qa_classifier.*"}}};
  return families;
}

// Of weight norm, before torch 2.0.
const std::vector<std::pair<std::string, std::string>> kOlderNames = {
    {".parametrizations.weight.original0", ".weight_g"}, {".parametrizations.weight.original1", ".weight_v"}};

// Ids that generation_config.json may say anew.
constexpr const char* kTokenIds[] = {"decoder_start_token_id", "eos_token_id"};

constexpr KeyRule kGenerationRules[] = {
    {"decoder_start_token_id"},  // read
    {"eos_token_id"},
    {"bad_words_ids"},
    // changes of the scores that our decoder does not make
    {"suppress_tokens", "[[]]"},
    {"begin_suppress_tokens", "[[]]"},
    {"repetition_penalty", "[1]"},
    {"no_repeat_ngram_size", "[0]"},
    {"encoder_no_repeat_ngram_size", "[0]"},
    {"diversity_penalty", "[0]"},
    {"typical_p", "[1]"},
    // our session sets the limits and searches by itself
    {"max_length"},
    {"max_new_tokens"},
    {"min_length"},
    {"do_sample"},
    {"early_stopping"},
    {"num_beams"},
    {"num_beam_groups"},
    {"num_return_sequences"},
    {"length_penalty"},
    {"temperature"},
    {"top_k"},
    {"top_p"},
    // ids that take no part in decoding, and housekeeping of the library that wrote the file
    {"bos_token_id"},
    {"pad_token_id"},
    {"forced_eos_token_id"},
    {"renormalize_logits"},
    {"_from_model_config"},
    {"transformers_version"},
    {"use_cache"},
    {"return_dict_in_generate"},
    {"output_attentions"},
    {"output_hidden_states"},
    {"output_scores"},
};

// The waveform: mono, 16 kHz.
constexpr KeyRule kPreprocessorRules[] = {
    {"feature_extractor_type", R"(["Wav2Vec2FeatureExtractor"])"},
    {"feature_size", "[1]"},
    {"sampling_rate", "[16000]"},
    {"do_normalize"},  // read
    {"padding_side", R"(["right"])"},
    {"padding_value", "[0]"},
    {"return_attention_mask"},
    {"processor_class"},
    {"tokenizer_class"},
};

const Family* FindFamily(const Json& config) {
  const Json* type = Find(config, "model_type");
  for (const Family& family : Families()) {
    if (type != nullptr && *type == family.model_type) return &family;
  }
  return nullptr;
}

// Settings of generation go before those of the model; a list of one id is that id.
void MergeTokenIds(const Json& generation, Json& config) {
  if (const Json* forbidden = Find(generation, "bad_words_ids"); forbidden != nullptr)
    config["bad_words_ids"] = *forbidden;
  for (const char* key : kTokenIds) {
    if (const Json* id = Find(generation, key); id != nullptr) config[key] = *id;
    const auto merged = config.find(key);
    if (merged != config.end() && merged->is_array() && merged->size() == 1) *merged = Json(merged->front());
  }
}

// Of training, of other tasks, and of the library that wrote the file.
void IgnoreHousekeeping(ir::HyperParameters& settings) {
  settings.Ignore({"model_type", "architectures", "_name_or_path", "_commit_hash",
                   "_attn_implementation_autoset", "transformers_version", "torch_dtype", "dtype",
                   "use_cache", "initializer_range", "attention_dropout", "pad_token_id", "id2label",
                   "label2id", "max_length", "processor_class", "apply_spec_augment"});
}

// What the file leaves out is added, and what is of no influence taken out. kUnsupported.
Status PrepareSettings(const Family& family, Json& config) {
  const Json defaults = Json::parse(family.defaults), required = Json::parse(family.required),
             ignored = Json::parse(family.ignored);
  for (const auto& [key, value] : defaults.items()) {
    if (Find(config, key.c_str()) == nullptr) config[key] = value;
  }
  for (const auto& [key, value] : required.items()) {
    const auto found = config.find(key);
    if (found == config.end()) continue;
    if (*found != value) {
      return Status::Error(StatusCode::kUnsupported, "%s: \"%s\" is %s; this converter builds %s only",
                           kConfig, key.c_str(), Excerpt(*found).c_str(), value.dump().c_str());
    }
    config.erase(found);
  }
  for (const Json& key : ignored) config.erase(key.get<std::string>());
  return Status::Ok();
}

Result<std::string> ReadNeeded(const std::string& directory, const char* file) {
  if (HasFile(directory, file)) return ReadTextFile(PathIn(directory, file));
  return Status::Error(StatusCode::kNotFound, "there is no %s", file);
}

Result<ir::Tokenizer> ReadTokenizer(const Family& family, const std::string& directory, const Json& config) {
  if (family.tokenizer == TokenizerKind::kNone) return ir::Tokenizer();
  auto vocab_size = GetInteger(config, "vocab_size", {1, 1 << 20});
  if (!vocab_size.ok()) return vocab_size.status().WithContext(kConfig);
  const bool is_fallback = family.tokenizer == TokenizerKind::kByteFallback;
  EARSHOT_ASSIGN_OR_RETURN(const std::string text,
                           ReadNeeded(directory, is_fallback ? kTokenizer : kVocabulary));
  if (is_fallback) return ImportByteFallbackJson(text, vocab_size.value());
  return family.tokenizer == TokenizerKind::kCtcVocabulary
             ? ImportCtcVocabulary(text, vocab_size.value())
             : ImportSentencePieceVocabulary(text, vocab_size.value());
}

// Files that only some families have a use for.
Status CheckBesides(const Family& family, const Json& generation, const Json& preprocessor) {
  if (family.tokenizer == TokenizerKind::kNone) return Status::Ok();
  EARSHOT_RETURN_IF_ERROR(CheckKeys(generation, kGenerationRules, kGeneration));
  EARSHOT_RETURN_IF_ERROR(CheckKeys(preprocessor, kPreprocessorRules, kPreprocessor));
  const Json* normalizes = Find(preprocessor, "do_normalize");
  if (normalizes == nullptr || *normalizes == false || family.tokenizer == TokenizerKind::kCtcVocabulary)
    return Status::Ok();
  return Status::Error(StatusCode::kUnsupported,
                       "%s: \"do_normalize\" is %s; models of this family take recordings as they are",
                       kPreprocessor, Excerpt(*normalizes).c_str());
}

}  // namespace

bool IsFamilyDirectory(const std::string& directory) {
  if (!IsHuggingFaceDirectory(directory)) return false;
  const Result<Json> config = ReadJsonObject(PathIn(directory, kConfig));
  return config.ok() && FindFamily(config.value()) != nullptr;
}

Result<ir::Graph> ImportFamily(const std::string& directory, const std::string& name) {
  EARSHOT_ASSIGN_OR_RETURN(Json config, ReadJsonObject(PathIn(directory, kConfig)));
  EARSHOT_ASSIGN_OR_RETURN(const Json generation, ReadOptionalJsonObject(PathIn(directory, kGeneration)));
  EARSHOT_ASSIGN_OR_RETURN(const Json preprocessor, ReadOptionalJsonObject(PathIn(directory, kPreprocessor)));
  const Family* family = FindFamily(config);
  if (family == nullptr)
    return Status::Error(StatusCode::kUnsupported, "%s names no family of speech models", kConfig);
  EARSHOT_RETURN_IF_ERROR(CheckBesides(*family, generation, preprocessor));
  EARSHOT_RETURN_IF_ERROR(PrepareSettings(*family, config));
  EARSHOT_ASSIGN_OR_RETURN(ir::Tokenizer tokenizer, ReadTokenizer(*family, directory, config));
  MergeTokenIds(generation, config);
  ir::HyperParameters settings(config, kConfig);
  IgnoreHousekeeping(settings);
  EARSHOT_ASSIGN_OR_RETURN(const Architecture* architecture,
                           FindArchitecture("transformers", family->architecture));
  EARSHOT_ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsSource> file, OpenSafetensorsWeights(directory));
  TaskWeights weights(*file, {.prefix = family->prefix, .dropped = family->dropped, .older = kOlderNames});
  ir::ReferenceModel model = {.name = name,
                              .architecture = family->architecture,
                              .settings = settings,
                              .example_shapes = {},
                              .weights = weights};
  EARSHOT_ASSIGN_OR_RETURN(ir::Graph graph, architecture->build(model));
  EARSHOT_RETURN_IF_ERROR(CheckAllUsed(weights));
  graph.tokenizer = std::move(tokenizer);
  graph.metadata["source"] = "huggingface";
  // Of a recording: Wav2Vec2FeatureExtractor brings it to zero mean and unit variance, if it says so.
  const Json* normalizes = Find(preprocessor, "do_normalize");
  for (ir::Loop& loop : graph.loops) {
    if (normalizes != nullptr && *normalizes == true && loop.driver == "ctc_nll")
      loop.settings["normalize"] = 1;
  }
  return graph;
}

}  // namespace earshot::checkpoint
