// A tiny Whisper with made-up weights, written as the files of each checkpoint format. All weights are n / 64
// with |n| <= 127, which every storage type holds exactly, so that all formats must give the same numbers bit
// by bit.
#ifndef EARSHOT_TESTS_SUPPORT_SYNTHETIC_WHISPER_H_
#define EARSHOT_TESTS_SUPPORT_SYNTHETIC_WHISPER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/whisper/config.h"

namespace earshot::test {

struct SyntheticTensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

struct SyntheticWhisper {
  whisper::Config config;
  std::map<std::string, SyntheticTensor> tensors;  // by Hugging Face name
};

// 8 wide, 2 heads, 2 encoder and 1 decoder layers, 40 tokens (ids of kSynthetic...).
SyntheticWhisper MakeSyntheticWhisper();

constexpr int64_t kSyntheticEndOfText = 20;
constexpr int64_t kSyntheticNoTimestamps = 29;

// config.json and tokenizer.json as transformers writes them, reduced to what matters.
std::string SyntheticConfigJson();
std::string SyntheticTokenizerJson();
// The same vocabulary as vocabulary.txt of CTranslate2.
std::string SyntheticVocabularyTxt();

// A safetensors file with numbers of type "F32", "F16" or "BF16".
std::vector<std::byte> SafetensorsBytes(const std::map<std::string, SyntheticTensor>& tensors,
                                        const std::string& type);

enum class Ct2Type : uint8_t { kF32 = 0, kI8 = 1, kI16 = 2, kF16 = 4, kBF16 = 5 };

// Deviations from what CTranslate2 writes, for tests of errors.
struct Ct2Options {
  uint32_t version = 6;
  Ct2Type weights = Ct2Type::kF32;                   // of matrices; other tensors are f32 or f16
  float key_bias = 0.0f;                             // the bias of the keys, which Whisper does not have
  bool aliases_projection = true;                    // else it is stored a second time
  std::map<std::string, int> scalars = {};           // added or changed settings
  std::map<std::string, SyntheticTensor> more = {};  // added variables
  std::string without = {};                          // left out variable
};

// model.bin of CTranslate2.
std::vector<std::byte> Ct2Bytes(const SyntheticWhisper& model, const Ct2Options& options = {});

// Files in a new directory under the system's folder for temporary files, removed with the object.
class TemporaryDirectory {
 public:
  // The name gets a number, so that tests may run at the same time.
  TemporaryDirectory(const std::string& name, const std::map<std::string, std::string>& text_files,
                     const std::map<std::string, std::vector<std::byte>>& binary_files);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_SUPPORT_SYNTHETIC_WHISPER_H_
