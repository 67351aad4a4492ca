// Folding batch norms keeps what a graph computes, in every position a norm can have, and says what became of
// each.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "converter/ir/graph_builder.h"
#include "converter/passes/pipeline.h"
#include "tests/support/ir_interpreter.h"

namespace earshot::passes {
namespace {

using ir::Dim;

constexpr int64_t kRows = 9, kChannels = 4;

std::vector<float> Numbers(int64_t count, float first) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(first + 0.37f * static_cast<float>((i * 7) % 11) - 1.5f);
  return values;
}

// The operands after the first one.
struct Builder {
  ir::Graph& graph;
  ir::MethodBuilder& method;

  int Tensor(const std::string& name, int64_t rows, int64_t cols, float first = 0.2f) {
    return method.Constant(ir::AddTensor(graph, name, rows, cols, Numbers(rows * cols, first)));
  }
  int Norm(int in, int64_t cols = kChannels) {
    return method.Apply("norm", ir::ScaleShift{},
                        {in, Tensor("scale", 1, cols), Tensor("shift", 1, cols, 0.6f)});
  }
  int Linear(int in, bool has_bias = true) {
    std::vector<int> inputs = {in, Tensor("linear.w", kChannels, kChannels)};
    if (has_bias) inputs.push_back(Tensor("linear.b", 1, kChannels));
    return method.Apply("linear", ir::Linear{}, inputs);
  }
  int Conv(int in, int64_t padding, int64_t groups = 1) {
    return method.Apply("conv", ir::Conv1d{.kernel = 3, .padding = padding, .groups = groups},
                        {in, Tensor("conv.w", kChannels, 3 * kChannels / groups)});
  }
};

ir::Graph Chain(const std::function<int(Builder&, int)>& build) {
  ir::Graph graph;
  ir::MethodBuilder method(graph, "m");
  const int x = method.AddInput({.name = "x", .rows = Dim::Fixed(kRows), .cols = Dim::Fixed(kChannels)});
  Builder builder = {graph, method};
  method.MakeOutput(build(builder, x), "out");
  REQUIRE(std::move(method).Finish().ok());
  return graph;
}

std::vector<double> Output(const ir::Graph& graph) {
  test::IrInterpreter interpreter(graph);
  std::vector<double> x;
  for (const float value : Numbers(kRows * kChannels, 0.9f)) x.push_back(static_cast<double>(value));
  interpreter.SetInput("x", x);
  interpreter.Run("m", {});
  return interpreter.Read("out");
}

int CountNorms(const ir::Graph& graph) {
  return static_cast<int>(std::ranges::count_if(graph.methods[0].ops, [](const ir::Op& op) {
    return std::holds_alternative<ir::ScaleShift>(op.attributes);
  }));
}

// Runs the passes; the result must compute the same. Weights are f32 and so is what is folded into them: a
// few units in the last place of numbers below 100.
ir::Graph Folded(ir::Graph graph) {
  const std::vector<double> before = Output(graph);
  REQUIRE(RunPasses(graph, Pipeline()).ok());
  const std::vector<double> after = Output(graph);
  REQUIRE(after.size() == before.size());
  for (size_t i = 0; i < after.size(); ++i) CHECK(std::abs(after[i] - before[i]) < 1e-4);
  return graph;
}

TEST_CASE("a norm after a layer vanishes into it") {
  const bool has_bias = GENERATE(false, true);
  const ir::Graph linear = Folded(Chain([&](Builder& b, int x) { return b.Norm(b.Linear(x, has_bias)); }));
  CHECK(CountNorms(linear) == 0);
  CHECK(linear.batch_norms.at(0).fate == "folded backward into linear");
  CHECK(CountNorms(Folded(Chain([](Builder& b, int x) { return b.Norm(b.Conv(x, 1)); }))) == 0);
  CHECK(CountNorms(Folded(Chain([](Builder& b, int x) { return b.Norm(b.Conv(x, 1, kChannels)); }))) == 0);
}

TEST_CASE("a norm before a layer vanishes into it unless that pads") {
  const ir::Graph linear = Folded(Chain([](Builder& b, int x) { return b.Linear(b.Norm(x)); }));
  CHECK(CountNorms(linear) == 0);
  CHECK(linear.batch_norms.at(0).fate == "folded forward into linear");
  const int64_t groups = GENERATE(1, 2, 4);
  CHECK(CountNorms(Folded(Chain([&](Builder& b, int x) { return b.Conv(b.Norm(x), 0, groups); }))) == 0);
  const ir::Graph padded = Folded(Chain([&](Builder& b, int x) { return b.Conv(b.Norm(x), 1, groups); }));
  CHECK(CountNorms(padded) == 1);
  CHECK(padded.batch_norms.at(0).reason.find("pads with zeros") != std::string::npos);
}

TEST_CASE("a nonlinearity on both sides keeps a norm") {
  const ir::Graph graph = Folded(Chain([](Builder& b, int x) {
    const int hidden = b.method.Apply("relu", ir::Activate{ir::Activation::kRelu}, {b.Linear(x)});
    return b.method.Apply("tanh", ir::Activate{ir::Activation::kTanh}, {b.Norm(hidden)});
  }));
  CHECK(CountNorms(graph) == 1);
  CHECK(graph.batch_norms.at(0).fate == "kept as scale and shift");
}

TEST_CASE("a second reader keeps a norm from the layer before, not from the one after") {
  const ir::Graph kept = Folded(Chain([](Builder& b, int x) {
    const int linear = b.Linear(x);
    return b.method.Apply("sum", ir::Add{}, {b.Norm(linear), linear});
  }));
  CHECK(CountNorms(kept) == 1);
  const ir::Graph forward = Folded(
      Chain([](Builder& b, int x) { return b.method.Apply("sum", ir::Add{}, {b.Linear(b.Norm(x)), x}); }));
  CHECK(CountNorms(forward) == 0);
  const ir::Graph two_readers = Folded(Chain([](Builder& b, int x) {
    const int norm = b.Norm(x);
    return b.method.Apply("sum", ir::Add{}, {b.Linear(norm), norm});
  }));
  CHECK(CountNorms(two_readers) == 1);
}

TEST_CASE("two norms in a row both vanish") {
  CHECK(CountNorms(Folded(Chain([](Builder& b, int x) { return b.Norm(b.Norm(b.Linear(x))); }))) == 0);
}

TEST_CASE("weights that another layer shares are copied, not changed") {
  const ir::Graph graph = Folded(Chain([](Builder& b, int x) {
    const int weight = b.Tensor("shared", kChannels, kChannels);
    const int first = b.method.Apply("first", ir::Linear{}, {x, weight});
    return b.method.Apply("second", ir::Linear{}, {b.Norm(first), weight});
  }));
  CHECK(CountNorms(graph) == 0);
}

}  // namespace
}  // namespace earshot::passes
