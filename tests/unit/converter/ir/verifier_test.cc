// A whole graph passes; each way of breaking it is found, and the message says where.
#include "converter/ir/verifier.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "converter/ir/graph_builder.h"

namespace earshot::ir {
namespace {

using Catch::Matchers::ContainsSubstring;

std::vector<float> Zeros(int64_t rows, int64_t cols) {
  return std::vector<float>(static_cast<size_t>(rows * cols));
}

// Every kind of op and value: ids and features of `steps` rows; a cache of 6 rows of which 4 may be written
// at `position`.
Graph MakeGraph() {
  Graph graph;
  const int table = AddTensor(graph, "table", 10, 4, Zeros(10, 4));
  const int positions = AddTensor(graph, "positions", 6, 4, Zeros(6, 4));
  const int gamma = AddTensor(graph, "gamma", 1, 4, Zeros(1, 4));
  const int conv_weight = AddTensor(graph, "conv.weight", 4, 3 * 5, Zeros(4, 15));
  const int weight = AddTensor(graph, "weight", 4, 4, Zeros(4, 4));
  const int bias = AddTensor(graph, "bias", 1, 4, Zeros(1, 4));
  const int cache = AddState(graph, "cache", DType::kF16, 6, 8);

  MethodBuilder method(graph, "run");
  const Dim steps = Dim::Of(method.AddSymbol("steps", 4));
  const Dim position = Dim::Of(method.AddSymbol("position", 5, 0));
  const Dim end = Dim::Of(method.AddSymbol("end", 6));
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = steps, .cols = Dim::Fixed(1)});
  const int features = method.AddInput({.name = "features", .rows = Dim::Of(0, 2), .cols = Dim::Fixed(5)});
  const int tokens = method.Apply("tokens", Embedding{}, {ids, method.Constant(table)});
  const int rows =
      method.View(method.Constant(positions), "rows", {.row_begin = position, .rows = steps, .cols = 4});
  const int sum = method.Apply("sum", Add{}, {tokens, rows});
  const int conv = method.Apply("conv", Conv1d{.kernel = 3, .stride = 2, .padding = 1},
                                {features, method.Constant(conv_weight), method.Constant(bias)});
  const int mixed = method.Apply("mixed", Add{}, {sum, conv});
  const int norm = method.Apply("norm", LayerNorm{}, {mixed, method.Constant(gamma)});
  const int state = method.StateValue(cache);
  const int k = method.View(state, "k", {.row_begin = position, .rows = steps, .col_begin = 0, .cols = 4});
  const int v = method.View(state, "v", {.row_begin = position, .rows = steps, .col_begin = 4, .cols = 4});
  method.ApplyInto("k", Linear{}, {norm, method.Constant(weight)}, k);
  method.ApplyInto("v", Linear{}, {norm, method.Constant(weight), method.Constant(bias)}, v);
  const int keys = method.View(state, "keys", {.rows = end, .col_begin = 0, .cols = 4});
  const int values = method.View(state, "values", {.rows = end, .col_begin = 4, .cols = 4});
  const int attended =
      method.Apply("attended", Attention{.num_heads = 2, .num_kv_heads = 2}, {norm, keys, values});
  const int active = method.Apply("active", Activate{Activation::kRelu}, {attended});
  const int last = method.View(active, "last",
                               {.row_begin = {.symbol = 0, .addend = -1}, .rows = Dim::Fixed(1), .cols = 4});
  const int output = method.AddOutput({.name = "output", .rows = Dim::Fixed(1), .cols = Dim::Fixed(4)});
  method.ApplyInto("output", Linear{}, {last, method.Constant(weight), method.Constant(bias)}, output);
  REQUIRE(std::move(method).Finish().ok());
  return graph;
}

Value& ValueNamed(Graph& graph, const std::string& name) {
  return *std::ranges::find(graph.methods[0].values, name, &Value::name);
}

int IndexOf(Graph& graph, const std::string& name) {
  return static_cast<int>(&ValueNamed(graph, name) - graph.methods[0].values.data());
}

Op& OpNamed(Graph& graph, const std::string& name) {
  return *std::ranges::find(graph.methods[0].ops, name, &Op::name);
}

struct Damage {
  const char* what;     // part of the message
  const char* problem;  // part of the message
  std::function<void(Graph&)> apply;
};

void CheckFound(const std::vector<Damage>& damages) {
  for (const Damage& damage : damages) {
    Graph graph = MakeGraph();
    damage.apply(graph);
    const Status status = Verify(graph);
    INFO(damage.what << " / " << damage.problem << " / got: " << status.message());
    REQUIRE_FALSE(status.ok());
    CHECK(status.code() == StatusCode::kInternal);
    CHECK_THAT(status.message(), ContainsSubstring(damage.what));
    CHECK_THAT(status.message(), ContainsSubstring(damage.problem));
  }
}

TEST_CASE("A whole graph is accepted") {
  const Graph graph = MakeGraph();
  const Status status = Verify(graph);
  INFO(status.message());
  CHECK(status.ok());
}

