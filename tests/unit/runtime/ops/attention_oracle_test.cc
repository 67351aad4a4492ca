// Attention with patterns, listed keys and a past against its definition, through the whole path of a model
// file.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "converter/ir/dim.h"
#include "tests/unit/runtime/ops/op_testing.h"

namespace earshot::test {
namespace {

using ir::Dim;
using ir::SelectionKind;

// Rounding of f32 over sums of up to a hundred terms of size 1, with a margin of ten.
constexpr double kTolerance = 1e-4;

constexpr int64_t kHeads = 4, kKvHeads = 2, kDim = 3;

ir::Attention WithHeads(std::vector<ir::HeadPattern> heads) {
  return {.num_heads = kHeads,
          .num_kv_heads = kKvHeads,
          .scale = 0.5f,
          .pattern = ir::PatternKind::kHeads,
          .heads = std::move(heads)};
}

// q, k, v of as many rows, then what `beside` adds; it returns the state that is updated, or kNone.
using Beside = std::function<int(ir::Graph&, ir::MethodBuilder&, std::vector<int>&)>;
ir::Graph GraphOf(const ir::Attention& attention, const Beside& beside = nullptr) {
  return OneMethod([&](ir::Graph& graph, ir::MethodBuilder& method) {
    const Dim rows = Dim::Of(method.AddSymbol("length", 40));
    const auto input = [&](const char* name, int64_t heads) {
      return method.AddInput({.name = name, .rows = rows, .cols = Dim::Fixed(heads * kDim)});
    };
    std::vector<int> inputs = {input("q", kHeads), input("k", kKvHeads), input("v", kKvHeads)};
    const int state = beside ? beside(graph, method, inputs) : ir::kNone;
    method.MakeOutput(method.Apply("op", attention, inputs, state), "out");
  });
}

MethodCall Call(int64_t rows, uint32_t seed = 1) {
  return {.inputs = {{"q", Noise(rows * kHeads * kDim, seed)},
                     {"k", Noise(rows * kKvHeads * kDim, seed + 1)},
                     {"v", Noise(rows * kKvHeads * kDim, seed + 2)}},
          .symbols = {{"length", rows}}};
}

TEST_CASE("Attention with every kind of selection") {
  const ir::KeySelection local = {.kind = SelectionKind::kLocal, .left = 3, .right = 2};
  const ir::KeySelection columns = {.kind = SelectionKind::kStrided, .step = 7, .offset = 5, .width = 3};
  const ir::KeySelection bucket = {
      .kind = SelectionKind::kBucket, .left = 1, .right = 2, .step = 5, .offset = 2};
  const ir::KeySelection dilated = {.kind = SelectionKind::kDilated, .left = 4, .right = 3, .step = 3};
  const ir::KeySelection global = {.kind = SelectionKind::kGlobal, .count = 2};
  const ir::KeySelection blocks = {.kind = SelectionKind::kBlocks,
                                   .step = 8,
                                   .block_begins = {0, 2, 4, 7, 9, 11},
                                   .blocks = {0, 3, 0, 1, 1, 2, 2, 0, 3, 2, 4}};
  const bool causal = GENERATE(false, true);
  const int64_t rows = GENERATE(1, 5, 40);
  for (const std::vector<ir::KeySelection>& selections :
       std::vector<std::vector<ir::KeySelection>>{{local},
                                                  {local, columns},
                                                  {bucket},
                                                  {bucket, columns, global},
                                                  {dilated},
                                                  {local, dilated},
                                                  {dilated, global},
                                                  {blocks}}) {
    const ir::HeadPattern head = {.selections = selections, .causal = causal};
    CHECK(DifferenceFromOracle(GraphOf(WithHeads({head})), {Call(rows)}) < kTolerance);
    const ir::HeadPattern other = {.selections = {local}, .causal = true};
    CHECK(DifferenceFromOracle(GraphOf(WithHeads({head, other, other, head})), {Call(rows)}) < kTolerance);
  }
}

// q with a row for each sequence, k and v with all of their keys.
ir::Graph GraphSideBySide(const ir::Attention& attention) {
  return OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const Dim sequences = Dim::Of(method.AddSymbol("sequences", 4)),
              keys = Dim::Of(method.AddSymbol("keys", 40));
    const auto input = [&](const char* name, Dim rows, int64_t heads) {
      return method.AddInput({.name = name, .rows = rows, .cols = Dim::Fixed(heads * kDim)});
    };
    const std::vector<int> inputs = {input("q", sequences, kHeads), input("k", keys, kKvHeads),
                                     input("v", keys, kKvHeads)};
    method.MakeOutput(method.Apply("op", attention, inputs), "out");
  });
}

