// Vocabularies in every form, and what they must not contain.
#include "converter/import/tokenizer.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "converter/import/byte_level.h"
#include "converter/import/generation_settings.h"
#include "tests/support/synthetic_whisper.h"

namespace earshot::checkpoint {
namespace {

using Catch::Matchers::ContainsSubstring;

std::string Utf8(unsigned code_point) {
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

TEST_CASE("The byte alphabet is one to one") {
  // Known points of GPT-2's alphabet: the space is U+0120, line feed U+010A, 0x00 U+0100, 0x7F U+0121, 0xA0
  // U+0142, 0xAD U+0143.
  const std::pair<unsigned, unsigned> known[] = {{'!', '!'},    {'~', '~'},    {0x120, ' '},  {0x10A, '\n'},
                                                 {0x100, 0x00}, {0x121, 0x7F}, {0x142, 0xA0}, {0x143, 0xAD},
                                                 {0xA1, 0xA1},  {0xFF, 0xFF}};
  for (const auto& [character, byte] : known) {
    CHECK(DecodeByteLevel(Utf8(character)) == std::string(1, static_cast<char>(byte)));
  }
  std::set<std::string> bytes;
  size_t num_characters = 0;
  for (unsigned code_point = 0; code_point < 0x800; ++code_point) {
    const auto byte = DecodeByteLevel(Utf8(code_point));
    if (!byte) continue;
    ++num_characters;
    CHECK(byte->size() == 1);
    bytes.insert(*byte);
  }
  CHECK(num_characters == 256);
  CHECK(bytes.size() == 256);
}

TEST_CASE("Characters outside the byte alphabet are refused") {
  CHECK(DecodeByteLevel("").value().empty());
  CHECK(DecodeByteLevel("a\u0120b").value() == "a b");
  for (const char* text :
       {" ", "\n", "\u00AD", "\u0144", "\u2581", "\xC4", "\xC4z", "\x80", "\xF0\x9F\x98\x80"}) {
    INFO(text);
    CHECK_FALSE(DecodeByteLevel(text).has_value());
  }
}

void CheckSynthetic(const Result<ir::Tokenizer>& result) {
  INFO(result.status().message());
  REQUIRE(result.ok());
  const ir::Tokenizer& tokenizer = result.value();
  REQUIRE(tokenizer.pieces.size() == 40);
  CHECK(tokenizer.pieces[0] == "a");
  CHECK(tokenizer.pieces[17] == " ");
  CHECK(tokenizer.pieces[18] == "\xC3\xA9");
  CHECK(tokenizer.pieces[19] == "\n");
  for (size_t id = 20; id < 40; ++id) CHECK(tokenizer.pieces[id].empty());
  const std::map<std::string, int64_t> special = {
      {"<|endoftext|>", 20}, {"<|startoftranscript|>", 21}, {"<|en|>", 22},        {"<|he|>", 23},
      {"<|translate|>", 24}, {"<|transcribe|>", 25},        {"<|startoflm|>", 26}, {"<|startofprev|>", 27},
      {"<|nospeech|>", 28},  {"<|notimestamps|>", 29}};
  CHECK(tokenizer.special_tokens == special);
  CHECK(tokenizer.timestamp_begin == 30);
  CHECK(tokenizer.timestamp_step_ms == 20);
}

TEST_CASE("All forms of a vocabulary give the same tokenizer") {
  CheckSynthetic(ImportTokenizerJson(test::SyntheticTokenizerJson(), 40));
  CheckSynthetic(ImportVocabularyTxt(test::SyntheticVocabularyTxt(), 40));
  std::string list, object, added;
  int64_t id = 0;
  std::string_view text;
  const std::string txt = test::SyntheticVocabularyTxt();
  for (text = txt; !text.empty(); text.remove_prefix(text.find('\n') + 1), ++id) {
    const std::string token = "\"" + std::string(text.substr(0, text.find('\n'))) + "\"";
    list += (list.empty() ? "[" : ", ") + token;
    std::string& target = id < test::kSyntheticEndOfText ? object : added;
    target += (target.empty() ? "{" : ", ") + token + ": " + std::to_string(id);
  }
  CheckSynthetic(ImportVocabularyJson(list + "]", 40));
  CheckSynthetic(ImportVocabJson(object + "}", added + "}", 40));
}

std::string TokenizerJson(const std::string& vocab, const std::string& added = "[]") {
  return R"({"decoder": {"type": "ByteLevel"}, "added_tokens": )" + added +
         R"(, "model": {"type": "BPE", "vocab": )" + vocab + "}}";
}

TEST_CASE("Added tokens are plain text unless they are special") {
  const auto tokenizer = ImportTokenizerJson(
      TokenizerJson(
          R"({"a": 0, "<|endoftext|>": 1})",
          R"([{"id": 1, "content": "<|endoftext|>", "special": true}, {"id": 2, "content": "two words"},
                        {"id": 3, "content": "[PAD]", "special": true}, {"id": 4, "content": "<|notimestamps|>"},
                        {"id": 5, "content": "<|0.00|>", "special": false}])"),
      7);
  REQUIRE(tokenizer.ok());
  CHECK(tokenizer.value().pieces == std::vector<std::string>{"a", "", "two words", "", "", "", ""});
  CHECK(tokenizer.value().special_tokens ==
        std::map<std::string, int64_t>{{"<|endoftext|>", 1}, {"[PAD]", 3}, {"<|notimestamps|>", 4}});
}

TEST_CASE("Timestamps begin after <|notimestamps|>, where there are any") {
  const auto begin = [](const std::string& vocab) {
    return ImportVocabJson(vocab, "", 3).value().timestamp_begin;
  };
  CHECK(begin(R"({"<|notimestamps|>": 1})") == 2);
  CHECK(begin(R"({"<|notimestamps|>": 2})") == 0);
  CHECK(begin(R"({"a": 1})") == 0);
  const Status status = ImportVocabJson(R"({"<|notimestamps|>": 0, "<|0.00|>": 2})", "", 3).status();
  CHECK_THAT(status.message(), ContainsSubstring("does not follow"));
}

TEST_CASE("Vocabularies that contradict themselves are refused") {
  const std::pair<std::string, const char*> cases[] = {
      {"", "not valid JSON"},
      {R"({"model": {"type": "BPE", "vocab": {}}})", "decoder is missing"},
      {R"({"decoder": {"type": "Metaspace"}, "model": {}})", "Metaspace"},
      {R"({"decoder": {"type": "ByteLevel"}})", "no \"model\""},
      {R"({"decoder": {"type": "ByteLevel"}, "model": {"type": "Unigram", "vocab": []}})", "Unigram"},
      {R"({"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "byte_fallback": true}})",
       "byte_fallback"},
      {R"({"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "end_of_word_suffix": "</w>"}})",
       "</w>"},
      {TokenizerJson("[]"), "no vocabulary"},
      {TokenizerJson(R"({"a": 0, "b": 1, "a": 2})"), "has \"a\" twice"},
      {TokenizerJson(R"({"a": 0})", R"([{"id": 1, "id": 1}])"), "has \"id\" twice"},
      {TokenizerJson(R"({"a": 0})", R"([{"id": 1, "content": "b"}, {"id": 1, "content": "c"}])"),
       "shares its id"},
      {TokenizerJson(R"({"a": 10})"), "outside the decoder's vocabulary"},
      {TokenizerJson(R"({"a": -1})"), "outside the decoder's vocabulary"},
      {TokenizerJson(R"({"a": 1.5})"), "outside the decoder's vocabulary"},
      {TokenizerJson(R"({"a": "0"})"), "outside the decoder's vocabulary"},
      {TokenizerJson(R"({"a": 0, "b": 0})"), "shares its id"},
      {TokenizerJson(R"({"\u2581a": 0})"), "byte alphabet"},
      {TokenizerJson(R"({"a": 0})", R"([{"id": 1, "content": "a"}])"), "another id"},
      {TokenizerJson(R"({"<|nospeech|>": 0, "<|nocaptions|>": 1})"), "older name"},
      {TokenizerJson(R"({"a": 0})", R"({"b": 1})"), "not a list"},
      {TokenizerJson(R"({"a": 0})", R"([{"id": 1}])"), "no content"},
      {TokenizerJson(R"({"a": 0})", "[1]"), "no content"},
  };
  for (const auto& [text, problem] : cases) {
    INFO(text);
    const Status status = ImportTokenizerJson(text, 10).status();
    REQUIRE_FALSE(status.ok());
    CHECK_THAT(status.message(), ContainsSubstring("tokenizer.json") && ContainsSubstring(problem));
  }
  CHECK_FALSE(ImportVocabularyTxt("a\nb\nc", 2).ok());
  CHECK_FALSE(ImportVocabularyTxt("a\na\n", 2).ok());
  CHECK_FALSE(ImportVocabularyJson(R"({"a": 0})", 2).ok());
  CHECK_FALSE(ImportVocabularyJson(R"(["a", 1])", 2).ok());
  CHECK_FALSE(ImportVocabJson("{}", "[]", 2).ok());
}

