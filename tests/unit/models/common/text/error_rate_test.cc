// Word and character error rates.
#include "models/common/text/error_rate.h"

#include <algorithm>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "tests/unit/models/common/text/metrics_cases.h"

namespace earshot {
namespace {

TEST_CASE("each kind of error is counted", "[error_rate]") {
  CHECK(CountWordErrors("the cat sat", "the cat sat") == ErrorCounts{.hits = 3});
  CHECK(CountWordErrors("the cat sat", "the dog sat") == ErrorCounts{.hits = 2, .substitutions = 1});
  CHECK(CountWordErrors("the cat sat", "the cat sat down") == ErrorCounts{.hits = 3, .insertions = 1});
  CHECK(CountWordErrors("the cat sat", "cat sat") == ErrorCounts{.hits = 2, .deletions = 1});
  CHECK(CountWordErrors("  the\tcat \n", "the cat") == ErrorCounts{.hits = 2});
}

TEST_CASE("an empty side is all insertions or deletions", "[error_rate]") {
  CHECK(CountWordErrors("a b", "") == ErrorCounts{.deletions = 2});
  CHECK(CountWordErrors("", "a b c") == ErrorCounts{.insertions = 3});
  CHECK(CountWordErrors("", "").Rate() == 0.0);
  CHECK(CountWordErrors("", "a b c").Rate() == 3.0);
  CHECK(CountWordErrors("a", "b c d").Rate() == 3.0);
}

TEST_CASE("characters are code points and spaces count on request", "[error_rate]") {
  CHECK(CountCharacterErrors("naïve", "naive") == ErrorCounts{.hits = 4, .substitutions = 1});
  CHECK(CountCharacterErrors("a b", "ab") == ErrorCounts{.hits = 2, .deletions = 1});
  CHECK(CountCharacterErrors("a b", "ab", SpacesInCharacters::kIgnore) == ErrorCounts{.hits = 2});
  CHECK(CountCharacterErrors(" 你好 ", "你坏") == ErrorCounts{.hits = 1, .substitutions = 1});
}

// The definition of the distance, without any table.
int64_t Distance(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return static_cast<int64_t>(std::max(a.size(), b.size()));
  const int64_t diagonal = Distance(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1);
  return std::min({diagonal, Distance(a.substr(1), b) + 1, Distance(a, b.substr(1)) + 1});
}

TEST_CASE("counts are those of a minimal alignment", "[error_rate]") {
  std::mt19937 generator(3);
  const auto random_text = [&] {
    std::string text(generator() % 7, ' ');
    for (char& c : text) c = static_cast<char>('a' + generator() % 3);
    return text;
  };
  for (int i = 0; i < 500; ++i) {
    const std::string reference = random_text();
    const std::string hypothesis = random_text();
    INFO(reference << " / " << hypothesis);
    const ErrorCounts counts = CountCharacterErrors(reference, hypothesis);
    CHECK(counts.Errors() == Distance(reference, hypothesis));
    CHECK(counts.ReferenceTokens() == static_cast<int64_t>(reference.size()));
    CHECK(counts.HypothesisTokens() == static_cast<int64_t>(hypothesis.size()));
    CHECK(std::min({counts.hits, counts.substitutions, counts.insertions, counts.deletions}) >= 0);
  }
}

TEST_CASE("among equally short alignments jiwer's is counted", "[error_rate]") {
  // Two edits either way: two substitutions, or a deletion and an insertion around a hit. Figures from
  // jiwer 4.0.0.
  CHECK(CountWordErrors("a b", "b a") == ErrorCounts{.hits = 1, .insertions = 1, .deletions = 1});
  CHECK(CountWordErrors("a b c d", "b x d a") ==
        ErrorCounts{.hits = 2, .substitutions = 1, .insertions = 1, .deletions = 1});
}

TEST_CASE("word and character errors agree with jiwer", "[error_rate]") {
  const test::MetricsCases cases = test::LoadMetricsCases();
  const nlohmann::json& expected = cases.all.at("jiwer");
  ErrorCounts words;
  ErrorCounts characters;
  for (size_t i = 0; i < cases.hypotheses.size(); ++i) {
    const ErrorCounts of_words = CountWordErrors(cases.references[0][i], cases.hypotheses[i]);
    const ErrorCounts of_characters = CountCharacterErrors(cases.references[0][i], cases.hypotheses[i]);
    // Both sides divide the same two whole numbers.
    CHECK(of_words.Rate() == expected.at("per_sentence").at(i).at("wer").get<double>());
    CHECK(of_characters.Rate() == expected.at("per_sentence").at(i).at("cer").get<double>());
    words += of_words;
    characters += of_characters;
  }
  CHECK(words == ErrorCounts{.hits = expected.at("hits"),
                             .substitutions = expected.at("substitutions"),
                             .insertions = expected.at("insertions"),
                             .deletions = expected.at("deletions")});
  CHECK(characters == ErrorCounts{.hits = expected.at("char_hits"),
                                  .substitutions = expected.at("char_substitutions"),
                                  .insertions = expected.at("char_insertions"),
                                  .deletions = expected.at("char_deletions")});
  CHECK(words.Rate() == expected.at("wer").get<double>());
  CHECK(characters.Rate() == expected.at("cer").get<double>());
  CHECK(words.MatchErrorRate() == expected.at("mer").get<double>());
  // A product and a difference of rounded ratios: a few units in the last place.
  CHECK(words.InformationLost() == Catch::Approx(expected.at("wil").get<double>()).epsilon(1e-14));
}

}  // namespace
}  // namespace earshot
