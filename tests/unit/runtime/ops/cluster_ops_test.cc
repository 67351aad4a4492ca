// Ops that bring rows together, and attention of those rows, against their definitions in double.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/runtime/ops/op_testing.h"

namespace earshot::test {
namespace {

using ir::Dim;

// Rounding of f32 over sums of up to a hundred terms of size 1, with a margin of ten.
constexpr double kTolerance = 1e-4;

int Input(ir::MethodBuilder& method, const std::string& name, Dim rows, int64_t cols,
          DType dtype = DType::kF32) {
  return method.AddInput({.name = name, .dtype = dtype, .rows = rows, .cols = Dim::Fixed(cols)});
}

// `count` whole numbers in [0, limit).
std::vector<double> Numbers(int64_t count, int64_t limit, uint32_t seed) {
  std::vector<double> values = Noise(count, seed);
  for (double& value : values) value = std::floor((value + 1.0) / 2.0 * static_cast<double>(limit));
  return values;
}

// 1, and 0 for about a quarter of the rows.
std::vector<double> Mask(int64_t rows) {
  std::vector<double> values = Numbers(rows, 4, 11);
  for (double& value : values) value = value > 0.0 ? 1.0 : 0.0;
  return values;
}

TEST_CASE("ArgMax in parts, and of both signs") {
  const bool both_signs = GENERATE(false, true);
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    method.MakeOutput(method.Apply("op", ir::ArgMax{.groups = 5, .both_signs = both_signs},
                                   {Input(method, "x", Dim::Fixed(7), 30)}),
                      "out");
  });
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"x", Noise(7 * 30)}}, .symbols = {}}}) == 0.0);
}

TEST_CASE("Embedding with a part of a row for each id") {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    const int ids = Input(method, "ids", Dim::Fixed(9), 3, DType::kI32);
    method.MakeOutput(method.Apply("op", ir::Embedding{}, {ids, Input(method, "table", Dim::Fixed(6), 12)}),
                      "out");
  });
  CHECK(DifferenceFromOracle(
            graph, {{.inputs = {{"ids", Numbers(27, 6, 2)}, {"table", Noise(72)}}, .symbols = {}}}) == 0.0);
}

TEST_CASE("BucketSort by rounds, chunks and masks") {
  const int64_t rows = GENERATE(8, 24), chunk = GENERATE(0, 4, 8);
  const bool is_masked = GENERATE(false, true), same_bucket = GENERATE(false, true),
             cyclic = GENERATE(false, true);
  ir::BucketSort sort = {.heads = 3,
                         .chunk = static_cast<uint32_t>(chunk),
                         .before = chunk == 0 ? 0u : 2u,
                         .after = chunk == 0 ? 0u : 1u,
                         .cyclic = cyclic,
                         .same_bucket = same_bucket,
                         .masked_last = !same_bucket};
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const Dim length = Dim::Of(method.AddSymbol("eights", 4), 8);
    std::vector<int> inputs = {Input(method, "buckets", length, 6, DType::kI32)};
    if (is_masked) inputs.push_back(Input(method, "mask", length, 1));
    method.MakeOutput(method.Apply("op", sort, inputs), "out");
  });
  Inputs inputs = {{"buckets", Numbers(rows * 6, 5, 3)}};
  if (is_masked) inputs["mask"] = Mask(rows);
  CHECK(DifferenceFromOracle(graph, {{.inputs = inputs, .symbols = {{"eights", rows / 8}}}}) == 0.0);
}

TEST_CASE("TopRows of each cluster, with masks and memories") {
  const uint32_t count = GENERATE(1u, 5u, 12u), memories = GENERATE(0u, 2u);
  const bool is_masked = GENERATE(false, true);
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const Dim length = Dim::Of(method.AddSymbol("length", 20, 12));
    std::vector<int> inputs = {Input(method, "scores", length, 8)};
    if (is_masked) inputs.push_back(Input(method, "mask", length, 1));
    method.MakeOutput(
        method.Apply("op", ir::TopRows{.heads = 2, .count = count, .memories = memories}, inputs), "out");
  });
  // Whole numbers: many scores are equal.
  Inputs inputs = {{"scores", Numbers(17 * 8, 6, 4)}};
  if (is_masked) inputs["mask"] = Mask(17);
  CHECK(DifferenceFromOracle(graph, {{.inputs = inputs, .symbols = {{"length", 17}}}}) == 0.0);
}

