// Buckets, dilated keys, wide columns, listed keys and the past of WindowPattern, against plain statements of
// what a query sees, and the kernels against the scalar twin with them.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/attention/patterns/window_pattern.h"
#include "tests/kernels/attention_testing.h"
#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/seen_keys.h"

namespace earshot {
namespace {

using testing::ForEachBlock;
using testing::Lengths;
using testing::Seen;

constexpr Lengths kLengths[] = {{1, 1}, {5, 5}, {37, 37}, {100, 100}, {4, 43}, {1, 77}, {20, 9}};

constexpr auto kDilated = KeysBeyond::kDilated;
constexpr auto kStrided = KeysBeyond::kStrided;

const WindowSpec kSpecs[] = {
    {.beyond = kDilated, .step = 3, .reach_left = 12, .reach_right = 9},
    {.beyond = kDilated, .step = 16, .causal = true},
    {.beyond = kDilated, .step = 1, .reach_left = 4, .reach_right = 4},
    {.beyond = kDilated, .step = 150, .reach_left = 300, .reach_right = 300},
    {.left = 5, .right = 0, .beyond = kDilated, .step = 6, .causal = true},
    {.left = 2, .right = 3, .global = 7, .beyond = kDilated, .step = 5, .reach_left = 25, .reach_right = 20},
    {.left = 0, .right = 0, .bucket = 8},
    {.left = 8, .right = 8, .causal = true, .bucket = 8},
    {.left = 0, .right = 0, .global = 3, .bucket = 16, .bucket_offset = -3},
    {.left = 1,
     .right = 0,
     .beyond = kStrided,
     .step = 12,
     .offset = 9,
     .causal = true,
     .width = 4,
     .bucket = 12,
     .bucket_offset = 1},
    {.left = 1,
     .right = 0,
     .beyond = kStrided,
     .step = 12,
     .offset = 9,
     .width = 4,
     .bucket = 12,
     .bucket_offset = 1},
    {.left = 6, .right = 0, .causal = true, .own_last = true},
    {.left = 8, .right = 0, .causal = true, .bucket = 8, .own_last = true},
    {.left = 3, .right = 3, .global = 5, .beyond = kStrided, .step = 7, .offset = 2, .width = 7},
};

bool IsInWindow(const WindowSpec& spec, int64_t own, int64_t key) {
  if (spec.bucket == 0) return own - spec.left <= key && key <= own + spec.right;
  int64_t begin = spec.bucket_offset;
  while (begin + spec.bucket <= own) begin += spec.bucket;
  return begin - spec.left <= key && key < begin + spec.bucket + spec.right;
}

bool Sees(const WindowSpec& spec, int64_t own, int64_t key, std::span<const int32_t> listed) {
  if (spec.causal && key > own) return false;
  if (spec.own_last && key == own && own > 0 && IsInWindow(spec, own, own - 1)) return false;
  if (IsInWindow(spec, own, key) || key < spec.global) return true;
  if (std::ranges::find(listed, key) != listed.end()) return true;
  if (spec.beyond == kStrided) return key >= spec.offset && (key - spec.offset) % spec.step < spec.width;
  return spec.beyond == kDilated && (key - own) % spec.step == 0 && own - spec.reach_left <= key &&
         key <= own + spec.reach_right;
}

void CheckSeen(const WindowSpec& spec, const Lengths& lengths, std::span<const int32_t> listed) {
  const WindowPattern pattern(spec);
  ForEachBlock(lengths, [&](QueryBlock block) {
    block.listed = listed;
    const std::vector<std::vector<int>> seen = Seen(pattern, block);
    for (int64_t row = 0; row < block.num_rows(); ++row) {
      const int64_t query = testing::QueryAt(pattern, block, block.query_begin + row);
      const int64_t own = query + lengths.keys - lengths.queries;
      for (int64_t key = 0; key < lengths.keys; ++key) {
        const int expected = Sees(spec, own, key, listed) ? 1 : 0;
        if (seen[static_cast<size_t>(row)][static_cast<size_t>(key)] != expected)
          FAIL("query " << query << " of " << lengths.queries << " key " << key << " of " << lengths.keys
                        << " step " << spec.step << " bucket " << spec.bucket << " left " << spec.left
                        << " listed " << listed.size());
      }
    }
  });
}

TEST_CASE("buckets, dilated keys and columns show their keys, each once", "[quick]") {
  for (const WindowSpec& spec : kSpecs) {
    for (const Lengths& lengths : kLengths) CheckSeen(spec, lengths, {});
  }
}

TEST_CASE("listed keys are seen by all, each once", "[quick]") {
  const std::vector<int32_t> listed = {0, 3, 4, 36};
  for (const Lengths& lengths : kLengths) {
    std::vector<int32_t> below;
    for (const int32_t key : listed) {
      if (key < lengths.keys) below.push_back(key);
    }
    for (const WindowSpec& spec : kSpecs) {
      if (!spec.own_last) CheckSeen(spec, lengths, below);  // which keeps to its window
    }
    CheckSeen({.left = 6, .right = 6}, lengths, below);
    CheckSeen({.left = 6, .right = 0, .global = 2, .causal = true}, lengths, below);
    CheckSeen({}, lengths, below);
  }
}

TEST_CASE("the interleaved order is a permutation by residues", "[quick]") {
  for (const int64_t length : {1, 2, 7, 8, 96, 100}) {
    for (const int64_t step : {1, 2, 3, 8, 99, 150}) {
      std::vector<int64_t> rows;
      for (int64_t position = 0; position < length; ++position)
        rows.push_back(InterleavedRow(position, length, step));
      std::vector<int64_t> expected;
      for (int64_t residue = 0; residue < step; ++residue) {
        CHECK(InterleavedBegin(residue, length, step) == static_cast<int64_t>(expected.size()));
        for (int64_t row = residue; row < length; row += step) expected.push_back(row);
      }
      CHECK(rows == expected);
    }
  }
}

TEST_CASE("a window reaches into the past of the ring", "[quick]") {
  for (const int64_t left : {1, 5, 8}) {
    const WindowPattern pattern({.left = left, .right = 0, .causal = true});
    for (const int64_t capacity : {left, left + 3}) {
      for (int64_t next = 0; next < capacity; ++next) {
        for (int64_t held = 0; held <= capacity; ++held) {
          ForEachBlock({.queries = 11, .keys = 11}, [&](QueryBlock block) {
            block.past = {.capacity = capacity, .next = next, .held = held};
            const std::vector<std::vector<int>> seen = Seen(pattern, block);
            for (int64_t row = 0; row < block.num_rows(); ++row) {
              const int64_t own = block.query_begin + row;
              for (int64_t key = -held; key < block.num_keys; ++key) {
                const int expected = own - left <= key && key <= own ? 1 : 0;
                if (seen[static_cast<size_t>(row)][static_cast<size_t>(held + key)] != expected)
                  FAIL("query " << own << " key " << key << " next " << next << " held " << held);
              }
            }
          });
        }
      }
    }
  }
}

TEST_CASE("sparse windows look at few keys of a long sequence", "[quick]") {
  const QueryBlock block = {
      .head = 0, .query_begin = 4800, .query_end = 4896, .num_queries = 16384, .num_keys = 16384};
  const WindowPattern dilated({.beyond = kDilated, .step = 8, .reach_left = 8 * 64, .reach_right = 8 * 64});
  CHECK(testing::NumKeysOf(dilated, block) <= 2 * (96 + 2 * 64));  // of two residues at most
  const WindowPattern strided({.beyond = kDilated, .step = 128, .causal = true});
  CHECK(testing::NumKeysOf(strided, block) <= 2 * 16384 / 128);
  const WindowPattern fixed(
      {.left = 0, .right = 0, .beyond = kStrided, .step = 128, .offset = 120, .width = 8, .bucket = 128});
  CHECK(testing::NumKeysOf(fixed, block) <= 2 * 128 + 16384 / 16);
}

TEST_CASE("work and memory grow with the selected keys, not with the square of the length", "[quick]") {
  const auto keys_of_all = [](const AttentionPattern& pattern, int64_t length) {
    constexpr int64_t kBlock = 96;
    int64_t keys = 0;
    for (int64_t begin = 0; begin < length; begin += kBlock) {
      keys += testing::NumKeysOf(pattern, {.head = 0,
                                           .query_begin = begin,
                                           .query_end = std::min(begin + kBlock, length),
                                           .num_queries = length,
                                           .num_keys = length});
    }
    return keys;
  };
  for (const WindowSpec& spec :
       {WindowSpec{.left = 32, .right = 32}, WindowSpec{.left = 0, .right = 0, .bucket = 64},
        WindowSpec{.beyond = kDilated, .step = 4, .reach_left = 128, .reach_right = 128}}) {
    const WindowPattern pattern(spec);
    CHECK(keys_of_all(pattern, 16384) <= 17 * keys_of_all(pattern, 1024));
  }
  CHECK(AttentionWorkspaceBytes(testing::Shape(4, 4, 64, 1024, 1024), 1) ==
        AttentionWorkspaceBytes(testing::Shape(4, 4, 64, 1 << 20, 1 << 20), 1));
}

TEST_CASE("the kernels follow sparse windows and listed keys", "[quick]") {
  const std::vector<int32_t> listed = {0, 7, 8, 61};
  testing::ForEachSimdTarget([&] {
    for (const auto& [queries, keys] : {Lengths{1, 70}, Lengths{5, 70}, Lengths{70, 70}, Lengths{230, 230}}) {
      const testing::AttentionCase<float> inputs(testing::Shape(4, 2, 16, queries, keys), queries, keys);
      for (const WindowSpec& spec : kSpecs) {
        const WindowPattern pattern(spec);
        AttentionOperands<float> operands = inputs.operands();
        testing::CheckAgainstReference(inputs, operands, &pattern);
        operands.listed = listed;
        testing::CheckAgainstReference(inputs, operands, &pattern);
      }
    }
  });
}

TEST_CASE("the kernels follow the past", "[quick]") {
  const WindowPattern pattern({.left = 20, .right = 0, .causal = true});
  testing::ForEachSimdTarget([&] {
    for (const int64_t rows : {1, 6, 50, 200}) {
      const testing::AttentionCase<float> inputs(testing::Shape(4, 2, 16, rows, rows), rows, rows);
      const testing::AttentionCase<float> past(testing::Shape(4, 2, 16, 22, 22), 22, 22);
      AttentionOperands<float> operands = inputs.operands();
      operands.past_k = past.k.const_view();
      operands.past_v = past.v.const_view();
      for (const int64_t held : {0, 3, 22}) {
        operands.past = {.capacity = 22, .next = 5, .held = held};
        testing::CheckAgainstReference(inputs, operands, &pattern);
      }
    }
  });
}

}  // namespace
}  // namespace earshot
