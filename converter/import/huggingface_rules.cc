// One entry for each model type. Defaults are those of the configuration classes of transformers.
#include "converter/import/huggingface_rules.h"

#include <algorithm>

namespace earshot::checkpoint {
namespace {

constexpr char kReason[] = "the converter builds no model with that";

// Of training, of other tasks, and of the library that wrote the file.
constexpr const char* kHousekeeping[] = {"model_type",
                                         "architectures",
                                         "_name_or_path",
                                         "_commit_hash",
                                         "_attn_implementation_autoset",
                                         "_num_labels",
                                         "num_labels",
                                         "transformers_version",
                                         "torch_dtype",
                                         "dtype",
                                         "use_cache",
                                         "gradient_checkpointing",
                                         "initializer_range",
                                         "initializer_factor",
                                         "attention_dropout",
                                         "hidden_dropout",
                                         "activation_dropout",
                                         "dropout",
                                         "layerdrop",
                                         "id2label",
                                         "label2id",
                                         "max_length",
                                         "processor_class",
                                         "tokenizer_class",
                                         "task_specific_params",
                                         "problem_type",
                                         "output_attentions",
                                         "output_hidden_states",
                                         "return_dict",
                                         "apply_spec_augment",
                                         "ctc_loss_reduction",
                                         "ctc_zero_infinity",
                                         "bos_token_id",
                                         "pad_token_id",
                                         "classifier_dropout"};

constexpr char kWaveformEncoder[] = R"({
  "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
  "hidden_act": "gelu", "feat_extract_norm": "group", "feat_extract_activation": "gelu",
  "conv_dim": [512, 512, 512, 512, 512, 512, 512], "conv_stride": [5, 2, 2, 2, 2, 2, 2],
  "conv_kernel": [10, 3, 3, 3, 3, 2, 2], "conv_bias": false, "num_conv_pos_embeddings": 128,
  "num_conv_pos_embedding_groups": 16, "pad_token_id": 0})";

// Masks of training, the quantizer of pre-training, heads of other tasks, adapters that are not there.
const std::vector<const char*>& WaveformIgnored() {
  static const std::vector<const char*> kKeys = {"eos_token_id",
                                                 "activation_dropout",
                                                 "feat_extract_dropout",
                                                 "feat_proj_dropout",
                                                 "feat_quantizer_dropout",
                                                 "final_dropout",
                                                 "hidden_dropout_prob",
                                                 "conformer_conv_dropout",
                                                 "freeze_feat_extract_train",
                                                 "gradient_checkpointing",
                                                 "mask_channel_length",
                                                 "mask_channel_min_space",
                                                 "mask_channel_other",
                                                 "mask_channel_prob",
                                                 "mask_channel_selection",
                                                 "mask_feature_length",
                                                 "mask_feature_min_masks",
                                                 "mask_feature_prob",
                                                 "mask_time_length",
                                                 "mask_time_min_masks",
                                                 "mask_time_min_space",
                                                 "mask_time_other",
                                                 "mask_time_prob",
                                                 "mask_time_selection",
                                                 "no_mask_channel_overlap",
                                                 "no_mask_time_overlap",
                                                 "num_codevector_groups",
                                                 "num_codevectors_per_group",
                                                 "codevector_dim",
                                                 "proj_codevector_dim",
                                                 "contrastive_logits_temperature",
                                                 "diversity_loss_weight",
                                                 "num_negatives",
                                                 "classifier_proj_size",
                                                 "tdnn_dim",
                                                 "tdnn_dilation",
                                                 "tdnn_kernel",
                                                 "xvector_output_dim",
                                                 "use_weighted_layer_sum",
                                                 "adapter_kernel_size",
                                                 "adapter_stride",
                                                 "num_adapter_layers",
                                                 "output_hidden_size",
                                                 "num_feat_extract_layers",
                                                 "max_source_positions"};
  return kKeys;
}

FamilyRules MoonshineRules() {
  return {.model_type = "moonshine",
          .architecture = "MoonshineForConditionalGeneration",
          .vocabulary = VocabularyKind::kPieces,
          .audio = AudioKind::kWaveform,
          .required = R"({"is_encoder_decoder": true})"};
}

FamilyRules MoonshineStreamingRules() {
  return {.model_type = "moonshine_streaming",
          .architecture = "MoonshineStreamingForConditionalGeneration",
          .vocabulary = VocabularyKind::kPieces,
          .audio = AudioKind::kWaveform,
          .defaults = R"({"vocab_size": 32768, "hidden_size": 320, "intermediate_size": 1280,
            "num_hidden_layers": 6, "num_attention_heads": 8, "hidden_act": "silu",
            "max_position_embeddings": 4096, "tie_word_embeddings": false, "encoder_config": {}})",
          .required = R"({"is_encoder_decoder": true, "attention_bias": false})",
          // Channels that kernels of transformers fill up with zeros.
          .ignored = {"pad_head_dim_to_multiple_of"},
          .section = "encoder_config",
          .section_defaults = R"({"hidden_size": 320, "intermediate_size": 1280, "hidden_act": "gelu",
            "num_hidden_layers": 6, "num_attention_heads": 8, "num_key_value_heads": 8,
            "max_position_embeddings": 4096, "sample_rate": 16000, "frame_ms": 5.0,
            "sliding_windows": [[16, 4], [16, 4], [16, 0], [16, 0], [16, 4], [16, 4]]})",
          .section_required = R"({"model_type": "moonshine_streaming_encoder", "attention_bias": false,
            "sample_rate": 16000})"};
}

