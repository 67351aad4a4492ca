// Pieces to bytes, and vocabularies that are of another kind.
#include "converter/import/byte_fallback.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace earshot::checkpoint {
namespace {

using Catch::Matchers::ContainsSubstring;

constexpr const char kDecoder[] = R"({"type": "Sequence", "decoders": [
  {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
  {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})";

std::string TokenizerJson(const std::string& vocab, const std::string& added = "[]",
                          const std::string& decoder = kDecoder) {
  return R"({"decoder": )" + decoder + R"(, "added_tokens": )" + added +
         R"(, "model": {"type": "BPE", "byte_fallback": true, "merges": [], "vocab": )" + vocab + "}}";
}

TEST_CASE("pieces become raw bytes, special tokens nothing") {
  const auto tokenizer = ImportByteFallbackJson(
      TokenizerJson(
          R"({"<unk>": 0, "<s>": 1, "<0x0A>": 2, "<0xC3>": 3, "▁a▁b": 4, "ü": 5, "<0xZZ>": 6})",
          R"([{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true}])"),
      8);
  INFO(tokenizer.status().message());
  REQUIRE(tokenizer.ok());
  CHECK(tokenizer.value().pieces ==
        std::vector<std::string>{"", "", "\n", "\xC3", " a b", "ü", "<0xZZ>", ""});
  CHECK(tokenizer.value().special_tokens == std::map<std::string, int64_t>{{"<unk>", 0}, {"<s>", 1}});
  CHECK(tokenizer.value().timestamp_begin == 0);
}

TEST_CASE("other vocabularies, and those that contradict themselves, are refused by name") {
  const std::pair<std::string, const char*> cases[] = {
      {"", "not valid JSON"},
      {R"({"model": {}})", "decoder is missing"},
      {TokenizerJson("{}", "[]", R"({"type": "ByteLevel"})"), "ByteLevel"},
      {TokenizerJson("{}", "[]", R"({"type": "Sequence", "decoders": [{"type": "Fuse"}]})"), "other steps"},
      {TokenizerJson(
           "{}", "[]",
           R"({"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "_"}, "content": " "},
                     {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip"}]})"),
       "other characters"},
      {R"({"decoder": )" + std::string(kDecoder) + "}", "no \"model\""},
      {R"({"decoder": )" + std::string(kDecoder) + R"(, "model": {"type": "Unigram"}})", "Unigram"},
      {R"({"decoder": )" + std::string(kDecoder) + R"(, "model": {"type": "BPE", "byte_fallback": false}})",
       "byte_fallback"},
      {TokenizerJson("[]"), "no vocabulary"},
      {TokenizerJson(R"({"a": 8})"), "outside"},
      {TokenizerJson(R"({"a": -1})"), "outside"},
      {TokenizerJson(R"({"a": 0, "b": 0})"), "shares its id"},
      {TokenizerJson(R"({"a": 0})", R"([{"id": 0, "content": "b", "special": true}])"), "shares its id"},
      {TokenizerJson(R"({"a": 0})", R"([{"content": "b"}])"), "no id"},
      {TokenizerJson(R"({"a": 0})", "{}"), "not a list"}};
  for (const auto& [text, problem] : cases) {
    INFO(text);
    CHECK_THAT(ImportByteFallbackJson(text, 8).status().message(), ContainsSubstring(problem));
  }
}

}  // namespace
}  // namespace earshot::checkpoint
