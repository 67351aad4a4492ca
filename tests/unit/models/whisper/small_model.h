// A model file with Whisper's interface, small enough to reason about: a vocabulary of a few words, and a
// decoder that is a Markov chain (the logits depend on the last token only). It has all parts that a real one
// has.
#ifndef EARSHOT_TESTS_UNIT_MODELS_WHISPER_SMALL_MODEL_H_
#define EARSHOT_TESTS_UNIT_MODELS_WHISPER_SMALL_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "models/whisper/dimensions.h"
#include "runtime/engine/program.h"
#include "tests/unit/models/whisper/aligned_memory.h"

namespace earshot::whisper {

// Ids of the vocabulary, in Whisper's order.
namespace token {
constexpr int32_t kBlank = 0;  // " ", not allowed as first token
constexpr int32_t kOne = 1;    // " one"
constexpr int32_t kTwo = 2;    // " two"
constexpr int32_t kThree = 3;  // " three"
constexpr int32_t kStop = 4;   // "."
constexpr int32_t kSuppressed = 5;
constexpr int32_t kBrokenByte = 6;  // 0xE2, the first byte of a character
constexpr int32_t kEndOfText = 8;
constexpr int32_t kStart = 9;
constexpr int32_t kEnglish = 10;
constexpr int32_t kGerman = 11;
constexpr int32_t kHawaiian = 12;
constexpr int32_t kTranslate = 13;
constexpr int32_t kTranscribe = 14;
constexpr int32_t kPrevious = 15;
constexpr int32_t kNoSpeech = 16;
constexpr int32_t kNoTimestamps = 17;
constexpr int32_t kTime0 = 18;            // <|0.00|>; 20 ms a step
constexpr int32_t kSize = kTime0 + 1501;  // up to <|30.00|>

// The timestamp of so many seconds.
constexpr int32_t At(double seconds) { return kTime0 + static_cast<int32_t>(seconds * 50 + 0.5); }
}  // namespace token

struct SmallModelOptions {
  bool multilingual = true;
  std::string family = "whisper";
  std::string without = {};                         // special token to leave out
  std::map<std::string, uint32_t> moved = {};       // special tokens to give another id
  std::map<std::string, std::string> renamed = {};  // special tokens to give another name
  uint32_t timestamp_begin = static_cast<uint32_t>(token::kTime0);
  bool with_tokenizer = true;
  bool with_audio = true;
  std::string decode_name = "decode";
  std::string end_symbol = "end";
  std::string logits_name = "logits";
  uint32_t logits_cols = static_cast<uint32_t>(token::kSize);
  uint32_t max_text_tokens = 64;
  uint32_t max_audio_frames = 1500;
  // Logits after a token: all 0 but these.
  std::map<int32_t, std::map<int32_t, float>> chain = {};
};

constexpr int64_t kSmallModelMels = 8;

// Owns the bytes of the file.
class SmallModel {
 public:
  explicit SmallModel(const SmallModelOptions& options = {});

  Program program() const;  // aborts if the file is not valid
  Dimensions dimensions() const;
  Vocabulary vocabulary() const { return dimensions().tables.vocabulary; }

 private:
  std::optional<AlignedMemory> memory_;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_TESTS_UNIT_MODELS_WHISPER_SMALL_MODEL_H_