FamilyRules Wav2Vec2Rules() {
  static const std::string kDefaults = [] {
    Json defaults = Json::parse(kWaveformEncoder);
    defaults["vocab_size"] = 32;
    return defaults.dump();
  }();
  return {.model_type = "wav2vec2",
          .architecture = "Wav2Vec2ForCTC",
          .vocabulary = VocabularyKind::kCharacters,
          .audio = AudioKind::kWaveformOfUnitVariance,
          .defaults = kDefaults.c_str(),
          .required = R"({"layer_norm_eps": 1e-05, "add_adapter": false, "feat_proj_layer_norm": true})",
          .ignored = WaveformIgnored(),
          .unread_tensors = {"wav2vec2.masked_spec_embed"}};
}

FamilyRules Wav2Vec2ConformerRules() {
  std::vector<const char*> ignored = WaveformIgnored();
  ignored.insert(ignored.end(), {"num_conv_pos_embeddings", "num_conv_pos_embedding_groups"});
  return {.model_type = "wav2vec2-conformer",
          .architecture = "Wav2Vec2ConformerForCTC",
          .vocabulary = VocabularyKind::kCharacters,
          .audio = AudioKind::kWaveformOfUnitVariance,
          .defaults = kWaveformEncoder,
          .required = R"({"layer_norm_eps": 1e-05, "add_adapter": false, "rotary_embedding_base": 10000})",
          .ignored = std::move(ignored),
          .not_null = {"position_embeddings_type"},
          // transformers builds this convolution and never calls it.
          .unread_tensors = {"wav2vec2_conformer.masked_spec_embed",
                             "wav2vec2_conformer.encoder.embed_positions.inv_freq",
                             "wav2vec2_conformer.encoder.pos_conv_embed.conv.bias",
                             "wav2vec2_conformer.encoder.pos_conv_embed.conv.weight_g",
                             "wav2vec2_conformer.encoder.pos_conv_embed.conv.weight_v",
                             "wav2vec2_conformer.encoder.pos_conv_embed.conv.parametrizations.weight."
                             "original0",
                             "wav2vec2_conformer.encoder.pos_conv_embed.conv.parametrizations.weight."
                             "original1"}};
}

FamilyRules ParakeetRules() {
  return {.model_type = "parakeet_ctc",
          .architecture = "ParakeetForCTC",
          .vocabulary = VocabularyKind::kPieces,
          .audio = AudioKind::kLogMel,
          .defaults = R"({"vocab_size": 1025, "pad_token_id": 1024, "encoder_config": {}})",
          .section = "encoder_config",
          .section_defaults = R"({"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 8,
            "intermediate_size": 4096, "conv_kernel_size": 9, "subsampling_factor": 8,
            "subsampling_conv_channels": 256, "num_mel_bins": 80})",
          .section_required = R"({"model_type": "parakeet_encoder", "hidden_act": "silu",
            "subsampling_conv_kernel_size": 3, "subsampling_conv_stride": 2})",
          .section_ignored = {"dropout_positions", "max_position_embeddings"},
          .unread_tensors = {"encoder.encode_positions.inv_freq"}};
}

FamilyRules MarianRules() {
  return {.model_type = "marian",
          .architecture = "MarianMTModel",
          .vocabulary = VocabularyKind::kTranslation,
          .defaults = R"({"vocab_size": 58101, "d_model": 1024, "max_position_embeddings": 1024,
        "encoder_layers": 12, "encoder_attention_heads": 16, "encoder_ffn_dim": 4096,
        "decoder_layers": 12, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096,
        "activation_function": "gelu", "scale_embedding": false, "share_encoder_decoder_embeddings": true,
        "decoder_start_token_id": 58100, "eos_token_id": 0, "pad_token_id": 58100})",
          .required = R"({"is_encoder_decoder": true, "is_decoder": false, "normalize_before": false,
        "normalize_embedding": false, "add_final_layer_norm": false, "add_bias_logits": false,
        "static_position_embeddings": true, "tie_word_embeddings": true,
        "share_encoder_decoder_embeddings": true})",
          // What searches choose is read from generation_config.json, or set where the model runs.
          .ignored = {"classif_dropout", "encoder_layerdrop", "decoder_layerdrop", "init_std",
                      "extra_pos_embeddings", "num_hidden_layers", "num_beams", "forced_eos_token_id",
                      "num_beam_groups", "length_penalty", "early_stopping"},
          .tied_tensors = {"model.shared.weight", "model.encoder.embed_tokens.weight",
                           "model.decoder.embed_tokens.weight", "lm_head.weight"}};
}