TEST_CASE("Broken tensors and states are found") {
  CheckFound({
      {"weight", "15 values", [](Graph& g) { g.tensors[4].values.pop_back(); }},
      {"weight", "0 bytes", [](Graph& g) { g.tensors[4].values.clear(); }},
      {"weight", "0 rows", [](Graph& g) { g.tensors[4].rows = 0; }},
      {"weight", "int8",
       [](Graph& g) {
         g.tensors[4].dtype = DType::kI8;
         g.tensors[4].data.resize(16);
         g.tensors[4].scales.resize(12);
       }},
      {"weight", "multiple of 32", [](Graph& g) { g.tensors[4].dtype = DType::kI4; }},
      {"tensor 4", "no name", [](Graph& g) { g.tensors[4].name.clear(); }},
      {"cache", "two states", [](Graph& g) { g.states.push_back(g.states[0]); }},
      {"cache", "cannot be", [](Graph& g) { g.states[0].cols = 0; }},
      {"mel filters", "no tensor 9", [](Graph& g) { g.audio.mel_filters = 9; }},
      {"mel filters", "not 80 x 201", [](Graph& g) { g.audio.mel_filters = 0; }},
  });
}

TEST_CASE("Broken values are found") {
  CheckFound({
      {"weight", "no tensor 99", [](Graph& g) { ValueNamed(g, "weight").tensor = 99; }},
      {"weight", "4 rows and 4 columns", [](Graph& g) { ValueNamed(g, "weight").rows = Dim::Fixed(3); }},
      {"weight", "of type f16", [](Graph& g) { ValueNamed(g, "weight").dtype = DType::kF16; }},
      {"cache", "no state -1", [](Graph& g) { ValueNamed(g, "cache").state = kNone; }},
      {"cache", "same state", [](Graph& g) { g.methods[0].values.push_back(ValueNamed(g, "cache")); }},
      {"tokens", "symbol 7", [](Graph& g) { ValueNamed(g, "tokens").rows = Dim::Of(7); }},
      {"tokens", "int4", [](Graph& g) { ValueNamed(g, "tokens").dtype = DType::kI4; }},
      {"last", "-1 to 2", [](Graph& g) { ValueNamed(g, "last").row_begin.addend = -2; }},
      {"last", "leave its base", [](Graph& g) { ValueNamed(g, "last").row_begin.addend = 0; }},
      {"rows", "leave its base", [](Graph& g) { ValueNamed(g, "rows").row_begin = Dim::Fixed(6); }},
      {"keys", "leave its base", [](Graph& g) { g.methods[0].symbols[2].maximum = 7; }},
      {"values", "5 on, leave its base of 8", [](Graph& g) { ValueNamed(g, "values").col_begin = 5; }},
      {"values", "-1 on", [](Graph& g) { ValueNamed(g, "values").col_begin = -1; }},
      {"last", "view of a view", [](Graph& g) { ValueNamed(g, "last").base = IndexOf(g, "rows"); }},
      {"last", "does not exist", [](Graph& g) { ValueNamed(g, "last").base = 1000; }},
      {"keys", "its base of f16", [](Graph& g) { ValueNamed(g, "keys").dtype = DType::kF32; }},
      {"input or outputs", "ids", [](Graph& g) { ValueNamed(g, "features").name = "ids"; }},
      {"symbol \"steps\"", "from 5 to 4", [](Graph& g) { g.methods[0].symbols[0].minimum = 5; }},
      {"symbols", "two", [](Graph& g) { g.methods[0].symbols[1].name = "steps"; }},
      {"methods", "two", [](Graph& g) { g.methods.push_back(g.methods[0]); }},
  });
}

