// Keys of Hugging Face configuration files. Every key is in one of the tables below: with the values that
// this converter can do, or without where the key is read further down or does not influence inference.
#include "converter/import/huggingface_config.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/whisper/graph.h"

namespace earshot::checkpoint {
namespace {

constexpr int64_t kMaxSize = 1 << 20;

// Timestamps of 20 ms in the 30 s that a model hears at once.
constexpr int64_t kMaxTimestampIndex = 1500;
constexpr int64_t kMelFramesPerSecond = 100;

constexpr KeyRule kConfigRules[] = {
    // what the graph is built from
    {"d_model"},
    {"vocab_size"},
    {"num_mel_bins"},
    {"max_source_positions"},
    {"max_target_positions"},
    {"encoder_layers"},
    {"encoder_attention_heads"},
    {"encoder_ffn_dim"},
    {"decoder_layers"},
    {"decoder_attention_heads"},
    {"decoder_ffn_dim"},
    {"suppress_tokens"},
    {"begin_suppress_tokens"},
    {"eos_token_id"},
    {"decoder_start_token_id"},
    // what the graph builder takes for granted
    {"model_type", R"(["whisper"])"},
    {"architectures", R"([["WhisperForConditionalGeneration"]])"},
    {"activation_function", R"(["gelu"])"},
    {"is_encoder_decoder", "[true]"},
    {"is_decoder", "[false]"},
    {"add_cross_attention", "[false]"},
    {"tie_word_embeddings", "[true]"},
    {"tie_encoder_decoder", "[false]"},
    {"pruned_heads", "[{}]"},
    {"chunk_size_feed_forward", "[0]"},
    // changes of the scores that our decoder does not make
    {"repetition_penalty", "[1]"},
    {"no_repeat_ngram_size", "[0]"},
    {"encoder_no_repeat_ngram_size", "[0]"},
    {"diversity_penalty", "[0]"},
    {"typical_p", "[1]"},
    // transformers does not apply it to Whisper, whatever its value
    {"scale_embedding"},
    // repeats encoder_layers
    {"num_hidden_layers"},
    // training
    {"activation_dropout"},
    {"attention_dropout"},
    {"dropout"},
    {"encoder_layerdrop"},
    {"decoder_layerdrop"},
    {"init_std"},
    {"apply_spec_augment"},
    {"mask_time_prob"},
    {"mask_time_length"},
    {"mask_time_min_masks"},
    {"mask_feature_prob"},
    {"mask_feature_length"},
    {"mask_feature_min_masks"},
    {"gradient_checkpointing"},
    // other tasks than transcription: audio classification, word timestamps
    {"use_weighted_layer_sum"},
    {"classifier_proj_size"},
    {"problem_type"},
    {"id2label"},
    {"label2id"},
    {"finetuning_task"},
    {"median_filter_width"},
    {"task_specific_params"},
    // our session makes the prompt, sets the limits and searches by itself
    {"forced_decoder_ids"},
    {"max_length"},
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
    // ids that take no part in decoding
    {"bos_token_id"},
    {"pad_token_id"},
    {"sep_token_id"},
    // housekeeping of the library that wrote the file
    {"_name_or_path"},
    {"_commit_hash"},
    {"_attn_implementation"},
    {"_attn_implementation_autoset"},
    {"attn_implementation"},
    {"transformers_version"},
    {"transformers.js_config"},
    {"torch_dtype"},
    {"dtype"},
    {"use_cache"},
    {"use_bfloat16"},
    {"torchscript"},
    {"tf_legacy_loss"},
    {"return_dict"},
    {"return_dict_in_generate"},
    {"output_attentions"},
    {"output_hidden_states"},
    {"output_scores"},
    {"remove_invalid_values"},
    {"tokenizer_class"},
    {"prefix"},
    {"low_cpu_mem_usage"},
    {"unsloth_version"},
    {"unsloth_fixed"},
    {"model_name"},
};

constexpr KeyRule kGenerationRules[] = {
    // read
    {"suppress_tokens"},
    {"begin_suppress_tokens"},
    {"max_initial_timestamp_index"},
    {"eos_token_id"},
    {"decoder_start_token_id"},
    {"no_timestamps_token_id"},
    {"prev_sot_token_id"},
    // changes of the scores that our decoder does not make
    {"repetition_penalty", "[1]"},
    {"no_repeat_ngram_size", "[0]"},
    {"encoder_no_repeat_ngram_size", "[0]"},
    {"diversity_penalty", "[0]"},
    {"typical_p", "[1]"},
    // languages and tasks have names in the tokenizer, and the size of the vocabulary tells whether there are
    // several
    {"is_multilingual"},
    {"lang_to_id"},
    {"task_to_id"},
    // word timestamps
    {"alignment_heads"},
    {"median_filter_width"},
    {"return_token_timestamps"},
    // our session makes the prompt, sets the limits and searches by itself
    {"forced_decoder_ids"},
    {"language"},
    {"task"},
    {"prompt_ids"},
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
    {"return_timestamps"},
    {"condition_on_prev_tokens"},
    {"compression_ratio_threshold"},
    {"logprob_threshold"},
    {"no_speech_threshold"},
    {"num_assistant_tokens"},
    {"num_assistant_tokens_schedule"},
    // ids that take no part in decoding
    {"bos_token_id"},
    {"pad_token_id"},
    // housekeeping of the library that wrote the file
    {"_from_model_config"},
    {"transformers_version"},
    {"use_cache"},
    {"return_dict_in_generate"},
    {"output_attentions"},
    {"output_hidden_states"},
    {"output_scores"},
    {"output_logits"},
    {"remove_invalid_values"},
};

constexpr KeyRule kPreprocessorRules[] = {
    {"feature_size"},
    {"chunk_length"},  // read
    {"feature_extractor_type", R"(["WhisperFeatureExtractor"])"},
    {"sampling_rate", "[16000]"},
    {"n_fft", "[400]"},
    {"hop_length", "[160]"},
    {"padding_side", R"(["right"])"},
    {"padding_value", "[0]"},
    {"do_normalize", "[false]"},
    {"dither", "[0]"},
    // follow from the others, whatever stands here
    {"n_samples"},
    {"nb_max_frames"},
    {"mel_filters"},
    {"return_attention_mask"},
    {"processor_class"},
    {"tokenizer_class"},
};

// Keys that repeat the id of a special token.
constexpr std::pair<const char*, const char*> kTokenIdKeys[] = {
    {"eos_token_id", "<|endoftext|>"},
    {"decoder_start_token_id", "<|startoftranscript|>"},
    {"no_timestamps_token_id", "<|notimestamps|>"},
    {"prev_sot_token_id", "<|startofprev|>"}};

// The object that has the key; nullptr if none does.
const Json* Holder(const HuggingFaceConfigs& configs, const char* key) {
  if (Find(configs.generation, key) != nullptr) return &configs.generation;
  return Find(configs.config, key) != nullptr ? &configs.config : nullptr;
}

Result<std::optional<std::vector<int64_t>>> FindIds(const HuggingFaceConfigs& configs, const char* key) {
  const Json* holder = Holder(configs, key);
  if (holder == nullptr) return std::optional<std::vector<int64_t>>();
  EARSHOT_ASSIGN_OR_RETURN(std::vector<int64_t> ids, GetIds(*holder, key));
  return std::optional(std::move(ids));
}

Status CheckTokenIds(const HuggingFaceConfigs& configs, const ir::Tokenizer& tokenizer) {
  for (const auto& [key, token] : kTokenIdKeys) {
    const Json* holder = Holder(configs, key);
    if (holder == nullptr) continue;
    const Json* value = Find(*holder, key);
    if (value->is_array() && value->size() == 1) value = &value->front();
    const auto found = tokenizer.special_tokens.find(token);
    if (found != tokenizer.special_tokens.end() && ToInteger(*value) == found->second) continue;
    const std::string id =
        found == tokenizer.special_tokens.end() ? "missing" : std::to_string(found->second);
    return Status::Error(StatusCode::kInvalidModel, "\"%s\" is %s, but the tokenizer's %s is %s", key,
                         Excerpt(*value).c_str(), token, id.c_str());
  }
  return Status::Ok();
}

}  // namespace

Result<whisper::Config> ParseWhisperConfig(const HuggingFaceConfigs& configs) {
  const Json& json = configs.config;
  const Json* type = Find(json, "model_type");
  if (type == nullptr || *type != "whisper") {
    return Status::Error(StatusCode::kUnsupported,
                         "config.json: this is a model of type %s; this converter knows \"whisper\"",
                         type == nullptr ? "unknown" : Excerpt(*type).c_str());
  }
  EARSHOT_RETURN_IF_ERROR(CheckKeys(json, kConfigRules, "config.json"));
  whisper::Config config;
  const std::pair<const char*, int64_t*> sizes[] = {{"num_mel_bins", &config.num_mels},
                                                    {"vocab_size", &config.vocab_size},
                                                    {"d_model", &config.width},
                                                    {"encoder_layers", &config.encoder_layers},
                                                    {"encoder_attention_heads", &config.encoder_heads},
                                                    {"encoder_ffn_dim", &config.encoder_ffn_width},
                                                    {"decoder_layers", &config.decoder_layers},
                                                    {"decoder_attention_heads", &config.decoder_heads},
                                                    {"decoder_ffn_dim", &config.decoder_ffn_width},
                                                    {"max_source_positions", &config.max_audio_frames},
                                                    {"max_target_positions", &config.max_text_tokens}};
  for (const auto& [key, size] : sizes) {
    Result<int64_t> value = GetInteger(json, key, {1, kMaxSize});
    if (!value.ok()) return value.status().WithContext("config.json");
    *size = value.value();
  }
  if (const Status status = whisper::CheckConfig(config); !status.ok())
    return status.WithContext("config.json");
  EARSHOT_RETURN_IF_ERROR(CheckKeys(configs.generation, kGenerationRules, "generation_config.json"));
  EARSHOT_RETURN_IF_ERROR(CheckPreprocessor(configs.preprocessor, config));
  return config;
}

Result<ir::GenerationSettings> ParseGenerationSettings(const HuggingFaceConfigs& configs,
                                                       const ir::Tokenizer& tokenizer) {
  EARSHOT_RETURN_IF_ERROR(CheckTokenIds(configs, tokenizer));
  SuppressionLists lists;
  EARSHOT_ASSIGN_OR_RETURN(lists.suppressed, FindIds(configs, "suppress_tokens"));
  EARSHOT_ASSIGN_OR_RETURN(lists.begin_suppressed, FindIds(configs, "begin_suppress_tokens"));
  EARSHOT_ASSIGN_OR_RETURN(ir::GenerationSettings settings, MakeGenerationSettings(lists, tokenizer));
  if (Find(configs.generation, "max_initial_timestamp_index") != nullptr) {
    EARSHOT_ASSIGN_OR_RETURN(
        settings.max_initial_timestamp_index,
        GetInteger(configs.generation, "max_initial_timestamp_index", {0, kMaxTimestampIndex}));
  }
  return settings;
}

Status CheckPreprocessor(const Json& preprocessor, const whisper::Config& config) {
  EARSHOT_RETURN_IF_ERROR(CheckKeys(preprocessor, kPreprocessorRules, "preprocessor_config.json"));
  const struct {
    const char* key;
    int64_t expected;
  } sizes[] = {{"feature_size", config.num_mels},
               {"chunk_length", 2 * config.max_audio_frames / kMelFramesPerSecond}};
  for (const auto& [key, expected] : sizes) {
    const Json* value = Find(preprocessor, key);
    if (value == nullptr || ToInteger(*value) == expected) continue;
    return Status::Error(StatusCode::kUnsupported,
                         "preprocessor_config.json: \"%s\" is %s; the model hears %lld", key,
                         Excerpt(*value).c_str(), static_cast<long long>(expected));
  }
  return Status::Ok();
}

}  // namespace earshot::checkpoint
