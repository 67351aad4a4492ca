// One line for each model type; the rest is the same for all.
#include "converter/import/huggingface_family.h"

#include <memory>
#include <string_view>
#include <utility>

#include "converter/import/architectures.h"
#include "converter/import/byte_fallback.h"
#include "converter/import/checkpoint_file.h"
#include "converter/import/huggingface.h"
#include "converter/import/json.h"
#include "converter/import/safetensors.h"
#include "converter/import/unused_weights.h"
#include "converter/ir/hyper_parameters.h"
#include "converter/ir/reference_model.h"

namespace earshot::checkpoint {
namespace {

constexpr const char kConfig[] = "config.json", kGeneration[] = "generation_config.json",
                     kPreprocessor[] = "preprocessor_config.json", kTokenizer[] = "tokenizer.json";

struct Family {
  std::string_view model_type;
  const char* architecture;
};

constexpr Family kFamilies[] = {{"moonshine", "MoonshineForConditionalGeneration"}};

// Ids that generation_config.json may say anew.
constexpr const char* kTokenIds[] = {"decoder_start_token_id", "eos_token_id"};

constexpr KeyRule kGenerationRules[] = {
    {"decoder_start_token_id"},  // read
    {"eos_token_id"},
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
    {"_from_model_config"},
    {"transformers_version"},
    {"use_cache"},
    {"return_dict_in_generate"},
    {"output_attentions"},
    {"output_hidden_states"},
    {"output_scores"},
};

// The waveform as it is: mono, 16 kHz.
constexpr KeyRule kPreprocessorRules[] = {
    {"feature_extractor_type", R"(["Wav2Vec2FeatureExtractor"])"},
    {"feature_size", "[1]"},
    {"sampling_rate", "[16000]"},
    {"do_normalize", "[false]"},
    {"padding_side", R"(["right"])"},
    {"padding_value", "[0]"},
    {"return_attention_mask"},
    {"processor_class"},
    {"tokenizer_class"},
};

const Family* FindFamily(const Json& config) {
  const Json* type = Find(config, "model_type");
  for (const Family& family : kFamilies) {
    if (type != nullptr && *type == family.model_type) return &family;
  }
  return nullptr;
}

// Settings of generation go before those of the model; a list of one id is that id.
void MergeTokenIds(const Json& generation, Json& config) {
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
  settings.Require("is_encoder_decoder", true, "the model is an encoder with a decoder");
}

Result<ir::Tokenizer> ReadTokenizer(const std::string& directory, const Json& config) {
  auto vocab_size = GetInteger(config, "vocab_size", {1, 1 << 20});
  if (!vocab_size.ok()) return vocab_size.status().WithContext(kConfig);
  if (!HasFile(directory, kTokenizer))
    return Status::Error(StatusCode::kNotFound, "there is no %s", kTokenizer);
  EARSHOT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(PathIn(directory, kTokenizer)));
  return ImportByteFallbackJson(text, vocab_size.value());
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
  EARSHOT_RETURN_IF_ERROR(CheckKeys(generation, kGenerationRules, kGeneration));
  EARSHOT_RETURN_IF_ERROR(CheckKeys(preprocessor, kPreprocessorRules, kPreprocessor));
  const Family* family = FindFamily(config);
  if (family == nullptr)
    return Status::Error(StatusCode::kUnsupported, "%s names no family of speech models", kConfig);
  EARSHOT_ASSIGN_OR_RETURN(ir::Tokenizer tokenizer, ReadTokenizer(directory, config));
  MergeTokenIds(generation, config);
  ir::HyperParameters settings(config, kConfig);
  IgnoreHousekeeping(settings);
  EARSHOT_ASSIGN_OR_RETURN(const Architecture* architecture,
                           FindArchitecture("transformers", family->architecture));
  EARSHOT_ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsSource> weights,
                           OpenSafetensorsWeights(directory));
  ir::ReferenceModel model = {.name = name,
                              .architecture = family->architecture,
                              .settings = settings,
                              .example_shapes = {},
                              .weights = *weights};
  EARSHOT_ASSIGN_OR_RETURN(ir::Graph graph, architecture->build(model));
  EARSHOT_RETURN_IF_ERROR(CheckAllUsed(*weights));
  graph.tokenizer = std::move(tokenizer);
  graph.metadata["source"] = "huggingface";
  return graph;
}

}  // namespace earshot::checkpoint
