// Recognition of loops at the end of a token sequence.
#include "models/common/repetition.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace earshot {
namespace {

std::vector<int32_t> Repeat(const std::vector<int32_t>& phrase, int copies) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < copies; ++i) tokens.insert(tokens.end(), phrase.begin(), phrase.end());
  return tokens;
}

std::vector<int32_t> operator+(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_CASE("a phrase of eight tokens is a loop at its fifth copy") {
  const std::vector<int32_t> phrase = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<int32_t> before = {10, 11, 12};
  CHECK(RepeatedTailTokens(before + Repeat(phrase, 4), {}) == 0);
  CHECK(RepeatedTailTokens(before + Repeat(phrase, 5), {}) == 32);
}

TEST_CASE("cutting a loop off leaves its phrase once, also in the middle of a round") {
  std::vector<int32_t> tokens =
      std::vector<int32_t>{10, 11} + Repeat({1, 2, 3, 4, 5}, 9) + std::vector<int32_t>{1, 2};
  const int64_t repeated = RepeatedTailTokens(tokens, {});
  tokens.resize(tokens.size() - static_cast<size_t>(repeated));
  CHECK(tokens == std::vector<int32_t>{10, 11, 1, 2, 3, 4, 5});
}

TEST_CASE("a single word said thirty times is no loop yet") {
  CHECK(RepeatedTailTokens(Repeat({1}, 32), {}) == 0);
  CHECK(RepeatedTailTokens(Repeat({1}, 33), {}) == 32);
}

TEST_CASE("a long phrase needs four copies") {
  std::vector<int32_t> phrase;
  for (int32_t i = 0; i < 40; ++i) phrase.push_back(i);
  CHECK(RepeatedTailTokens(Repeat(phrase, 3), {}) == 0);
  CHECK(RepeatedTailTokens(Repeat(phrase, 4), {}) == 120);
}

TEST_CASE("a loop that has ended is none") {
  CHECK(RepeatedTailTokens(Repeat({1, 2, 3, 4}, 20) + std::vector<int32_t>{7}, {}) == 0);
}

TEST_CASE("timestamps that move on do not hide a loop, and are not text") {
  const RepetitionRule rule = {.first_interchangeable_token = 100};
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 9; ++i)
    tokens = tokens + std::vector<int32_t>{100 + 2 * i, 1, 2, 3, 4, 101 + 2 * i};
  // Eight rounds of four text tokens after the first one; the last timestamp of each is interchangeable too.
  CHECK(RepeatedTailTokens(tokens, rule) == 48);
  CHECK(RepeatedTailTokens(tokens, {}) == 0);
  CHECK(RepeatedTailTokens(Repeat({100, 101}, 50), rule) == 0);
}

TEST_CASE("short sequences hold no loop") {
  CHECK(RepeatedTailTokens({}, {}) == 0);
  CHECK(RepeatedTailTokens(std::vector<int32_t>{1}, {}) == 0);
}

}  // namespace
}  // namespace earshot
