// Writes the seeds of fuzz_checkpoint and fuzz_tokenizer into a directory (tests/fuzz/seeds):
// make_checkpoint_seeds <directory>.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/synthetic_whisper.h"

namespace {

using earshot::test::Ct2Type;

// A seed begins with the byte that chooses the form.
void Write(const std::filesystem::path& path, char form, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << form << content;
}

std::string Text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_checkpoint_seeds <directory>\n");
    return 2;
  }
  const std::filesystem::path root = argv[1];
  const earshot::test::SyntheticWhisper model = earshot::test::MakeSyntheticWhisper();
  const std::filesystem::path checkpoints = root / "fuzz_checkpoint", tokenizers = root / "fuzz_tokenizer";
  Write(checkpoints / "f16.safetensors", 0, Text(SafetensorsBytes(model.tensors, "F16")));
  Write(checkpoints / "small.safetensors", 0,
        Text(earshot::test::SafetensorsBytes({{"a", {{2, 1}, {1.0f, 2.0f}}}}, "BF16")));
  Write(checkpoints / "f16.ct2", 1, Text(Ct2Bytes(model, {.weights = Ct2Type::kF16})));
  Write(checkpoints / "int8.ct2", 1, Text(Ct2Bytes(model, {.weights = Ct2Type::kI8})));
  Write(checkpoints / "int16_version3.ct2", 1,
        Text(Ct2Bytes(model, {.version = 3, .weights = Ct2Type::kI16})));
  Write(tokenizers / "tokenizer.json", 0, earshot::test::SyntheticTokenizerJson());
  Write(tokenizers / "vocab.json", 1, R"({"a": 0, "\u0120b": 1, "<|notimestamps|>": 2, "<|0.00|>": 3})");
  Write(tokenizers / "vocabulary.txt", 2, earshot::test::SyntheticVocabularyTxt());
  Write(tokenizers / "vocabulary.json", 3, R"(["a", "\u0120b", "<|nocaptions|>"])");
  return 0;
}
