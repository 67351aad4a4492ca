// What differs between model types is in huggingface_rules.
#include "converter/import/huggingface_family.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "converter/import/architectures.h"
#include "converter/import/byte_fallback.h"
#include "converter/import/checkpoint_file.h"
#include "converter/import/huggingface.h"
#include "converter/import/huggingface_rules.h"
#include "converter/import/json.h"
#include "converter/import/renamed_weights.h"
#include "converter/import/safetensors.h"
#include "converter/import/unused_weights.h"
#include "converter/import/vocab_json.h"
#include "converter/ir/hyper_parameters.h"
#include "converter/ir/reference_model.h"

namespace earshot::checkpoint {
namespace {

constexpr const char kConfig[] = "config.json", kGeneration[] = "generation_config.json",
                     kPreprocessor[] = "preprocessor_config.json", kTokenizer[] = "tokenizer.json",
                     kVocabulary[] = "vocab.json";

// Ids that generation_config.json may say anew.
constexpr const char* kTokenIds[] = {"decoder_start_token_id", "eos_token_id", "bad_words_ids"};

constexpr KeyRule kGenerationRules[] = {
    {"decoder_start_token_id"},  // read
    {"eos_token_id"},
    // changes of the scores that our decoder does not make
    {"bad_words_ids"},  // read
    {"suppress_tokens", "[[]]"},
    {"begin_suppress_tokens", "[[]]"},
    {"repetition_penalty", "[1]"},
    {"no_repeat_ngram_size", "[0]"},
    {"encoder_no_repeat_ngram_size", "[0]"},
    {"diversity_penalty", "[0]"},
    {"typical_p", "[1]"},
    // our session sets the limits and searches by itself
    {"forced_eos_token_id"},
    {"renormalize_logits"},
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

// Mono, 16 kHz.
constexpr KeyRule kWaveformRules[] = {
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

constexpr KeyRule kNormalizedWaveformRules[] = {
    {"feature_extractor_type", R"(["Wav2Vec2FeatureExtractor"])"},
    {"feature_size", "[1]"},
    {"sampling_rate", "[16000]"},
    {"do_normalize", "[true, false]"},  // read
    {"padding_side"},                   // one recording at a time is not padded
    {"padding_value", "[0]"},
    {"return_attention_mask"},
    {"processor_class"},
    {"tokenizer_class"},
};

// Those of models/ctc/features.h.
constexpr KeyRule kLogMelRules[] = {
    {"feature_extractor_type", R"(["ParakeetFeatureExtractor"])"},
    {"feature_size"},  // checked against the encoder
    {"sampling_rate", "[16000]"},
    {"hop_length", "[160]"},
    {"n_fft", "[512]"},
    {"win_length", "[400]"},
    {"preemphasis", "[0.97]"},
    {"padding_side"},
    {"padding_value", "[0]"},
    {"return_attention_mask"},
    {"processor_class"},
};

// Settings of generation go before those of the model; a list of one id is that id.
void MergeGeneration(const Json& generation, Json& config) {
  for (const char* key : kTokenIds) {
    if (const Json* id = Find(generation, key); id != nullptr) config[key] = *id;
    const auto merged = config.find(key);
    if (merged != config.end() && merged->is_array() && merged->size() == 1 && merged->front().is_number())
      *merged = Json(merged->front());
  }
}

Result<std::string> ReadRequiredText(const std::string& directory, const char* file) {
  if (!HasFile(directory, file)) return Status::Error(StatusCode::kNotFound, "there is no %s", file);
  return ReadTextFile(PathIn(directory, file));
}

Result<ir::Tokenizer> ReadTokenizer(const std::string& directory, const FamilyRules& rules,
                                    const Json& config) {
  if (rules.vocabulary == VocabularyKind::kNone) return ir::Tokenizer();
  auto vocab_size = GetInteger(config, "vocab_size", {1, 1 << 20});
  if (!vocab_size.ok()) return vocab_size.status().WithContext(kConfig);
  const bool is_pieces = rules.vocabulary == VocabularyKind::kPieces;
  EARSHOT_ASSIGN_OR_RETURN(const std::string text,
                           ReadRequiredText(directory, is_pieces ? kTokenizer : kVocabulary));
  if (is_pieces) return ImportByteFallbackJson(text, vocab_size.value());
  EARSHOT_ASSIGN_OR_RETURN(const Json tokenizer_config,
                           ReadOptionalJsonObject(PathIn(directory, "tokenizer_config.json")));
  return rules.vocabulary == VocabularyKind::kCharacters
             ? ImportCharacters(text, tokenizer_config, vocab_size.value())
             : ImportTranslationPieces(text, tokenizer_config, vocab_size.value());
}

Result<Json> ReadPreprocessor(const std::string& directory) {
  if (HasFile(directory, kPreprocessor)) return ReadJsonObject(PathIn(directory, kPreprocessor));
  EARSHOT_ASSIGN_OR_RETURN(const Json processor,
                           ReadOptionalJsonObject(PathIn(directory, "processor_config.json")));
  const Json* part = Find(processor, "feature_extractor");
  return part != nullptr && part->is_object() ? *part : Json::object();
}

Status CheckPreprocessor(const FamilyRules& rules, const Json& preprocessor, const Json& config) {
  switch (rules.audio) {
    case AudioKind::kNone:
      return Status::Ok();
    case AudioKind::kWaveform:
      return CheckKeys(preprocessor, kWaveformRules, kPreprocessor);
    case AudioKind::kWaveformOfUnitVariance:
      return CheckKeys(preprocessor, kNormalizedWaveformRules, kPreprocessor);
    case AudioKind::kLogMel:
      break;
  }
  EARSHOT_RETURN_IF_ERROR(CheckKeys(preprocessor, kLogMelRules, kPreprocessor));
  const Json* mels = Find(preprocessor, "feature_size");
  const Json* heard = Find(config.at(rules.section), "num_mel_bins");
  if (mels == nullptr || heard == nullptr || *mels == *heard) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "%s: feature_size is %s, but the encoder hears %s mel bins",
                       kPreprocessor, Excerpt(*mels).c_str(), Excerpt(*heard).c_str());
}

// How the tensors of a head or an encoder saved by itself are named, and what is left of them.
WeightNames NamesIn(const FamilyRules& rules, const SafetensorsSource& weights) {
  WeightNames names;
  const std::string encoder(rules.encoder_name);
  const std::vector<std::string> all = weights.Unused();
  if (!encoder.empty() &&
      std::ranges::any_of(all, [&](const std::string& name) { return name.starts_with(encoder); }))
    names.prefix = encoder;
  if (rules.tied_tensors.empty() || weights.Has(rules.tied_tensors.front())) return names;
  for (const char* name : rules.tied_tensors) {
    if (names.renamed.empty() && weights.Has(name)) names.renamed[rules.tied_tensors.front()] = name;
  }
  return names;
}

// Among tied tensors the first one found is read.
void DropUnread(const FamilyRules& rules, const WeightNames& names, SafetensorsSource& weights) {
  for (const char* name : rules.unread_tensors) {
    weights.Drop(names.prefix + name);
    weights.Drop(name);
  }
  bool is_found = false;
  for (const char* name : rules.tied_tensors) {
    if (is_found) weights.Drop(name);
    is_found = is_found || weights.Has(name);
  }
}

// Returns the names of heads that are left out, with a comma between them.
std::string LeaveHeadsOut(const FamilyRules& rules, const std::string& prefix, SafetensorsSource& weights) {
  std::string left_out;
  for (const char* head : rules.left_out_heads) {
    bool is_there = false;
    for (const std::string& name : weights.Unused()) {
      if (!name.starts_with(head) && !name.starts_with(prefix + head)) continue;
      weights.Drop(name);
      is_there = true;
    }
    if (!is_there) continue;
    const std::string name(head);
    left_out += (left_out.empty() ? "" : ", ") + name.substr(0, name.size() - 1);
  }
  return left_out;
}

struct Directory {
  const FamilyRules* rules = nullptr;
  Json config, generation, preprocessor;
};

Result<Directory> ReadDirectory(const std::string& directory) {
  Directory files;
  EARSHOT_ASSIGN_OR_RETURN(files.config, ReadJsonObject(PathIn(directory, kConfig)));
  EARSHOT_ASSIGN_OR_RETURN(files.generation, ReadOptionalJsonObject(PathIn(directory, kGeneration)));
  EARSHOT_ASSIGN_OR_RETURN(files.preprocessor, ReadPreprocessor(directory));
  files.rules = FindRules(files.config);
  if (files.rules == nullptr)
    return Status::Error(StatusCode::kUnsupported, "%s names no family that this converter knows", kConfig);
  EARSHOT_RETURN_IF_ERROR(CheckKeys(files.generation, kGenerationRules, kGeneration));
  EARSHOT_RETURN_IF_ERROR(ApplyDefaults(*files.rules, files.config));
  EARSHOT_RETURN_IF_ERROR(CheckPreprocessor(*files.rules, files.preprocessor, files.config));
  MergeGeneration(files.generation, files.config);
  return files;
}

// Transformers' feature extractor normalizes where nothing else is said.
void AddAudioSettings(const Directory& files, ir::Graph& graph) {
  if (files.rules->audio != AudioKind::kWaveformOfUnitVariance) return;
  const Json* normalizes = Find(files.preprocessor, "do_normalize");
  for (ir::Loop& loop : graph.loops) {
    if (loop.driver == "ctc_greedy")
      loop.settings["normalize"] = normalizes == nullptr || *normalizes == true ? 1.0 : 0.0;
  }
}

}  // namespace

bool IsFamilyDirectory(const std::string& directory) {
  if (!IsHuggingFaceDirectory(directory)) return false;
  const Result<Json> config = ReadJsonObject(PathIn(directory, kConfig));
  return config.ok() && FindRules(config.value()) != nullptr;
}

Result<ir::Graph> ImportFamily(const std::string& directory, const std::string& name) {
  EARSHOT_ASSIGN_OR_RETURN(const Directory files, ReadDirectory(directory));
  const FamilyRules& rules = *files.rules;
  EARSHOT_ASSIGN_OR_RETURN(ir::Tokenizer tokenizer, ReadTokenizer(directory, rules, files.config));
  ir::HyperParameters settings(files.config, kConfig);
  ApplyRules(rules, settings);
  EARSHOT_ASSIGN_OR_RETURN(const Architecture* architecture,
                           FindArchitecture("transformers", rules.architecture));
  EARSHOT_ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsSource> source,
                           OpenSafetensorsWeights(directory));
  const WeightNames names = NamesIn(rules, *source);
  RenamedWeights weights(*source, names);
  DropUnread(rules, names, *source);
  ir::ReferenceModel model = {.name = name,
                              .architecture = rules.architecture,
                              .settings = settings,
                              .example_shapes = {},
                              .weights = weights};
  EARSHOT_ASSIGN_OR_RETURN(ir::Graph graph, architecture->build(model));
  const std::string left_out = LeaveHeadsOut(rules, names.prefix, *source);
  EARSHOT_RETURN_IF_ERROR(CheckAllUsed(*source));
  if (!left_out.empty()) graph.metadata["left_out"] = left_out;
  AddAudioSettings(files, graph);
  graph.tokenizer = std::move(tokenizer);
  graph.metadata["source"] = "huggingface";
  return graph;
}

}  // namespace earshot::checkpoint