FamilyRules LongformerRules() {
  return {.model_type = "longformer",
          .architecture = "LongformerModel",
          .is_any_head = true,
          .encoder_name = "longformer.",
          .defaults = R"({"vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12,
        "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu", "attention_window": 512,
        "max_position_embeddings": 512, "layer_norm_eps": 1e-12, "pad_token_id": 1})",
          .required = R"({"attention_mode": "longformer", "ignore_attention_mask": false,
        "position_embedding_type": "absolute"})",
          .ignored = {"tie_word_embeddings"},
          .unread_tensors = {"embeddings.position_ids"},
          .left_out_heads = {"lm_head.", "pooler.", "classifier.", "qa_outputs."}};
}

FamilyRules BigBirdRules() {
  return {.model_type = "big_bird",
          .architecture = "BigBirdModel",
          .is_any_head = true,
          .encoder_name = "bert.",
          .defaults = R"({"vocab_size": 50358, "hidden_size": 768, "num_hidden_layers": 12,
        "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu_new",
        "max_position_embeddings": 4096, "layer_norm_eps": 1e-12, "block_size": 64, "num_random_blocks": 3,
        "use_bias": true, "rescale_embeddings": false, "attention_type": "block_sparse"})",
          .required = R"({"position_embedding_type": "absolute", "is_decoder": false,
        "is_encoder_decoder": false, "add_cross_attention": false})",
          .ignored = {"tie_word_embeddings"},
          .unread_tensors = {"embeddings.position_ids", "embeddings.token_type_ids"},
          .left_out_heads = {"cls.", "pooler.", "classifier.", "qa_classifier."}};
}

void Merge(const Json& defaults, Json& object) {
  for (const auto& [key, value] : defaults.items()) {
    if (!object.contains(key)) object[key] = value;
  }
}

Status CheckClass(const FamilyRules& rules, const Json& config) {
  const Json* classes = Find(config, "architectures");
  if (rules.is_any_head || classes == nullptr || !classes->is_array() || classes->empty())
    return Status::Ok();
  if (std::ranges::find(*classes, Json(rules.architecture)) != classes->end()) return Status::Ok();
  return Status::Error(StatusCode::kUnsupported,
                       "config.json: the model is a %.100s; of the type %.*s this converter builds %s",
                       Excerpt(classes->front()).c_str(), static_cast<int>(rules.model_type.size()),
                       rules.model_type.data(), rules.architecture);
}

void Require(ir::HyperParameters& settings, const char* required) {
  const Json values = Json::parse(required);
  for (const auto& [key, value] : values.items()) settings.RequireJson(key, value, kReason);
}

// Heads of another size than their share of the width are not built.
void RequireHeadSize(ir::HyperParameters& settings) {
  if (!settings.Has("head_dim") || !settings.Has("hidden_size") || !settings.Has("num_attention_heads"))
    return;
  const int64_t heads = settings.Integer("num_attention_heads");
  settings.Require("head_dim", settings.Integer("hidden_size") / heads, kReason);
}

void Ignore(ir::HyperParameters& settings, std::span<const char* const> keys) {
  for (const char* key : keys) settings.Ignore({key});
}

}  // namespace

const FamilyRules* FindRules(const Json& config) {
  static const std::vector<FamilyRules> kRules = {
      MoonshineRules(), MoonshineStreamingRules(), Wav2Vec2Rules(), Wav2Vec2ConformerRules(), ParakeetRules(),
      MarianRules(),    LongformerRules(),         BigBirdRules()};
  const Json* type = Find(config, "model_type");
  for (const FamilyRules& rules : kRules) {
    if (type != nullptr && *type == rules.model_type) return &rules;
  }
  return nullptr;
}

Status ApplyDefaults(const FamilyRules& rules, Json& config) {
  EARSHOT_RETURN_IF_ERROR(CheckClass(rules, config));
  for (const char* key : rules.not_null) {
    if (!config.contains(key) || !config[key].is_null()) continue;
    return Status::Error(StatusCode::kUnsupported, "config.json: %s is null: %s", key, kReason);
  }
  Merge(Json::parse(rules.defaults), config);
  if (rules.section == nullptr) return Status::Ok();
  Json& section = config[rules.section];
  if (section.is_null()) section = Json::object();
  if (section.is_object()) Merge(Json::parse(rules.section_defaults), section);
  return Status::Ok();
}

void ApplyRules(const FamilyRules& rules, ir::HyperParameters& settings) {
  if (settings.Has("decoder_vocab_size"))
    settings.Require("decoder_vocab_size", settings.Integer("vocab_size"), kReason);
  Ignore(settings, kHousekeeping);
  Ignore(settings, rules.ignored);
  Require(settings, rules.required);
  RequireHeadSize(settings);
  if (rules.section == nullptr) return;
  ir::HyperParameters& section = settings.Section(rules.section);
  Ignore(section, kHousekeeping);
  Ignore(section, rules.section_ignored);
  Require(section, rules.section_required);
  RequireHeadSize(section);
  if (section.Has("num_key_value_heads"))
    section.Require("num_key_value_heads", section.Integer("num_attention_heads"), kReason);
}

}  // namespace earshot::checkpoint
