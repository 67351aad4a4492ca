// Tables of blocks: what BlockPattern shows, and the kernels with it.
#include "runtime/attention/patterns/block_pattern.h"

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/kernels/attention_testing.h"
#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/seen_keys.h"

namespace earshot {
namespace {

using testing::ForEachBlock;
using testing::Lengths;
using testing::Seen;

// A table drawn at random, in which some rows list nothing and some blocks twice.
struct RandomTable {
  RandomTable(int64_t block, int64_t num_rows, bool causal) {
    testing::Random random(static_cast<uint64_t>(block * 1000 + num_rows));
    begins.push_back(0);
    for (int64_t row = 0; row < num_rows; ++row) {
      for (int64_t key_block = 0; key_block < num_rows && row % 5 != 3; ++key_block) {
        const int64_t draw = random.Below(6);
        for (int64_t i = 0; i < draw - 3; ++i) blocks.push_back(static_cast<uint32_t>(key_block));
      }
      begins.push_back(static_cast<uint32_t>(blocks.size()));
    }
    table = {.block = block, .begins = begins, .blocks = blocks, .causal = causal};
  }

  int Count(int64_t own, int64_t key) const {
    const size_t row = static_cast<size_t>(own / table.block);
    if (own < 0 || row + 1 >= begins.size() || (table.causal && key > own)) return 0;
    int count = 0;
    for (size_t i = begins[row]; i < begins[row + 1]; ++i)
      count += static_cast<int64_t>(blocks[i]) == key / table.block ? 1 : 0;
    return count;
  }

  std::vector<uint32_t> begins;
  std::vector<uint32_t> blocks;
  BlockTable table;
};

TEST_CASE("a table of blocks shows the keys that it lists, as often as it lists them", "[quick]") {
  for (const bool causal : {false, true}) {
    for (const int64_t size : {1, 4, 7, 64}) {
      const RandomTable random(size, 100 / size + 1, causal);
      const BlockPattern pattern(random.table);
      for (const Lengths& lengths : {Lengths{1, 1}, Lengths{100, 100}, Lengths{3, 90}, Lengths{97, 50}}) {
        ForEachBlock(lengths, [&](const QueryBlock& block) {
          const std::vector<std::vector<int>> seen = Seen(pattern, block);
          for (int64_t row = 0; row < block.num_rows(); ++row) {
            const int64_t own = block.query_begin + row + lengths.keys - lengths.queries;
            for (int64_t key = 0; key < lengths.keys; ++key) {
              if (seen[static_cast<size_t>(row)][static_cast<size_t>(key)] != random.Count(own, key))
                FAIL("query at " << own << " key " << key << " blocks of " << size << " causal " << causal);
            }
          }
        });
      }
    }
  }
}

TEST_CASE("queries beyond the table see nothing", "[quick]") {
  const std::vector<uint32_t> begins = {0, 1}, blocks = {0};
  const BlockPattern pattern({.block = 4, .begins = begins, .blocks = blocks});
  const QueryBlock block = {.head = 0, .query_begin = 2, .query_end = 7, .num_queries = 9, .num_keys = 9};
  const std::vector<int> four = {1, 1, 1, 1, 0, 0, 0, 0, 0}, none(9, 0);
  CHECK(Seen(pattern, block) == std::vector<std::vector<int>>{four, four, none, none, none});
  const QueryBlock beyond = {.head = 0, .query_begin = 5, .query_end = 7, .num_queries = 9, .num_keys = 9};
  CHECK(Seen(pattern, beyond) == std::vector<std::vector<int>>{none, none});
}

TEST_CASE("a table of blocks selects few keys of a long sequence", "[quick]") {
  std::vector<uint32_t> begins = {0}, blocks;
  constexpr uint32_t kRows = 512, kPerRow = 5;
  for (uint32_t row = 0; row < kRows; ++row) {
    for (uint32_t i = 0; i < kPerRow; ++i) blocks.push_back(i * (kRows / kPerRow) + row % (kRows / kPerRow));
    begins.push_back(static_cast<uint32_t>(blocks.size()));
  }
  const BlockPattern pattern({.block = 32, .begins = begins, .blocks = blocks});
  const QueryBlock block = {.head = 0,
                            .query_begin = 96 * 50,
                            .query_end = 96 * 51,
                            .num_queries = kRows * 32,
                            .num_keys = kRows * 32};
  CHECK(testing::NumKeysOf(pattern, block) == 3 * kPerRow * 32);  // of three blocks of queries
}

TEST_CASE("the kernels follow tables of blocks", "[quick]") {
  testing::ForEachSimdTarget([] {
    for (const bool causal : {false, true}) {
      const RandomTable random(6, 40, causal);
      const BlockPattern pattern(random.table);
      for (const auto& [queries, keys] : {Lengths{1, 70}, Lengths{5, 70}, Lengths{230, 230}}) {
        const testing::AttentionCase<float> inputs(testing::Shape(4, 2, 16, queries, keys), queries, keys);
        testing::CheckAgainstReference(inputs, inputs.operands(), &pattern);
      }
    }
  });
}

}  // namespace
}  // namespace earshot
