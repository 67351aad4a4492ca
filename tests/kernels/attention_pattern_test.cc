// Which keys the patterns let through.
#include "runtime/attention/attention_pattern.h"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "runtime/attention/attention_job.h"
#include "runtime/attention/patterns/mixed_heads.h"
#include "runtime/attention/patterns/paired_pattern.h"
#include "runtime/attention/patterns/summary_pattern.h"
#include "runtime/attention/patterns/window_pattern.h"
#include "tests/kernels/seen_keys.h"
#include "tests/kernels/test_patterns.h"

namespace earshot {
namespace {

using testing::ForEachBlock;
using testing::Lengths;
using testing::Seen;

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

constexpr Lengths kLengths[] = {{1, 1}, {3, 3}, {16, 16}, {40, 40}, {100, 100}, {5, 43}, {1, 77}, {20, 9}};

TEST_CASE("a window pattern shows the keys of its parts, each once", "[quick]") {
  constexpr auto kStrided = KeysBeyond::kStrided;
  const WindowSpec specs[] = {
      {.left = 4, .right = 4},
      {.left = 7, .right = 0, .causal = true},
      {.left = 0, .right = 9},
      {.global = 5},
      {.beyond = kStrided, .step = 4, .offset = 3},
      {.left = 4, .right = 4, .global = 6},
      {.left = 4, .right = 4, .beyond = kStrided, .step = 8},
      {.left = 3, .right = 6, .global = 9, .beyond = kStrided, .step = 5, .offset = 2},
      {.left = 6, .right = 6, .global = 3, .beyond = kStrided, .step = 7, .causal = true},
      {.left = 1000, .right = 1000},
      {.left = 1000, .right = 1000, .causal = true}};
  for (const WindowSpec& spec : specs) {
    for (const Lengths& lengths : kLengths) {
      const testing::PlainWindow pattern(spec, lengths.queries, lengths.keys);
      ForEachBlock(lengths, [&](const QueryBlock& block) {
        const std::vector<std::vector<int>> seen = Seen(pattern, block);
        for (int64_t row = 0; row < block.num_rows(); ++row) {
          for (int64_t key = 0; key < lengths.keys; ++key) {
            const int expected = pattern.Sees(0, block.query_begin + row, key) ? 1 : 0;
            if (seen[static_cast<size_t>(row)][static_cast<size_t>(key)] != expected)
              FAIL("query " << block.query_begin + row << " of " << lengths.queries << " key " << key
                            << " of " << lengths.keys << " left " << spec.left << " step " << spec.step);
          }
        }
      });
    }
  }
}

TEST_CASE("with pooled keys every key is seen once, in the window by itself", "[quick]") {
  const WindowSpec specs[] = {
      {.beyond = KeysBeyond::kPooled, .step = 8},
      {.left = 4, .right = 4, .beyond = KeysBeyond::kPooled, .step = 8},
      {.left = 9, .right = 2, .global = 5, .beyond = KeysBeyond::kPooled, .step = 3},
      {.left = 6, .right = 0, .beyond = KeysBeyond::kPooled, .step = 4, .causal = true},
      {.left = 2, .right = 2, .global = 7, .beyond = KeysBeyond::kPooled, .step = 16}};
  for (const WindowSpec& spec : specs) {
    const WindowPattern pattern(spec);
    CHECK(pattern.PoolLength(0) == spec.step);
    for (const Lengths& lengths : kLengths) {
      ForEachBlock(lengths, [&](const QueryBlock& block) {
        const std::vector<std::vector<int>> seen = Seen(pattern, block);
        for (int64_t row = 0; row < block.num_rows(); ++row) {
          const int64_t own = block.query_begin + row + lengths.keys - lengths.queries;
          for (int64_t key = 0; key < lengths.keys; ++key) {
            const int expected = spec.causal && key > own ? 0 : 1;
            if (seen[static_cast<size_t>(row)][static_cast<size_t>(key)] != expected)
              FAIL("query " << block.query_begin + row << " of " << lengths.queries << " key " << key
                            << " of " << lengths.keys << " left " << spec.left << " step " << spec.step);
          }
        }
        for (int64_t i = 0; i < pattern.NumRanges(block); ++i) {
          const KeyRange range = pattern.Range(block, i);
          if (range.begin >= range.end) continue;
          CHECK(range.log2_count ==
                (range.source == KeySource::kPooled ? std::log2(static_cast<float>(spec.step)) : 0.0f));
        }
        const KeyRange window = pattern.Range(block, 0);
        const int64_t first = block.query_begin + lengths.keys - lengths.queries;
        if (spec.right >= 0 && first >= 0) {
          CHECK(window.begin <= std::max<int64_t>(0, first - spec.left));
          CHECK(window.end >= std::min(lengths.keys, first + block.num_rows() + spec.right));
        }
        CHECK(window.end - window.begin <= block.num_rows() + spec.left + spec.right + 4 * spec.step);
      });
    }
  }
}

// Fails unless each query sees each key once where `sees` says so, and else not at all.
template <class Sees>
void CheckSeen(const AttentionPattern& pattern, const Lengths& lengths, const Sees& sees) {
  ForEachBlock(lengths, [&](const QueryBlock& block) {
    const std::vector<std::vector<int>> seen = Seen(pattern, block);
    for (int64_t row = 0; row < block.num_rows(); ++row) {
      for (int64_t key = 0; key < lengths.keys; ++key) {
        const int expected = sees(block.query_begin + row, key) ? 1 : 0;
        if (seen[static_cast<size_t>(row)][static_cast<size_t>(key)] != expected)
          FAIL("query " << block.query_begin + row << " of " << lengths.queries << " key " << key << " of "
                        << lengths.keys);
      }
    }
  });
}

TEST_CASE("paired blocks see their group of the front and themselves", "[quick]") {
  const PairedSpec specs[] = {{.queries = 1, .keys = 1},
                              {.queries = 8, .keys = 16},
                              {.queries = 8, .keys = 24, .causal = true},
                              {.queries = 7, .keys = 2},
                              {.queries = 1000, .keys = 1000}};
  for (const PairedSpec& spec : specs) {
    for (const int64_t queries : {1, 16, 43, 100}) {
      for (const int64_t front : {0, 1, 24, 200}) {
        CheckSeen(PairedPattern(spec), {queries, front + queries}, [&](int64_t query, int64_t key) {
          const int64_t block = query / spec.queries, groups = front / spec.keys;
          if (key < front) return groups > 0 && key / spec.keys == std::min(block, groups - 1);
          const int64_t own = key - front;
          return own / spec.queries == block && (!spec.causal || own <= query);
        });
      }
    }
  }
}

TEST_CASE("summaries are seen once all of their positions are past", "[quick]") {
  for (const int64_t always : {0, 1, 3}) {
    for (const int64_t step : {1, 3, 8}) {
      for (const int64_t queries : {1, 5, 24, 25, 26, 100}) {
        const int64_t summaries = (queries + step - 1) / step;
        const Lengths lengths = {queries, always + summaries};
        CheckSeen(SummaryPattern(always, step), lengths, [&](int64_t query, int64_t key) {
          const int64_t last_position = queries - 1 - (lengths.keys - 1 - key) * step;
          return key < always || last_position <= query;
        });
      }
    }
  }
}

TEST_CASE("a window selects few keys of a long sequence", "[quick]") {
  const WindowPattern pattern({.left = 64, .right = 64, .beyond = KeysBeyond::kPooled, .step = 16});
  const QueryBlock block = {
      .head = 0, .query_begin = 720, .query_end = 816, .num_queries = 1500, .num_keys = 1500};
  int64_t num_keys = 0;
  for (int64_t i = 0; i < pattern.NumRanges(block); ++i)
    num_keys += attention::NumKeys(pattern.Range(block, i));
  // The window of 96 queries, at most two groups more, and the means of the rest.
  CHECK(num_keys <= 96 + 2 * 64 + 2 * 16 + (1500 - 96 - 2 * 64) / 16 + 1);
}

TEST_CASE("mixed heads ask the pattern of the head", "[quick]") {
  const FullPattern full;
  const WindowPattern window({.left = 1, .right = 1});
  const WindowPattern pooled({.left = 0, .right = 0, .beyond = KeysBeyond::kPooled, .step = 4});
  const std::array<const AttentionPattern*, 3> heads = {&full, &window, &pooled};
  const MixedHeads mixed(heads);
  CHECK(mixed.PoolLength(0) == 0);
  CHECK(mixed.PoolLength(2) == 4);
  for (int64_t head = 0; head < 3; ++head) {
    const QueryBlock block = {
        .head = head, .query_begin = 1, .query_end = 6, .num_queries = 9, .num_keys = 9};
    CHECK(Seen(mixed, block) == Seen(*heads[static_cast<size_t>(head)], block));
  }
}

}  // namespace
}  // namespace earshot