TEST_CASE("Operands that do not fit are found") {
  CheckFound({
      {"\"norm\" (layer norm)", "value 500", [](Graph& g) { OpNamed(g, "norm").inputs[1] = 500; }},
      {"\"norm\"", "value -1", [](Graph& g) { OpNamed(g, "norm").outputs[0] = kNone; }},
      {"\"norm\"", "1 operands", [](Graph& g) { OpNamed(g, "norm").inputs.pop_back(); }},
      {"\"norm\"", "0 results", [](Graph& g) { OpNamed(g, "norm").outputs.clear(); }},
      {"\"norm\"", "gamma has 4 rows", [](Graph& g) { OpNamed(g, "norm").inputs[1] = IndexOf(g, "weight"); }},
      {"\"tokens\"", "not i32", [](Graph& g) { OpNamed(g, "tokens").inputs[0] = IndexOf(g, "features"); }},
      {"\"conv\"", "15 columns",
       [](Graph& g) { std::get<Conv1d>(OpNamed(g, "conv").attributes).kernel = 5; }},
      {"\"conv\"", "no convolution",
       [](Graph& g) { std::get<Conv1d>(OpNamed(g, "conv").attributes).stride = 0; }},
      {"\"conv\"", "2 * steps", [](Graph& g) { std::get<Conv1d>(OpNamed(g, "conv").attributes).stride = 1; }},
      {"\"conv\"", "steps - 1",
       [](Graph& g) { std::get<Conv1d>(OpNamed(g, "conv").attributes).padding = 0; }},
      {"\"mixed\"", "second operand",
       [](Graph& g) { OpNamed(g, "mixed").inputs[1] = IndexOf(g, "positions"); }},
      {"\"attended\"", "3 heads",
       [](Graph& g) { std::get<Attention>(OpNamed(g, "attended").attributes).num_heads = 3; }},
      {"\"attended\"", "k has 4 columns, not 2",
       [](Graph& g) { std::get<Attention>(OpNamed(g, "attended").attributes).num_kv_heads = 1; }},
      {"\"attended\"", "v has steps rows",
       [](Graph& g) { OpNamed(g, "attended").inputs[2] = IndexOf(g, "v"); }},
      {"\"attended\"", "v is of type f32",
       [](Graph& g) { OpNamed(g, "attended").inputs[2] = IndexOf(g, "norm"); }},
      {"\"sum\"", "\"sum\" is steps x 3", [](Graph& g) { ValueNamed(g, "sum").cols = Dim::Fixed(3); }},
      {"\"output\" (linear)", "4 columns, not 5",
       [](Graph& g) { OpNamed(g, "output").inputs[0] = IndexOf(g, "features"); }},
      {"\"tokens\" (embedding)", "of type i32",
       [](Graph& g) { ValueNamed(g, "tokens").dtype = DType::kI32; }},
  });
}

TEST_CASE("Wrong order of reading and writing is found") {
  CheckFound({
      {"\"sum\"", "before that is written",
       [](Graph& g) { std::swap(g.methods[0].ops[0], g.methods[0].ops[1]); }},
      {"\"mixed\"", "before that is written",
       [](Graph& g) { g.methods[0].ops.erase(g.methods[0].ops.begin() + 2); }},
      {"\"norm\"", "a second time", [](Graph& g) { OpNamed(g, "norm").outputs[0] = IndexOf(g, "mixed"); }},
      {"\"norm\"", "read-only", [](Graph& g) { OpNamed(g, "norm").outputs[0] = IndexOf(g, "rows"); }},
      {"\"v\"", "a second time", [](Graph& g) { OpNamed(g, "v").outputs[0] = IndexOf(g, "k"); }},
      {"\"v\"", "a second time", [](Graph& g) { ValueNamed(g, "v").col_begin = 3; }},
      {"output", "not written", [](Graph& g) { g.methods[0].ops.pop_back(); }},
  });
}

TEST_CASE("Parts of an activation may be written one by one and then read together") {
  Graph graph;
  const int weight = AddTensor(graph, "weight", 2, 4, Zeros(2, 4));
  MethodBuilder method(graph, "run");
  const Dim steps = Dim::Of(method.AddSymbol("steps", 4));
  const int in = method.AddInput({.name = "in", .rows = steps, .cols = Dim::Fixed(4)});
  const int out = method.AddOutput({.name = "out", .rows = steps, .cols = Dim::Fixed(4)});
  const int left = method.View(out, "left", {.rows = steps, .col_begin = 0, .cols = 2});
  const int right = method.View(out, "right", {.rows = steps, .col_begin = 2, .cols = 2});
  method.ApplyInto("left", Linear{}, {in, method.Constant(weight)}, left);
  method.ApplyInto("right", Linear{}, {in, method.Constant(weight)}, right);
  const int middle = method.View(out, "middle", {.rows = steps, .col_begin = 1, .cols = 2});
  method.Apply("middle", Activate{Activation::kRelu}, {middle});
  REQUIRE(std::move(method).Finish().ok());
  CHECK(Verify(graph).ok());

  graph.methods[0].ops.erase(graph.methods[0].ops.begin() + 1);  // the right half
  const Status status = Verify(graph);
  CHECK_THAT(status.message(), ContainsSubstring("\"middle\""));
  graph.methods[0].ops.pop_back();
  CHECK_THAT(Verify(graph).message(), ContainsSubstring("output \"out\" is not written"));
}

TEST_CASE("The builder reports the first op that does not fit") {
  Graph graph;
  const int weight = AddTensor(graph, "weight", 2, 5, Zeros(2, 5));
  MethodBuilder method(graph, "run");
  const int in = method.AddInput({.name = "in", .rows = Dim::Fixed(1), .cols = Dim::Fixed(4)});
  const int bad = method.Apply("narrow", Linear{}, {in, method.Constant(weight)});
  CHECK(bad == kNone);
  method.Apply("later", Activate{}, {bad});
  const Status status = std::move(method).Finish();
  CHECK_THAT(status.message(), ContainsSubstring("\"narrow\""));
  CHECK_THAT(status.message(), ContainsSubstring("5 columns, not 4"));
  CHECK(graph.methods.empty());
}

}  // namespace
}  // namespace earshot::ir