TEST_CASE("Every id of text needs a token; control tokens and timestamps may be missing") {
  const auto message = [](const std::string& vocab) {
    return std::string(ImportVocabJson(vocab, "", 9).status().message());
  };
  CHECK_THAT(message(R"({"a": 0, "c": 2, "<|endoftext|>": 3})"), ContainsSubstring("id 1;"));
  CHECK_THAT(message(R"({"b": 1, "c": 2, "<|endoftext|>": 3})"), ContainsSubstring("id 0;"));
  CHECK_THAT(message(R"({"a": 0, "b": 1, "<|endoftext|>": 3})"), ContainsSubstring("id 2;"));
  CHECK(message(R"({"a": 0, "b": 1, "": 2, "<|endoftext|>": 3})") == "");  // as multilingual vocabularies end
  CHECK(message(R"({"a": 0, "<|endoftext|>": 1, "<|startoftranscript|>": 3, "<|notimestamps|>": 5})") == "");
}

TEST_CASE("A checkpoint's own lists of suppressed tokens are kept, with the control tokens") {
  const ir::Tokenizer tokenizer = ImportTokenizerJson(test::SyntheticTokenizerJson(), 40).value();
  const auto settings =
      MakeGenerationSettings({.suppressed = {{5, 2, 5}}, .begin_suppressed = {{20, 17}}}, tokenizer);
  REQUIRE(settings.ok());
  CHECK(settings.value().suppressed_tokens == std::vector<int64_t>{2, 5, 21, 24, 25, 26, 27, 28});
  CHECK(settings.value().begin_suppressed_tokens == std::vector<int64_t>{17, 20});
  CHECK(MakeGenerationSettings({.suppressed = std::vector<int64_t>()}, tokenizer).value().suppressed_tokens ==
        std::vector<int64_t>{21, 24, 25, 26, 27, 28});
  CHECK_FALSE(MakeGenerationSettings({.suppressed = {{40}}}, tokenizer).ok());
  CHECK_FALSE(MakeGenerationSettings({.begin_suppressed = {{-1}}}, tokenizer).ok());
}

TEST_CASE("Without lists a segment may not begin blank or empty") {
  const ir::Tokenizer tokenizer = ImportTokenizerJson(test::SyntheticTokenizerJson(), 40).value();
  CHECK(MakeGenerationSettings({}, tokenizer).value().begin_suppressed_tokens ==
        std::vector<int64_t>{17, 20});
}

}  // namespace
}  // namespace earshot::checkpoint
