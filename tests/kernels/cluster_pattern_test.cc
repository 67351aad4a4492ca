// Which keys rows that were brought together see, place by place, for every block of queries.
#include "runtime/attention/patterns/cluster_pattern.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/attention/attention_job.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot {
namespace {

struct List {
  std::vector<int32_t> rows;
  std::vector<int32_t> classes;

  ClusterList view() const { return {rows, classes}; }
};

// Lists of `rounds` times all rows, and of their neighbouring chunks, as an op would make them: in the order
// of random buckets, chunks ordered by class and row. Classes are buckets of a round, or there is one for
// all. Some rows are masked.
struct Assignment {
  Assignment(const ClusterSpec& spec, int64_t num_rows, int64_t rounds, bool one_class) {
    constexpr int64_t kBuckets = 4;
    testing::Random random(static_cast<uint64_t>(num_rows));
    std::vector<bool> masked;
    for (int64_t row = 0; row < num_rows; ++row) masked.push_back(random.Below(4) == 0);
    std::vector<std::pair<int32_t, int32_t>> places;
    positions.resize(static_cast<size_t>(num_rows * rounds));
    for (int64_t round = 0; round < rounds; ++round) {
      std::vector<std::pair<int32_t, int32_t>> of_round;
      for (int64_t row = 0; row < num_rows; ++row) {
        const int64_t number = random.Below(kBuckets) * rounds + round;
        of_round.emplace_back(static_cast<int32_t>(2 * number), static_cast<int32_t>(row));
      }
      std::ranges::sort(of_round);
      for (auto& [row_class, row] : of_round) {
        if (one_class) row_class = 0;
        row_class += masked[static_cast<size_t>(row)] ? 1 : 0;
      }
      places.insert(places.end(), of_round.begin(), of_round.end());
    }
    const int64_t chunk = spec.chunk == 0 ? std::ssize(places) : spec.chunk;
    for (auto begin = places.begin(); begin != places.end(); begin += chunk) std::sort(begin, begin + chunk);
    for (const auto& [row_class, row] : places) {
      positions[queries.rows.size() / static_cast<size_t>(num_rows) * static_cast<size_t>(num_rows) +
                static_cast<size_t>(row)] = static_cast<int32_t>(queries.rows.size());
      queries.rows.push_back(row);
      queries.classes.push_back(row_class);
    }
    const int64_t count = std::ssize(queries.rows);
    for (int64_t at = -spec.before * spec.chunk; at < count + spec.after * spec.chunk; ++at) {
      const size_t turned = static_cast<size_t>((at + count * (spec.before + 1)) % count);
      keys.rows.push_back(queries.rows[turned]);
      keys.classes.push_back(queries.classes[turned]);
    }
  }

  ClusterHead head() const { return {queries.view(), keys.view(), positions}; }

