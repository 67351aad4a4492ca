// What the converter knows of the configuration of each model type of transformers whose graph builder reads
// the settings itself.
#ifndef EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_RULES_H_
#define EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_RULES_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/import/json.h"
#include "converter/ir/hyper_parameters.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// How tokens become text, and from which file.
enum class VocabularyKind {
  kNone,         // nothing is made of tokens
  kPieces,       // tokenizer.json: pieces of SentencePiece
  kCharacters,   // vocab.json: characters, a sign between words
  kTranslation,  // vocab.json: pieces of SentencePiece of both languages
};

// How the model hears audio.
enum class AudioKind { kNone, kWaveform, kWaveformOfUnitVariance, kLogMel };

struct FamilyRules {
  std::string_view model_type;    // in config.json
  const char* architecture;       // class of transformers, known to FindArchitecture
  bool is_any_head = false;       // weights of other heads are left out; else the class must be this one
  std::string_view encoder_name;  // of the encoder in front of the names of its tensors where there is a head
  VocabularyKind vocabulary = VocabularyKind::kNone;
  AudioKind audio = AudioKind::kNone;

  // JSON objects: what an absent key means, by the configuration class; and the only value that is built.
  const char* defaults = "{}";
  const char* required = "{}";
  std::vector<const char*> ignored = {};   // keys without influence on inference
  std::vector<const char*> not_null = {};  // keys that null gives another meaning than absence
  const char* section = nullptr;           // an object in it with defaults, rules and keys of its own:
  const char* section_defaults = "{}";
  const char* section_required = "{}";
  std::vector<const char*> section_ignored = {};

  // Tensors that inference never reads, and first parts of the names of heads that are left out.
  std::vector<const char*> unread_tensors = {};
  std::vector<const char*> left_out_heads = {};
  // Tensors of a tied model: wherever the first one is missing, one of the others has the same numbers.
  std::vector<const char*> tied_tensors = {};
};

// nullptr if config.json names none of them.
const FamilyRules* FindRules(const Json& config);

// Writes what absent keys mean into the configuration. kUnsupported: another head than the one that is built,
// or null where that means something else.
Status ApplyDefaults(const FamilyRules& rules, Json& config);

// Accounts for the keys that the builder does not ask for.
void ApplyRules(const FamilyRules& rules, ir::HyperParameters& settings);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_HUGGINGFACE_RULES_H_
