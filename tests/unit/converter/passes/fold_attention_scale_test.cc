// The scale of attention moves into the weights of q, where it may.
#include <catch2/catch_test_macros.hpp>

#include "converter/passes/pass.h"
#include "tests/unit/converter/passes/pass_graphs.h"

namespace earshot::passes {
namespace {

constexpr float kScale = 0.3f;

ir::Attributes ScaledAttention() { return ir::Attention{.num_heads = 2, .num_kv_heads = 2, .scale = kScale}; }

float ScaleOf(const ir::Graph& graph) {
  return std::get<ir::Attention>(FindOp(graph.methods[0], "attend").attributes).scale;
}

// Runs the pass on a graph where folding is not allowed: nothing may change.
void CheckUntouched(ir::Graph& graph) {
  const std::vector<ir::Tensor> before = graph.tensors;
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(FoldAttentionScale(graph).ok());
  CHECK(ScaleOf(graph) == kScale);
  for (size_t i = 0; i < before.size(); ++i) CHECK(graph.tensors[i].values == before[i].values);
  CheckSameOutput(graph, expected);
}

}  // namespace

TEST_CASE("the scale is multiplied into weight and bias of q alone") {
  ir::Graph graph;
  PassGraph method(graph);
  const int q = method.Linear("q", method.x()), k = method.Linear("k", method.x()),
            v = method.Linear("v", method.x());
  method.Finish(method.method().Apply("attend", ScaledAttention(), {q, k, v}));
  const std::vector<ir::Tensor> before = graph.tensors;
  const std::vector<double> expected = OutputOf(graph);

  REQUIRE(FoldAttentionScale(graph).ok());
  CHECK(ScaleOf(graph) == 1.0f);
  for (size_t i = 0; i < before.size(); ++i) {
    const bool belongs_to_q = before[i].name == "q.weight" || before[i].name == "q.bias";
    for (size_t j = 0; j < before[i].values.size(); ++j) {
      CHECK(graph.tensors[i].values[j] == before[i].values[j] * (belongs_to_q ? kScale : 1.0f));
    }
  }
  CheckSameOutput(graph, expected);
}

TEST_CASE("the scale stays where something else reads q") {
  ir::Graph graph;
  PassGraph method(graph);
  const int q = method.Linear("q", method.x()), k = method.Linear("k", method.x());
  const int mixed = method.method().Apply("attend", ScaledAttention(), {q, k, k});
  method.Finish(method.method().Apply("sum", ir::Add{}, {mixed, q}));
  CheckUntouched(graph);
}

TEST_CASE("the scale stays where q is cut out of something, or something is cut out of q") {
  ir::Graph graph;
  PassGraph method(graph);
  const int qk = method.Linear("qk", method.x(), 16);
  const int q = method.Columns("q", qk, 0, 8), k = method.Columns("k", qk, 8, 8);
  method.Finish(method.method().Apply("attend", ScaledAttention(), {q, k, k}));
  CheckUntouched(graph);
}

TEST_CASE("the scale stays where the weights of q are used twice") {
  ir::Graph graph;
  PassGraph method(graph);
  const std::vector<int> inputs = method.DenseInputs("q", method.x(), 8, PassGraph::Bias::kNone);
  const int q = method.method().Apply("q", ir::Linear{}, inputs);
  const int k = method.method().Apply("k", ir::Linear{}, inputs);
  method.Finish(method.method().Apply("attend", ScaledAttention(), {q, k, k}));
  CheckUntouched(graph);
}

TEST_CASE("the scale stays where q went through an activation function") {
  ir::Graph graph;
  PassGraph method(graph);
  const int q = method.method().Apply("q", ir::Linear{.activation = ir::Activation::kGelu},
                                      method.DenseInputs("q", method.x(), 8, PassGraph::Bias::kPresent));
  const int k = method.Linear("k", method.x());
  method.Finish(method.method().Apply("attend", ScaledAttention(), {q, k, k}));
  CheckUntouched(graph);
}

}  // namespace earshot::passes