TEST_CASE("DropListed") {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    const int x = Input(method, "x", Dim::Fixed(17), 8);
    const int top = method.Apply("top", ir::TopRows{.heads = 2, .count = 5}, {x});
    method.MakeOutput(method.Apply("op", ir::DropListed{}, {x, top}), "out");
  });
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"x", Noise(17 * 8)}}, .symbols = {}}}) == 0.0);
}

constexpr int64_t kHeads = 2, kDim = 5;

// q, k and v of `length` rows, of which k and v have `memories` more; in that order.
std::vector<int> QueriesAndKeys(ir::MethodBuilder& method, Dim length, int64_t memories = 0) {
  Dim keys = length;
  keys.addend += memories;
  return {Input(method, "q", length, kHeads * kDim), Input(method, "k", keys, kHeads * kDim),
          Input(method, "v", keys, kHeads * kDim)};
}

Inputs QueriesAndKeys(int64_t rows, int64_t memories = 0) {
  const int64_t cols = kHeads * kDim;
  return {{"q", Noise(rows * cols, 1)},
          {"k", Noise((rows + memories) * cols, 2)},
          {"v", Noise((rows + memories) * cols, 3)}};
}

TEST_CASE("ClusterAttention over chunks of sorted buckets") {
  const bool is_masked = GENERATE(false, true), causal = GENERATE(false, true),
             same_bucket = GENERATE(false, true);
  const bool pairs_once = GENERATE(false, true);
  const auto own = GENERATE(ir::OwnKey::Seen, ir::OwnKey::OnlyIfAlone);
  // More queries than one tile, and so few that they are attended one by one.
  const int64_t rows = GENERATE(2, 16, 40);
  const int64_t chunk = rows < 8 ? 2 : 8, rounds = 3;
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const Dim length = Dim::Of(method.AddSymbol("chunks", rows / chunk + 1), chunk);
    std::vector<int> inputs = QueriesAndKeys(method, length);
    std::vector<int> sorted = {Input(method, "buckets", length, kHeads * rounds, DType::kI32)};
    if (is_masked) sorted.push_back(Input(method, "mask", length, 1));
    const ir::BucketSort sort = {.heads = kHeads,
                                 .chunk = static_cast<uint32_t>(chunk),
                                 .before = 1,
                                 .cyclic = true,
                                 .same_bucket = same_bucket};
    inputs.push_back(method.Apply("sort", sort, sorted));
    const ir::ClusterAttention attention = {.num_heads = kHeads,
                                            .scale = 0.7f,
                                            .chunk = static_cast<uint32_t>(chunk),
                                            .before = 1,
                                            .causal = causal,
                                            .own = own,
                                            .pairs_once = pairs_once};
    method.MakeOutput(method.Apply("op", attention, inputs), "out");
  });
  Inputs inputs = QueriesAndKeys(rows);
  inputs["buckets"] = Numbers(rows * kHeads * rounds, 4, 5);
  if (is_masked) inputs["mask"] = Mask(rows);
  INFO("rows " << rows << " masked " << is_masked << " causal " << causal << " same bucket " << same_bucket
               << " pairs once " << pairs_once << " own " << static_cast<int>(own));
  CHECK(DifferenceFromOracle(graph, {{.inputs = inputs, .symbols = {{"chunks", rows / chunk}}}}) <
        kTolerance);
}

TEST_CASE("ClusterAttention over windows of neighbours") {
  const bool causal = GENERATE(false, true);
  const auto masked =
      GENERATE(ir::MaskedQuery::Memories, ir::MaskedQuery::AsOthers, ir::MaskedQuery::Everything);
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const Dim length = Dim::Of(method.AddSymbol("chunks", 8), 4);
    std::vector<int> inputs = QueriesAndKeys(method, length);
    const int mask = Input(method, "mask", length, 1);
    const int bucket = method.Apply("bucket", ir::ArgMax{}, {mask});
    inputs.push_back(
        method.Apply("sort", ir::BucketSort{.chunk = 4, .before = 1, .after = 1}, {bucket, mask}));
    const ir::ClusterAttention attention = {
        .num_heads = kHeads, .chunk = 4, .before = 1, .after = 1, .causal = causal, .masked = masked};
    method.MakeOutput(method.Apply("op", attention, inputs), "out");
  });
  Inputs inputs = QueriesAndKeys(28);
  inputs["mask"] = Mask(28);
  CHECK(DifferenceFromOracle(graph, {{.inputs = inputs, .symbols = {{"chunks", 7}}}}) < kTolerance);
}