  List queries, keys;
  std::vector<int32_t> positions;
};

// How much the key at place `j` counts for the query at place `i`, by the words of the header.
double Weight(const ClusterSpec& spec, const ClusterHead& head, int64_t i, int64_t j) {
  const auto query = [&](int64_t at) {
    return std::pair(head.queries.rows[static_cast<size_t>(at)],
                     head.queries.classes[static_cast<size_t>(at)]);
  };
  const int32_t row = query(i).first, row_class = query(i).second;
  const int32_t key = head.keys.rows[static_cast<size_t>(j)],
                key_class = head.keys.classes[static_cast<size_t>(j)];
  const int64_t chunk = spec.chunk;
  if (chunk > 0 && (j / chunk < i / chunk || j / chunk > i / chunk + spec.before + spec.after)) return 0.0;
  const bool is_masked = row_class % 2 != 0, is_memory = key >= spec.memory_begin;
  const int32_t own_class = row_class - (is_masked ? 1 : 0);
  if (is_masked && spec.masked == MaskedQueries::kEverything)
    return key_class == own_class || key_class == own_class + 1 ? 1.0 : 0.0;
  if (key_class != own_class || (spec.hides_own && key == row)) return 0.0;
  if (is_masked && spec.masked == MaskedQueries::kMemories && !is_memory) return 0.0;
  if (spec.causal && key > row && !is_memory) return 0.0;
  if (!spec.pairs_once) return 1.0;
  const int64_t num_places = std::ssize(head.queries.rows);
  int64_t count = 0;
  for (int64_t a = 0; a < num_places; ++a) {
    for (int64_t b = a / spec.num_rows * spec.num_rows; b < (a / spec.num_rows + 1) * spec.num_rows; ++b) {
      if (query(a).first != row || query(b).first != key || query(a).second != query(b).second) continue;
      for (int64_t back = -spec.after; back <= spec.before; ++back)
        count += (a / chunk - b / chunk - back) % (num_places / chunk) == 0 ? 1 : 0;
    }
  }
  return 1.0 / (static_cast<double>(count) + 1e-9);
}

// weights[row][place of the key], summed over the ranges in which the row sees it.
std::vector<std::vector<double>> Weights(const AttentionPattern& pattern, const QueryBlock& block) {
  std::vector<std::vector<double>> weights(static_cast<size_t>(block.num_rows()),
                                           std::vector<double>(static_cast<size_t>(block.num_keys)));
  for (int64_t index = 0; index < pattern.NumRanges(block); ++index) {
    const KeyRange range = pattern.Range(block, index);
    std::vector<KeyLimits> limits(weights.size(), {range.begin, range.end});
    if (!range.exact) pattern.RowLimits(block, index, limits);
    for (size_t row = 0; row < weights.size(); ++row) {
      for (int64_t key = range.begin; key < range.end; key += range.step) {
        if (key < limits[row].begin || key >= limits[row].end) continue;
        weights[row].at(static_cast<size_t>(key)) += std::exp2(static_cast<double>(range.log2_count));
      }
    }
  }
  return weights;
}

void CheckBlock(const ClusterSpec& spec, const ClusterHead& head, const QueryBlock& block) {
  const std::vector<std::vector<double>> weights = Weights(ClusterPattern(spec, {&head, 1}), block);
  for (int64_t row = 0; row < block.num_rows(); ++row) {
    for (int64_t key = 0; key < block.num_keys; ++key) {
      const double want = Weight(spec, head, block.query_begin + row, key);
      const double got = weights[static_cast<size_t>(row)][static_cast<size_t>(key)];
      // Weights are rounded as their logarithm, at most 30 to base 2; a lonely query's own one is 0.
      if (!(std::abs(got - want) <= 1e-5 * want))
        FAIL("query at " << block.query_begin + row << " key at " << key << ": " << got << " != " << want
                         << "; chunk " << spec.chunk << " causal " << spec.causal);
    }
  }
}

void CheckAllBlocks(const ClusterSpec& spec, const Assignment& assignment) {
  const ClusterHead head = assignment.head();
  const int64_t num_queries = std::ssize(head.queries.rows), num_keys = std::ssize(head.keys.rows);
  for (int64_t begin = 0; begin < num_queries; begin += 5) {
    for (const int64_t rows : {1, 6, 30, 96}) {
      const int64_t end = std::min(num_queries, begin + rows);
      CheckBlock(spec, head,
                 {.head = 0,
                  .query_begin = begin,
                  .query_end = end,
                  .num_queries = num_queries,
                  .num_keys = num_keys});
    }
  }
}

TEST_CASE("clusters show the keys of the query's class", "[quick]") {
  for (const MaskedQueries masked :
       {MaskedQueries::kMemories, MaskedQueries::kAsOthers, MaskedQueries::kEverything}) {
    for (const bool causal : {false, true}) {
      for (const bool hides_own : {false, true}) {
        const ClusterSpec spec = {
            .causal = causal, .hides_own = hides_own, .masked = masked, .memory_begin = 33};
        CheckAllBlocks(spec, Assignment(spec, 40, 1, false));
      }
    }
  }
}

TEST_CASE("clusters in chunks show those of neighbouring chunks", "[quick]") {
  for (const bool one_class : {false, true}) {
    for (const bool causal : {false, true}) {
      for (const bool hides_own : {false, true}) {
        ClusterSpec spec = {.chunk = 8, .before = 1, .after = 1, .causal = causal, .hides_own = hides_own};
        CheckAllBlocks(spec, Assignment(spec, 48, 2, one_class));
        spec.after = 0;
        spec.pairs_once = true;
        spec.num_rows = 24;
        CheckAllBlocks(spec, Assignment(spec, 24, 3, one_class));
      }
    }
  }
}

TEST_CASE("a query that sees nothing else sees itself, and counts next to nothing", "[quick]") {
  const ClusterSpec spec = {.causal = true, .hides_own = true};
  const List list = {.rows = {3, 7, 5}, .classes = {0, 0, 1}};  // the last one is masked
  const ClusterHead head = {list.view(), list.view(), {}};
  const ClusterPattern pattern(spec, {&head, 1});
  const QueryBlock block = {.head = 0, .query_begin = 0, .query_end = 3, .num_queries = 3, .num_keys = 3};
  std::vector<KeyLimits> limits(3);
  const int64_t last = pattern.NumRanges(block) - 1;
  pattern.RowLimits(block, last, limits);
  CHECK(limits[0].begin == 0);
  CHECK(limits[0].end == 1);
  CHECK(limits[1].begin >= limits[1].end);
  CHECK(limits[2].begin == 2);
  CHECK(limits[2].end == 3);
  CHECK(pattern.Range(block, last).log2_count < -50000.0f);
}

TEST_CASE("chunks select few keys of a long list", "[quick]") {
  const ClusterSpec spec = {.chunk = 64, .before = 1, .causal = true, .hides_own = true};
  const Assignment assignment(spec, 1024, 4, true);
  const ClusterHead head = assignment.head();
  const ClusterPattern pattern(spec, {&head, 1});
  const QueryBlock block = {
      .head = 0, .query_begin = 960, .query_end = 1056, .num_queries = 4096, .num_keys = 4160};
  for (int64_t i = 0; i < pattern.NumRanges(block); ++i)
    CHECK(attention::NumKeys(pattern.Range(block, i)) <= 96 + 64);
}

}  // namespace
}  // namespace earshot
