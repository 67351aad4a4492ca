// Scores of clips and their sums.
#include "platform/cli/evaluation.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "platform/cli/evaluate_report.h"
#include "platform/cli/tsv.h"

namespace earshot::cli {
namespace {

EvaluatedClip MakeClip(const std::string& id, const std::string& language, const std::string& source,
                       const std::string& reference, const std::string& text) {
  const Scorer scorer{SpellingTable()};
  return {.clip = {.id = id, .path = "", .language = language, .transcript = reference, .source = source},
          .text = text,
          .counts = scorer.Count(language, reference, text),
          .audio_s = 10,
          .elapsed_s = 0.5,
          .fallbacks = 1,
          .other = {}};
}

// English: 8 words, 1 substitution, 1 deletion, 0 insertions. Chinese: 5 characters, 1 substitution.
std::vector<EvaluatedClip> MakeClips() {
  return {MakeClip("a", "en", "books", "The cat sat down.", "the cat sits down"),
          MakeClip("b", "zh", "", "砸自己的脚", "扎自己的脚"),
          MakeClip("c", "en", "radio", "It is twenty degrees", "it is degrees")};
}

TEST_CASE("English is normalized before words are counted, Chinese is counted by character") {
  const std::vector<EvaluatedClip> clips = MakeClips();
  CHECK(clips[0].counts == ErrorCounts{.hits = 3, .substitutions = 1, .insertions = 0, .deletions = 0});
  CHECK(clips[1].counts == ErrorCounts{.hits = 4, .substitutions = 1, .insertions = 0, .deletions = 0});
  CHECK(clips[2].counts == ErrorCounts{.hits = 3, .substitutions = 0, .insertions = 0, .deletions = 1});
}

TEST_CASE("Spaces do not count in Korean") {
  const Scorer scorer{SpellingTable()};
  // 7 characters without the space, 2 of them wrong; the missing space is no error.
  const ErrorCounts counts = scorer.Count("ko", "그는 이리저리 가", "그는이리저러 나");
  CHECK(counts.ReferenceTokens() == 7);
  CHECK(counts.Errors() == 2);
}

TEST_CASE("A spelling table makes British words American") {
  CHECK(Scorer(SpellingTable{{"colour", "color"}}).Count("en", "Colour", "color").Errors() == 0);
  CHECK(Scorer(SpellingTable{}).Count("en", "Colour", "color").Errors() == 1);
}

TEST_CASE("Totals keep words and characters apart") {
  const std::vector<EvaluatedClip> clips = MakeClips();
  const auto words = TotalOf(clips, "WER");
  REQUIRE(words);
  CHECK(words->num_clips == 2);
  CHECK(words->counts.Rate() == Catch::Approx(2.0 / 8));
  CHECK(words->audio_s == 20);
  CHECK(words->fallbacks == 2);
  REQUIRE(words->interval);
  // Each resample holds two of the two clips, both with a rate of 1/4.
  CHECK(words->interval->low == Catch::Approx(0.25));
  CHECK(words->interval->high == Catch::Approx(0.25));
  const auto characters = TotalOf(clips, "CER");
  REQUIRE(characters);
  CHECK(characters->num_clips == 1);
  CHECK_FALSE(characters->interval);
  CHECK_FALSE(TotalOf(std::vector<EvaluatedClip>{clips[0]}, "CER"));
}

TEST_CASE("Groups are in the order of first appearance; clips without a source are in no group of sources") {
  const std::vector<EvaluatedClip> clips = MakeClips();
  const auto languages = GroupsByLanguage(clips);
  REQUIRE(languages.size() == 2);
  CHECK(languages[0].name == "en");
  CHECK(languages[0].num_clips == 2);
  CHECK(languages[1].name == "zh");
  const auto sources = GroupsBySource(clips);
  REQUIRE(sources.size() == 2);
  CHECK(sources[0].name == "books");
  CHECK(sources[1].name == "radio");
}

TEST_CASE("What one system wrote can be compared with another, on the clips that both have") {
  const Scorer scorer{SpellingTable()};
  std::vector<EvaluatedClip> clips = MakeClips();
  std::vector<EvaluatedClip> other = {MakeClip("a", "en", "", "The cat sat down.", "The\tcat\nsat down"),
                                      MakeClip("z", "en", "", "x", "x")};
  const std::string path = (std::filesystem::temp_directory_path() / "earshot_evaluation_test.tsv").string();
  std::ofstream(path, std::ios::binary) << HypothesesTsv(other, scorer);
  const auto texts = ReadTexts(path);
  REQUIRE(texts.ok());
  CHECK(AddOtherSystem(texts.value(), scorer, clips) == 1);
  REQUIRE(clips[0].other);
  CHECK(clips[0].other->Errors() == 0);
  CHECK_FALSE(clips[2].other);
  const auto comparison = CompareClips(clips, "WER");
  REQUIRE(comparison);
  CHECK(comparison->num_clips == 1);
  CHECK(comparison->rate == Catch::Approx(0.25));
  CHECK(comparison->other_rate == 0);
  CHECK(comparison->difference.low == Catch::Approx(0.25));  // ours minus theirs
  std::vector<EvaluatedClip> strangers = {MakeClip("q", "en", "", "x", "x")};
  CHECK(AddOtherSystem(texts.value(), scorer, strangers) == 0);
  std::filesystem::remove(path);
}

TEST_CASE("The table of hypotheses has a line for each clip and the counts in it") {
  const Scorer scorer{SpellingTable()};
  const auto table = TsvTable::Parse(HypothesesTsv(MakeClips(), scorer));
  REQUIRE(table.ok());
  REQUIRE(table.value().num_rows() == 3);
  const auto field = [&](size_t row, const char* name) {
    return table.value().Field(row, table.value().FindColumn(name));
  };
  CHECK(field(0, "reference") == "the cat sat down");
  CHECK(field(0, "text") == "the cat sits down");
  CHECK(field(0, "substitutions") == "1");
  CHECK(field(2, "reference_tokens") == "4");
  CHECK(field(2, "deletions") == "1");
}

TEST_CASE("The report names the rate of everything outside a source") {
  std::vector<EvaluatedClip> clips = MakeClips();
  clips.push_back(MakeClip("d", "en", "books", "all of this is right", "all of this is right"));
  const std::string text = EvaluateText({.clips = clips, .other_path = "", .lists_clips = false});
  // books: 1 of 9 words; without books: 1 of 4. The whole: 2 of 13.
  CHECK(text.find("WER 15.38 %") != std::string::npos);
  CHECK(text.find("CER 20.00 %") != std::string::npos);
  const size_t line = text.find("books");
  REQUIRE(line != std::string::npos);
  const std::string books = text.substr(line, text.find('\n', line) - line);
  CHECK(books.find("11.11") != std::string::npos);
  CHECK(books.ends_with("25.00"));
}

}  // namespace
}  // namespace earshot::cli
