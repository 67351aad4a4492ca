// BLEU, chrF and TER against sacrebleu's scores of the shared cases.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>

#include "models/common/text/bleu.h"
#include "models/common/text/chrf.h"
#include "models/common/text/ter.h"
#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"
#include "tests/unit/models/common/text/metrics_cases.h"

namespace earshot {
namespace {

using Catch::Matchers::WithinAbs;
using test::LoadMetricsCases;
using test::MetricsCases;

// Scores are sums and products of a dozen doubles up to 100: rounding stays below 1e-12.
constexpr double kTolerance = 1e-11;

TranslationTokenizer TokenizerNamed(const std::string& name) {
  if (name == "none") return TranslationTokenizer::kNone;
  if (name == "char") return TranslationTokenizer::kChar;
  if (name == "zh") return TranslationTokenizer::kZh;
  REQUIRE(name == "13a");
  return TranslationTokenizer::k13a;
}

BleuSmoothing SmoothingNamed(const std::string& name) {
  if (name == "none") return BleuSmoothing::kNone;
  if (name == "floor") return BleuSmoothing::kFloor;
  if (name == "add-k") return BleuSmoothing::kAddK;
  REQUIRE(name == "exp");
  return BleuSmoothing::kExp;
}

BleuOptions BleuOptionsOf(const nlohmann::json& args) {
  BleuOptions options{.tokenizer = TokenizerNamed(args.value("tokenize", "13a")),
                      .lowercase = args.value("lowercase", false),
                      .smoothing = SmoothingNamed(args.value("smooth_method", "exp"))};
  if (args.contains("smooth_value")) options.smoothing_value = args.at("smooth_value").get<double>();
  return options;
}

// The case with index 1 has both reference sets, all others the first one; those about smoothing only two
// lines.
TEST_CASE("corpus BLEU agrees with sacrebleu", "[bleu]") {
  const MetricsCases cases = LoadMetricsCases();
  const nlohmann::json& expected = cases.all.at("bleu");
  REQUIRE(expected.size() == 9);
  for (size_t i = 0; i < expected.size(); ++i) {
    const nlohmann::json& args = expected[i].at("args");
    INFO("case " << i << ": " << args.dump());
    const size_t num_lines = args.contains("smooth_method") ? 2 : cases.hypotheses.size();
    std::vector<std::vector<std::string>> references(cases.references.begin(),
                                                     cases.references.begin() + (i == 1 ? 2 : 1));
    for (auto& set : references) set.resize(num_lines);
    const auto score =
        CorpusBleu({std::span(cases.hypotheses).first(num_lines), references}, BleuOptionsOf(args));
    REQUIRE(score.ok());
    CHECK_THAT(score.value().score, WithinAbs(expected[i].at("score").get<double>(), kTolerance));
    CHECK_THAT(score.value().brevity_penalty, WithinAbs(expected[i].at("bp").get<double>(), kTolerance));
    CHECK(score.value().system_tokens == expected[i].at("sys_len").get<int64_t>());
    CHECK(score.value().reference_tokens == expected[i].at("ref_len").get<int64_t>());
    // sacrebleu reports counts with what add-k added.
    const int64_t k = args.value("smooth_method", "exp") == "add-k" ? 1 : 0;
    for (size_t n = 0; n < kBleuMaxOrder; ++n) {
      CHECK_THAT(score.value().precisions[n],
                 WithinAbs(expected[i].at("precisions")[n].get<double>(), kTolerance));
      CHECK(score.value().matches[n] + (n > 0 ? k : 0) == expected[i].at("counts")[n].get<int64_t>());
      CHECK(score.value().ngrams[n] + (n > 0 ? k : 0) == expected[i].at("totals")[n].get<int64_t>());
    }
  }
}

TEST_CASE("sentence BLEU and 13a tokens agree with sacrebleu", "[bleu]") {
  const MetricsCases cases = LoadMetricsCases();
  for (size_t i = 0; i < cases.hypotheses.size(); ++i) {
    INFO(cases.hypotheses[i]);
    const std::vector<std::vector<std::string>> references = {{cases.references[0][i]},
                                                              {cases.references[1][i]}};
    const auto score = CorpusBleu({std::span(&cases.hypotheses[i], 1), references});
    REQUIRE(score.ok());
    CHECK_THAT(score.value().score, WithinAbs(cases.all.at("sentence_bleu")[i].get<double>(), kTolerance));
    const std::u32string text = unicode::DecodeUtf8(cases.hypotheses[i]);
    CHECK(unicode::EncodeUtf8(text_edit::JoinWords(TokenizeTranslation(text, TranslationTokenizer::k13a))) ==
          cases.all.at("tokenized_13a")[i].get<std::string>());
  }
}

TEST_CASE("BLEU punishes brevity and knows the extremes", "[bleu]") {
  const std::vector<std::string> reference = {"the quick brown fox jumps over the lazy dog"};
  const auto bleu = [&](const char* hypothesis, const BleuOptions& options = {}) {
    const std::vector<std::string> hypotheses = {hypothesis};
    return CorpusBleu({hypotheses, std::span(&reference, 1)}, options).value();
  };
  CHECK_THAT(bleu(reference[0].c_str()).score, WithinAbs(100.0, kTolerance));
  CHECK(bleu("entirely different").score == 0.0);
  CHECK(bleu("").score == 0.0);
  const BleuScore half = bleu("the quick brown fox");  // all n-grams match, 4 of 9 words: exp(1 - 9/4)
  CHECK_THAT(half.score, WithinAbs(100.0 * std::exp(1.0 - 9.0 / 4.0), kTolerance));
  // Too short for 4-grams: zero, unless orders without n-grams are left out.
  CHECK(bleu("brown fox", {.smoothing = BleuSmoothing::kNone}).score == 0.0);
  CHECK_THAT(bleu("brown fox", {.effective_order = true}).score,
             WithinAbs(100.0 * std::exp(1.0 - 9.0 / 2.0), kTolerance));
}

TEST_CASE("corpus and sentence chrF agree with sacrebleu", "[chrf]") {
  const MetricsCases cases = LoadMetricsCases();
  const nlohmann::json& expected = cases.all.at("chrf");
  REQUIRE(expected.size() == 5);
  for (const nlohmann::json& one : expected) {
    const nlohmann::json& args = one.at("args");
    INFO(args.dump());
    const ChrfOptions options{.char_order = args.value("char_order", 6),
                              .word_order = args.value("word_order", 0),
                              .beta = args.value("beta", 2),
                              .lowercase = args.value("lowercase", false),
                              .whitespace = args.value("whitespace", false)};
    const auto score = CorpusChrf({cases.hypotheses, std::span(cases.references).first(1)}, options);
    REQUIRE(score.ok());
    CHECK_THAT(score.value(), WithinAbs(one.at("score").get<double>(), kTolerance));
    for (size_t i = 0; i < cases.hypotheses.size() && one.contains("sentence"); ++i) {
      const std::vector<std::vector<std::string>> reference = {{cases.references[0][i]}};
      const auto sentence = CorpusChrf({std::span(&cases.hypotheses[i], 1), reference}, options);
      REQUIRE(sentence.ok());
      CHECK_THAT(sentence.value(), WithinAbs(one.at("sentence")[i].get<double>(), kTolerance));
    }
  }
}

TEST_CASE("corpus and sentence TER agree with sacrebleu", "[ter]") {
  const MetricsCases cases = LoadMetricsCases();
  const nlohmann::json& expected = cases.all.at("ter");
  REQUIRE(expected.size() == 3);
  for (const nlohmann::json& one : expected) {
    const nlohmann::json& args = one.at("args");
    INFO(args.dump());
    const TerOptions options{.normalized = args.value("normalized", false),
                             .case_sensitive = args.value("case_sensitive", false)};
    const auto score = CorpusTer({cases.hypotheses, std::span(cases.references).first(1)}, options);
    REQUIRE(score.ok());
    CHECK_THAT(score.value().score, WithinAbs(one.at("score").get<double>(), kTolerance));
    CHECK(score.value().edits == one.at("num_edits").get<int64_t>());
    CHECK(score.value().reference_words == one.at("ref_length").get<double>());
    for (size_t i = 0; i < cases.hypotheses.size(); ++i) {
      const std::vector<std::vector<std::string>> reference = {{cases.references[0][i]}};
      const auto sentence = CorpusTer({std::span(&cases.hypotheses[i], 1), reference}, options);
      REQUIRE(sentence.ok());
      CHECK_THAT(sentence.value().score, WithinAbs(one.at("sentence")[i].get<double>(), kTolerance));
    }
  }
}

TEST_CASE("moving a block of words is one edit", "[ter]") {
  const std::vector<std::vector<std::string>> reference = {{"a b c d e f g h"}};
  const auto edits = [&](const char* hypothesis) {
    const std::vector<std::string> hypotheses = {hypothesis};
    return CorpusTer({hypotheses, reference}).value().edits;
  };
  CHECK(edits("a b c d e f g h") == 0);
  CHECK(edits("e f g h a b c d") == 1);
  CHECK(edits("a b f g c d e h") == 1);
  CHECK(edits("e f g a b c d x") == 2);
  CHECK(edits("") == 8);
}

TEST_CASE("a corpus whose lines do not match up is an error", "[bleu][chrf][ter]") {
  const std::vector<std::string> hypotheses = {"a", "b"};
  const std::vector<std::vector<std::string>> short_set = {{"a"}};
  const std::vector<std::vector<std::string>> full_set = {{"a", "b"}};
  CHECK(CorpusBleu({hypotheses, short_set}).status().code() == StatusCode::kInvalidArgument);
  CHECK(CorpusChrf({hypotheses, {}}).status().code() == StatusCode::kInvalidArgument);
  CHECK(CorpusTer({{}, full_set}).status().code() == StatusCode::kInvalidArgument);
  CHECK(CorpusChrf({hypotheses, full_set}, {.char_order = 0}).status().code() ==
        StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace earshot