MethodCall CallSideBySide(int64_t sequences, int64_t keys) {
  return {.inputs = {{"q", Noise(sequences * kHeads * kDim, 1)},
                     {"k", Noise(keys * kKvHeads * kDim, 2)},
                     {"v", Noise(keys * kKvHeads * kDim, 3)}},
          .symbols = {{"sequences", sequences}, {"keys", keys}}};
}

TEST_CASE("Attention of sequences side by side, in any number") {
  const ir::Attention attention = {
      .num_heads = kHeads, .num_kv_heads = kKvHeads, .scale = 0.5f, .side_by_side = true};
  const ir::Graph graph = GraphSideBySide(attention);
  CHECK(DifferenceFromOracle(graph, {CallSideBySide(4, 40), CallSideBySide(1, 7), CallSideBySide(3, 3)}) <
        kTolerance);
  CHECK(RunStatus(graph, CallSideBySide(3, 40)).code() == StatusCode::kInvalidArgument);
}

// As GraphOf, with keys [in_front + a key for every `step` queries, rounded down].
ir::Graph GraphWithKeysInFront(const ir::Attention& attention, int64_t in_front, int64_t step) {
  return OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const Dim rows = Dim::Of(method.AddSymbol("length", 40)),
              keys = AddAndDivide(rows, in_front * step, step);
    const auto input = [&](const char* name, Dim length, int64_t heads) {
      return method.AddInput({.name = name, .rows = length, .cols = Dim::Fixed(heads * kDim)});
    };
    const std::vector<int> inputs = {input("q", rows, kHeads), input("k", keys, kKvHeads),
                                     input("v", keys, kKvHeads)};
    method.MakeOutput(method.Apply("op", attention, inputs), "out");
  });
}

double DifferenceWithKeysInFront(const ir::HeadPattern& head, int64_t rows, int64_t in_front, int64_t step) {
  MethodCall call = Call(rows);
  for (const char* name : {"k", "v"})
    call.inputs[name] = Noise((in_front + rows / step) * kKvHeads * kDim, static_cast<uint32_t>(name[0]));
  return DifferenceFromOracle(GraphWithKeysInFront(WithHeads({head}), in_front, step), {call});
}

TEST_CASE("Attention with keys that stand for others, in front of the queries' own") {
  const int64_t rows = GENERATE(1, 5, 40), in_front = GENERATE(4, 12), step = GENERATE(1, 4);
  const bool causal = GENERATE(false, true);
  const ir::KeySelection paired = {.kind = SelectionKind::kPaired, .count = 4, .step = 8};
  CHECK(DifferenceWithKeysInFront({.selections = {paired}, .causal = causal}, rows, in_front, 1) <
        kTolerance);
  const ir::KeySelection summaries = {.kind = SelectionKind::kSummaries, .count = in_front, .step = step};
  CHECK(DifferenceWithKeysInFront({.selections = {summaries}}, rows, in_front, step) < kTolerance);
}

TEST_CASE("Attention that avoids the query's own key") {
  const ir::KeySelection local = {.kind = SelectionKind::kLocal, .left = 3, .right = 0};
  const ir::KeySelection bucket = {.kind = SelectionKind::kBucket, .left = 4, .step = 4};
  for (const ir::KeySelection& selection : {local, bucket}) {
    const ir::HeadPattern head = {.selections = {selection}, .causal = true, .own_last = true};
    CHECK(DifferenceFromOracle(GraphOf(WithHeads({head})), {Call(1), Call(40)}) < kTolerance);
  }
}

int AddList(ir::Graph&, ir::MethodBuilder& method, std::vector<int>& inputs) {
  const int count = method.AddSymbol("count", 6, 0);
  inputs.push_back(
      method.AddInput({.name = "list", .dtype = DType::kI32, .rows = Dim::Of(count), .cols = Dim::Fixed(1)}));
  return ir::kNone;
}

const ir::KeySelection kListed = {.kind = SelectionKind::kListed};

TEST_CASE("Attention sees the keys that a run lists") {
  const ir::KeySelection local = {.kind = SelectionKind::kLocal, .left = 3, .right = 2};
  const ir::KeySelection dilated = {.kind = SelectionKind::kDilated, .left = 4, .right = 3, .step = 3};
  for (const ir::KeySelection& selection : {local, dilated}) {
    const ir::Graph graph = GraphOf(WithHeads({{.selections = {selection, kListed}}}), AddList);
    for (const std::vector<double>& list :
         std::vector<std::vector<double>>{{}, {0}, {39}, {0, 17, 18, 30}, {0, 1, 2, 3, 4, 5}}) {
      MethodCall call = Call(40);
      call.inputs["list"] = list;
      call.symbols["count"] = static_cast<int64_t>(list.size());
      CHECK(DifferenceFromOracle(graph, {call}) < kTolerance);
    }
  }
}

