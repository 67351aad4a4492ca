// Fuzzes the import of vocabularies; the first byte chooses the form of the file. Whatever is accepted must
// be consistent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "converter/import/generation_settings.h"
#include "converter/import/tokenizer.h"

namespace {

constexpr int64_t kVocabSize = 300;

earshot::Result<earshot::ir::Tokenizer> Import(uint8_t form, std::string_view text) {
  switch (form % 4) {
    case 0:
      return earshot::checkpoint::ImportTokenizerJson(text, kVocabSize);
    case 1:
      return earshot::checkpoint::ImportVocabJson(text, text, kVocabSize);
    case 2:
      return earshot::checkpoint::ImportVocabularyTxt(text, kVocabSize);
    default:
      return earshot::checkpoint::ImportVocabularyJson(text, kVocabSize);
  }
}

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto tokenizer = Import(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!tokenizer.ok()) {
    Require(tokenizer.status().message()[0] != '\0');
    return 0;
  }
  Require(tokenizer.value().pieces.size() == kVocabSize);
  Require(tokenizer.value().timestamp_begin >= 0 && tokenizer.value().timestamp_begin < kVocabSize);
  for (const auto& [name, id] : tokenizer.value().special_tokens) {
    Require(id >= 0 && id < kVocabSize && tokenizer.value().pieces[static_cast<size_t>(id)].empty());
  }
  Require(earshot::checkpoint::MakeGenerationSettings({}, tokenizer.value()).ok());
  return 0;
}
