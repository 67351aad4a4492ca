// The full and the causal pattern: which keys they let through.
#include "runtime/attention/attention_pattern.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace earshot {
namespace {

// seen[row][key] how often the row of the block sees the key.
std::vector<std::vector<int>> Seen(const AttentionPattern& pattern, const QueryBlock& block) {
  std::vector<std::vector<int>> seen(static_cast<size_t>(block.num_rows()),
                                     std::vector<int>(static_cast<size_t>(block.num_keys)));
  for (int64_t index = 0; index < pattern.NumRanges(block); ++index) {
    const KeyRange range = pattern.Range(block, index);
    std::vector<KeyLimits> limits(seen.size(), {range.begin, range.end});
    if (!range.exact) pattern.RowLimits(block, index, limits);
    for (size_t row = 0; row < seen.size(); ++row) {
      for (int64_t key = range.begin; key < range.end; key += range.step) {
        if (key >= limits[row].begin && key < limits[row].end) ++seen[row].at(static_cast<size_t>(key));
      }
    }
  }
  return seen;
}

TEST_CASE("the full pattern shows every key to every query", "[quick]") {
  const QueryBlock block = {.head = 1, .query_begin = 2, .query_end = 5, .num_queries = 9, .num_keys = 7};
  CHECK(Seen(FullPattern(), block) == std::vector<std::vector<int>>(3, std::vector<int>(7, 1)));
}

TEST_CASE("the causal pattern shows the keys up to the query, the last query sitting at the last key",
          "[quick]") {
  const QueryBlock square = {.head = 0, .query_begin = 1, .query_end = 4, .num_queries = 4, .num_keys = 4};
  CHECK(Seen(CausalPattern(), square) ==
        std::vector<std::vector<int>>{{1, 1, 0, 0}, {1, 1, 1, 0}, {1, 1, 1, 1}});
  const QueryBlock with_past = {.head = 0, .query_begin = 0, .query_end = 2, .num_queries = 2, .num_keys = 5};
  CHECK(Seen(CausalPattern(), with_past) == std::vector<std::vector<int>>{{1, 1, 1, 1, 0}, {1, 1, 1, 1, 1}});
  const QueryBlock step = {.head = 0, .query_begin = 0, .query_end = 1, .num_queries = 1, .num_keys = 3};
  CHECK(Seen(CausalPattern(), step) == std::vector<std::vector<int>>{{1, 1, 1}});
}

TEST_CASE("causal queries before the first key see nothing", "[quick]") {
  const QueryBlock block = {.head = 0, .query_begin = 0, .query_end = 3, .num_queries = 3, .num_keys = 1};
  CHECK(Seen(CausalPattern(), block) == std::vector<std::vector<int>>{{0}, {0}, {1}});
}

}  // namespace
}  // namespace earshot