TEST_CASE("a list that does not ascend, or leaves the keys, is refused") {
  const ir::Graph graph = GraphOf(WithHeads({{.selections = {kListed}}}), AddList);
  for (const std::vector<double>& list : std::vector<std::vector<double>>{{3, 3}, {5, 4}, {-1}, {40}}) {
    MethodCall call = Call(40);
    call.inputs["list"] = list;
    call.symbols["count"] = static_cast<int64_t>(list.size());
    CHECK_THROWS(DifferenceFromOracle(graph, {call}));
  }
}

TEST_CASE("Attention carries its past from run to run, whatever their lengths") {
  const int64_t left = GENERATE(1, 4, 9), spare = GENERATE(0, 3);
  ir::Attention attention = WithHeads(
      {{.selections = {{.kind = SelectionKind::kLocal, .left = left, .right = 0}}, .causal = true}});
  attention.past = true;
  const ir::Graph graph = GraphOf(attention, [&](ir::Graph& g, ir::MethodBuilder& method, auto& inputs) {
    inputs.push_back(
        method.StateValue(ir::AddState(g, "state", DType::kF32, left + spare + 1, 2 * kKvHeads * kDim)));
    return inputs.back();
  });
  std::vector<MethodCall> calls;
  for (const int64_t rows : {3, 1, 1, 1, 7, 1, 30, 1, 1, 2, 1})
    calls.push_back(Call(rows, static_cast<uint32_t>(10 * calls.size() + 1)));
  CHECK(DifferenceFromOracle(graph, calls) < kTolerance);
}

TEST_CASE("ReplaceRows") {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    const Dim rows = Dim::Of(method.AddSymbol("length", 9)), count = Dim::Of(method.AddSymbol("count", 4, 0));
    const int x = method.AddInput({.name = "x", .rows = rows, .cols = Dim::Fixed(5)});
    const int ids =
        method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = count, .cols = Dim::Fixed(1)});
    const int y = method.AddInput({.name = "y", .rows = count, .cols = Dim::Fixed(5)});
    method.MakeOutput(method.Apply("op", ir::ReplaceRows{}, {x, ids, y}), "out");
  });
  for (const std::vector<double>& ids : std::vector<std::vector<double>>{{}, {6}, {0, 3, 6}}) {
    const int64_t count = static_cast<int64_t>(ids.size());
    CHECK(
        DifferenceFromOracle(graph, {{.inputs = {{"x", Noise(35)}, {"ids", ids}, {"y", Noise(5 * count, 2)}},
                                      .symbols = {{"length", 7}, {"count", count}}}}) == 0.0);
  }
}

// What the file says of an attention op, spoiled.
Status Spoiled(const ir::Graph& graph, const std::function<void(fb::AttentionT&)>& spoil) {
  return LoadStatus(ModelFile(
      graph, [&](fb::ModelT& model) { spoil(*model.methods[0]->ops[0]->attributes.AsAttention()); }));
}

TEST_CASE("attention whose operands do not suit its patterns is refused") {
  ir::Attention attention =
      WithHeads({{.selections = {{.kind = SelectionKind::kLocal, .left = 4, .right = 0}}, .causal = true}});
  const ir::Graph plain = GraphOf(attention);
  CHECK(Spoiled(plain, [](fb::AttentionT&) {}).ok());
  CHECK(!Spoiled(plain, [](fb::AttentionT& a) { a.past = true; }).ok());
  CHECK(!Spoiled(plain, [](fb::AttentionT& a) { a.side_by_side = true; }).ok());
  CHECK(!Spoiled(plain, [](fb::AttentionT& a) {
           a.heads[0]->selections[0]->kind = fb::SelectionKind::Listed;
         }).ok());
  attention.past = true;
  const ir::Graph with_past = GraphOf(attention, [&](ir::Graph& g, ir::MethodBuilder& method, auto& inputs) {
    inputs.push_back(method.StateValue(ir::AddState(g, "state", DType::kF32, 5, 2 * kKvHeads * kDim)));
    return inputs.back();
  });
  CHECK(Spoiled(with_past, [](fb::AttentionT&) {}).ok());
  CHECK(!Spoiled(with_past, [](fb::AttentionT& a) { a.past = false; }).ok());
  const Status too_long = Spoiled(with_past, [](fb::AttentionT& a) { a.heads[0]->selections[0]->left = 5; });
  CHECK_THAT(too_long.message(), Catch::Matchers::ContainsSubstring("too short for a window of 5"));
  CHECK(!Spoiled(with_past, [](fb::AttentionT& a) { a.heads[0]->causal = false; }).ok());
}

}  // namespace
}  // namespace earshot::test
