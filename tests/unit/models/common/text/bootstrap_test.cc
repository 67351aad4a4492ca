// Confidence intervals of error rates.
#include "models/common/text/bootstrap.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <random>
#include <vector>

namespace earshot {
namespace {

using Catch::Matchers::WithinAbs;

// `num_clips` clips of one word, wrong with the given probability.
std::vector<ErrorCounts> OneWordClips(int num_clips, double error_probability, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<ErrorCounts> clips;
  for (int i = 0; i < num_clips; ++i) {
    const bool is_wrong = static_cast<double>(generator()) < error_probability * 4294967296.0;
    clips.push_back({.hits = is_wrong ? 0 : 1, .substitutions = is_wrong ? 1 : 0});
  }
  return clips;
}

double TotalRate(const std::vector<ErrorCounts>& clips) {
  ErrorCounts total;
  for (const ErrorCounts& clip : clips) total += clip;
  return total.Rate();
}

TEST_CASE("the interval of one-word clips is the binomial one", "[bootstrap]") {
  const std::vector<ErrorCounts> clips = OneWordClips(400, 0.2, 1);
  const double rate = TotalRate(clips);
  const auto interval = BootstrapRate(clips, {.num_resamples = 4000});
  REQUIRE(interval.ok());
  const double standard_error = std::sqrt(rate * (1 - rate) / 400);
  // A 2.5 % quantile of 4,000 samples is uncertain by sqrt(.025 * .975 / 4000) / .058 = 0.042 standard errors
  // (.058: the normal density there); five times that, and half a step of 1/400.
  const double tolerance = 5 * 0.042 * standard_error + 0.5 / 400;
  CHECK_THAT(interval.value().low, WithinAbs(rate - 1.96 * standard_error, tolerance));
  CHECK_THAT(interval.value().high, WithinAbs(rate + 1.96 * standard_error, tolerance));
}

TEST_CASE("the rate weighs clips by their length", "[bootstrap]") {
  // Every resample of equal clips has the same total rate.
  const std::vector<ErrorCounts> clips(
      7, ErrorCounts{.hits = 6, .substitutions = 1, .insertions = 2, .deletions = 1});
  const auto interval = BootstrapRate(clips);
  REQUIRE(interval.ok());
  CHECK(interval.value().low == 0.5);
  CHECK(interval.value().high == 0.5);
}

TEST_CASE("the seed decides the interval", "[bootstrap]") {
  const std::vector<ErrorCounts> clips = OneWordClips(50, 0.3, 2);
  const auto first = BootstrapRate(clips, {.seed = 5});
  const auto again = BootstrapRate(clips, {.seed = 5});
  const auto other = BootstrapRate(clips, {.num_resamples = 999, .seed = 6});
  REQUIRE((first.ok() && again.ok() && other.ok()));
  CHECK(first.value().low == again.value().low);
  CHECK(first.value().high == again.value().high);
  CHECK((first.value().low != other.value().low || first.value().high != other.value().high));
}

TEST_CASE("pairs make the difference of two systems far more certain than the systems are", "[bootstrap]") {
  const std::vector<ErrorCounts> a = OneWordClips(300, 0.3, 3);
  std::vector<ErrorCounts> b = a;
  for (size_t i = 0; i < 12; ++i) b[i * 20] = {.substitutions = 1};
  const auto interval = BootstrapRateDifference(a, b);
  REQUIRE(interval.ok());
  CHECK(interval.value().low > 0);
  CHECK(interval.value().low < TotalRate(b) - TotalRate(a));
  CHECK(interval.value().high > TotalRate(b) - TotalRate(a));
  CHECK(interval.value().high <
        0.08);  // unpaired it would reach 0.03 + 1.96 * sqrt(2 * .3 * .7 / 300) = 0.10

  const auto same = BootstrapRateDifference(a, a);
  REQUIRE(same.ok());
  CHECK(same.value().low == 0);
  CHECK(same.value().high == 0);
}

TEST_CASE("impossible requests are errors", "[bootstrap]") {
  const std::vector<ErrorCounts> clips(3, ErrorCounts{.hits = 1});
  const std::vector<ErrorCounts> fewer(2, ErrorCounts{.hits = 1});
  CHECK(BootstrapRate({}).status().code() == StatusCode::kInvalidArgument);
  CHECK(BootstrapRate(clips, {.num_resamples = 0}).status().code() == StatusCode::kInvalidArgument);
  CHECK(BootstrapRate(clips, {.confidence = 1.0}).status().code() == StatusCode::kInvalidArgument);
  CHECK(BootstrapRate(clips, {.confidence = std::nan("")}).status().code() == StatusCode::kInvalidArgument);
  CHECK(BootstrapRateDifference(clips, fewer).status().code() == StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace earshot