TEST_CASE("ClusterAttention over the rows nearest to centroids") {
  const bool is_masked = GENERATE(false, true), causal = GENERATE(false, true),
             shares_qk = GENERATE(false, true);
  const uint32_t memories = GENERATE(0u, 3u);
  const auto merge = GENERATE(ir::Merge::LogSumExp, ir::Merge::Mean);
  constexpr int64_t kClusters = 3, kRows = 40;
  const int64_t num_memories = kClusters * int64_t{memories};
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const Dim length = Dim::Of(method.AddSymbol("length", kRows + 5, 16));
    std::vector<int> inputs = QueriesAndKeys(method, length, num_memories);
    const int mask = is_masked ? Input(method, "mask", length, 1) : ir::kNone;
    const auto choose = [&](const std::string& name, uint32_t more) {
      std::vector<int> scores = {Input(method, name, length, kHeads * kClusters)};
      if (is_masked) scores.push_back(mask);
      return method.Apply("top " + name, ir::TopRows{.heads = kHeads, .count = 16, .memories = more}, scores);
    };
    inputs.push_back(choose("query_scores", 0));
    if (!shares_qk || memories > 0) inputs.push_back(choose("key_scores", memories));
    const ir::ClusterAttention attention = {
        .num_heads = kHeads,
        .causal = causal,
        .own = shares_qk ? ir::OwnKey::OnlyIfAlone : ir::OwnKey::Seen,
        .masked = memories == 0 && !shares_qk ? ir::MaskedQuery::Everything : ir::MaskedQuery::Memories,
        .memories = static_cast<uint32_t>(num_memories),
        .merge = merge,
        .epsilon = 1e-5f};
    method.MakeOutput(method.Apply("op", attention, inputs), "out");
  });
  Inputs inputs = QueriesAndKeys(kRows, num_memories);
  inputs["query_scores"] = Noise(kRows * kHeads * kClusters, 6);
  if (!shares_qk || memories > 0) inputs["key_scores"] = Noise(kRows * kHeads * kClusters, shares_qk ? 6 : 7);
  if (is_masked) inputs["mask"] = Mask(kRows);
  INFO("masked " << is_masked << " causal " << causal << " shared " << shares_qk << " memories " << memories);
  CHECK(DifferenceFromOracle(graph, {{.inputs = inputs, .symbols = {{"length", kRows}}}}) < kTolerance);
}

TEST_CASE("an assignment that lists rows which do not exist is refused") {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    std::vector<int> inputs = QueriesAndKeys(method, Dim::Fixed(4));
    inputs.push_back(Input(method, "assignment", Dim::Fixed(4), 2, DType::kI32));
    method.MakeOutput(method.Apply("op", ir::ClusterAttention{.num_heads = kHeads}, inputs), "out");
  });
  Inputs inputs = QueriesAndKeys(4);
  inputs["assignment"] = {0, 0, 1, 0, 2, 0, 3, 0};
  CHECK(RunStatus(graph, {.inputs = inputs, .symbols = {}}).ok());
  for (const double row : {-1.0, 4.0}) {
    inputs["assignment"][6] = row;
    CHECK(RunStatus(graph, {.inputs = inputs, .symbols = {}}).code() == StatusCode::kInvalidArgument);
  }
}

TEST_CASE("buckets below 0 are refused") {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    const int buckets = Input(method, "buckets", Dim::Fixed(4), 1, DType::kI32);
    method.MakeOutput(method.Apply("op", ir::BucketSort{}, {buckets}), "out");
  });
  CHECK(RunStatus(graph, {.inputs = {{"buckets", {0, 2, 1, 0}}}, .symbols = {}}).ok());
  CHECK(RunStatus(graph, {.inputs = {{"buckets", {0, 2, -1, 0}}}, .symbols = {}}).code() ==
        StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace earshot::test
