// Greedy choice, temperature sampling and the random numbers behind it.
#include "models/common/sampling.h"

#include <array>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "models/common/random.h"

namespace earshot {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

// Logits of the probabilities, moved by a constant that softmax must cancel.
std::vector<float> LogitsOf(const std::vector<double>& probabilities, double shift) {
  std::vector<float> logits;
  for (const double p : probabilities)
    logits.push_back(p > 0 ? static_cast<float>(std::log(p) + shift) : kForbidden);
  return logits;
}

std::vector<double> Frequencies(const std::vector<float>& logits, float temperature, int draws) {
  Pcg32 random(2024);
  std::vector<double> frequencies(logits.size(), 0.0);
  for (int i = 0; i < draws; ++i) {
    const SampledToken sample = SampleToken(logits, temperature, random);
    REQUIRE(sample.token >= 0);
    frequencies.at(static_cast<size_t>(sample.token)) += 1.0 / draws;
  }
  return frequencies;
}

TEST_CASE("PCG32 gives the published sequence") {
  // The output of the generator's reference demo for state 42 and sequence 54.
  Pcg32 random(42, 54);
  for (const uint32_t expected :
       {0xa15c02b7u, 0x7b47f409u, 0xba1d3330u, 0x83d2f293u, 0xbfa4784bu, 0xcbed606eu}) {
    CHECK(random.Next() == expected);
  }
}

TEST_CASE("PCG32 uniform numbers lie from 0 to below 1 and fill it evenly") {
  Pcg32 random(7);
  std::array<int, 10> histogram{};
  for (int i = 0; i < 100000; ++i) {
    const double u = random.NextUnit();
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    ++histogram.at(static_cast<size_t>(u * 10));
  }
  // 10,000 expected with a standard deviation of 95: five of them.
  for (const int count : histogram) CHECK(std::abs(count - 10000) < 475);
}

TEST_CASE("the most likely token comes with its log-probability") {
  const SampledToken best = PickMostLikely(LogitsOf({0.2, 0.5, 0.0, 0.3}, 3.0));
  CHECK(best.token == 1);
  // The kernels' error in a log-sum-exp over 4 numbers of size 3: a few times 2^-23 * 3.
  CHECK(best.logprob == Catch::Approx(std::log(0.5)).margin(2e-6));
}

TEST_CASE("of equally likely tokens the first is chosen") {
  CHECK(PickMostLikely(LogitsOf({0.1, 0.45, 0.45}, 0.0)).token == 1);
}

TEST_CASE("nothing is chosen where everything is forbidden") {
  const std::vector<float> logits(5, kForbidden);
  Pcg32 random(1);
  CHECK(PickMostLikely(logits).token == SampledToken::kNoToken);
  CHECK(SampleToken(logits, 1.0f, random).token == SampledToken::kNoToken);
}

TEST_CASE("sampling at temperature 1 follows the probabilities") {
  const std::vector<double> probabilities = {0.5, 0.0, 0.3, 0.15, 0.05};
  const std::vector<double> frequencies = Frequencies(LogitsOf(probabilities, -20.0), 1.0f, 100000);
  CHECK(frequencies[1] == 0.0);
  // Five standard deviations of a frequency of p = 0.5 over 100,000 draws: 5 * sqrt(0.25 / 1e5).
  for (size_t i = 0; i < probabilities.size(); ++i)
    CHECK(frequencies[i] == Catch::Approx(probabilities[i]).margin(0.008));
}

TEST_CASE("sampling at another temperature follows the probabilities raised to its inverse") {
  const std::vector<double> probabilities = {0.6, 0.3, 0.1};
  // Squares 0.36, 0.09, 0.01 over their sum 0.46.
  const std::vector<double> frequencies = Frequencies(LogitsOf(probabilities, 0.0), 0.5f, 100000);
  CHECK(frequencies[0] == Catch::Approx(0.36 / 0.46).margin(0.008));
  CHECK(frequencies[1] == Catch::Approx(0.09 / 0.46).margin(0.008));
  CHECK(frequencies[2] == Catch::Approx(0.01 / 0.46).margin(0.008));
}

TEST_CASE("a sampled token's log-probability does not depend on the temperature") {
  const std::vector<float> logits = LogitsOf({0.6, 0.3, 0.1}, 5.0);
  Pcg32 random(3);
  for (int i = 0; i < 20; ++i) {
    const SampledToken sample = SampleToken(logits, 2.0f, random);
    const double p = std::array{0.6, 0.3, 0.1}.at(static_cast<size_t>(sample.token));
    CHECK(sample.logprob == Catch::Approx(std::log(p)).margin(4e-6));
  }
}

TEST_CASE("a temperature close to 0 is greedy") {
  const std::vector<double> frequencies = Frequencies(LogitsOf({0.33, 0.34, 0.33}, 0.0), 1e-6f, 100);
  CHECK(frequencies[1] == Catch::Approx(1.0));
}

TEST_CASE("equal seeds draw equal tokens") {
  const std::vector<float> logits(1000, 0.0f);
  Pcg32 a(99), b(99), c(100);
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    const int32_t token = SampleToken(logits, 0.8f, a).token;
    CHECK(token == SampleToken(logits, 0.8f, b).token);
    differs |= token != SampleToken(logits, 0.8f, c).token;
  }
  CHECK(differs);
}

}  // namespace
}  // namespace earshot
