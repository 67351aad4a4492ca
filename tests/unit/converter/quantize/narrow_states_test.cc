// Which caches are kept in fewer bits, and what their readers and writers see.
#include "converter/quantize/narrow_states.h"

#include <catch2/catch_test_macros.hpp>
#include <utility>
#include <vector>

#include "converter/ir/graph_builder.h"
#include "converter/ir/verifier.h"

namespace earshot::quantize {
namespace {

constexpr int64_t kHeads = 3, kHeadCols = 8, kWidth = kHeads * kHeadCols, kRows = 10;

int Weight(ir::Graph& graph, const char* name) {
  return ir::AddTensor(graph, name, 2 * kWidth, kWidth, std::vector<float>(2 * kWidth * kWidth, 0.25f));
}

struct CacheGraph {
  int state = ir::kNone;
  ir::Graph graph;
};

// `fill` writes K and V of all rows into the cache, `attend` reads them. With an `odd_reader` a norm reads
// the cache, too.
CacheGraph MakeGraph(bool odd_reader = false) {
  CacheGraph made;
  ir::Graph& graph = made.graph;
  made.state = ir::AddState(graph, "cache", DType::kF32, kRows, 2 * kWidth);
  ir::MethodBuilder fill(graph, "fill");
  const int rows = fill.AddSymbol("rows", kRows);
  const int x = fill.AddInput({.name = "x", .rows = ir::Dim::Of(rows), .cols = ir::Dim::Fixed(kWidth)});
  const int written =
      fill.View(fill.StateValue(made.state), "written", {.rows = ir::Dim::Of(rows), .cols = 2 * kWidth});
  fill.ApplyInto("project", ir::Linear{}, {x, fill.Constant(Weight(graph, "weight"))}, written);
  REQUIRE(std::move(fill).Finish().ok());

  ir::MethodBuilder attend(graph, "attend");
  const int keys = attend.AddSymbol("keys", kRows);
  const int cache = attend.StateValue(made.state);
  const auto half = [&](const char* name, int64_t col_begin) {
    return attend.View(cache, name, {.rows = ir::Dim::Of(keys), .col_begin = col_begin, .cols = kWidth});
  };
  const int k = half("k", 0), v = half("v", kWidth);
  const int q = attend.AddInput({.name = "q", .rows = ir::Dim::Fixed(1), .cols = ir::Dim::Fixed(kWidth)});
  const int out =
      attend.AddOutput({.name = "out", .rows = ir::Dim::Fixed(1), .cols = ir::Dim::Fixed(kWidth)});
  attend.ApplyInto("attend", ir::Attention{.num_heads = kHeads, .num_kv_heads = kHeads}, {q, k, v}, out);
  if (odd_reader) {
    const int gamma = attend.Constant(ir::AddTensor(graph, "gamma", 1, kWidth, std::vector<float>(kWidth)));
    const int norm =
        attend.AddOutput({.name = "norm", .rows = ir::Dim::Of(keys), .cols = ir::Dim::Fixed(kWidth)});
    attend.ApplyInto("norm", ir::LayerNorm{}, {k, gamma}, norm);
  }
  REQUIRE(std::move(attend).Finish().ok());
  return made;
}

const ir::Value& ValueAt(const ir::Method& method, int value) {
  return method.values[static_cast<size_t>(value)];
}

TEST_CASE("a cache in 8 bits has a scale for each row and head, which follow its views") {
  CacheGraph made = MakeGraph();
  KeepStatesInInt8(made.graph, {"ca*"});
  REQUIRE(ir::Verify(made.graph).ok());
  REQUIRE(made.graph.states.size() == 2);
  CHECK(made.graph.states[0].dtype == DType::kI8);
  CHECK(made.graph.states[1].name == "cache_scales");
  CHECK(made.graph.states[1].rows == kRows);
  CHECK(made.graph.states[1].cols == 2 * kHeads);
  CHECK(made.graph.states[0].panel_cols == kHeadCols);
  CHECK(made.graph.states[1].panel_cols == 1);

  const ir::Method& fill = made.graph.methods[0];
  REQUIRE(fill.ops[0].outputs.size() == 2);
  CHECK(ValueAt(fill, fill.ops[0].outputs[0]).dtype == DType::kI8);
  CHECK(ValueAt(fill, fill.ops[0].outputs[1]).cols == ir::Dim::Fixed(2 * kHeads));

  const ir::Method& attend = made.graph.methods[1];
  REQUIRE(attend.ops[0].inputs.size() == 5);
  const ir::Value& k_scales = ValueAt(attend, attend.ops[0].inputs[3]);
  const ir::Value& v_scales = ValueAt(attend, attend.ops[0].inputs[4]);
  CHECK(k_scales.col_begin == 0);
  CHECK(v_scales.col_begin == kHeads);
  CHECK(v_scales.rows == ValueAt(attend, attend.ops[0].inputs[2]).rows);
}

TEST_CASE("a cache in f16 needs no scales") {
  CacheGraph made = MakeGraph();
  KeepStatesInF16(made.graph, {"cache"});
  CHECK(ir::Verify(made.graph).ok());
  REQUIRE(made.graph.states.size() == 1);
  CHECK(made.graph.states[0].dtype == DType::kF16);
  CHECK(made.graph.methods[1].ops[0].inputs.size() == 3);
}

TEST_CASE("a cache that other ops read, or that no pattern names, stays as it is") {
  for (const bool odd_reader : {true, false}) {
    CacheGraph made = MakeGraph(odd_reader);
    const std::vector<std::string> patterns = {odd_reader ? "cache" : "another"};
    KeepStatesInInt8(made.graph, patterns);
    KeepStatesInF16(made.graph, patterns);
    CHECK(ir::Verify(made.graph).ok());
    CHECK(made.graph.states.size() == 1);
    CHECK(made.graph.states[0].dtype == DType::kF32);
  }
}

}  // namespace
}  // namespace earshot::quantize
