// Token lists of fixed capacity.
#include "models/common/token_list.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace earshot {
namespace {

std::vector<int32_t> Content(const TokenList& list) { return {list.tokens().begin(), list.tokens().end()}; }

TEST_CASE("a token list grows to its capacity and shrinks") {
  std::array<int32_t, 3> memory{};
  TokenList list(memory);
  CHECK(list.tokens().empty());
  for (const int32_t token : {4, 5, 6}) list.Append(token);
  CHECK(list.full());
  CHECK(Content(list) == std::vector<int32_t>{4, 5, 6});
  list.Truncate(1);
  CHECK(Content(list) == std::vector<int32_t>{4});
  list.Clear();
  CHECK(list.size() == 0);
}

TEST_CASE("the oldest tokens make room for new ones") {
  std::array<int32_t, 5> memory{};
  TokenList list(memory);
  const std::vector<int32_t> three = {1, 2, 3}, four = {4, 5, 6, 7}, seven = {10, 11, 12, 13, 14, 15, 16};
  list.AppendAndForget(three);
  CHECK(Content(list) == three);
  list.AppendAndForget(four);
  CHECK(Content(list) == std::vector<int32_t>{3, 4, 5, 6, 7});
  list.AppendAndForget({});
  CHECK(Content(list) == std::vector<int32_t>{3, 4, 5, 6, 7});
  list.AppendAndForget(seven);
  CHECK(Content(list) == std::vector<int32_t>{12, 13, 14, 15, 16});
}

}  // namespace
}  // namespace earshot
