// Dense layers over one input become one, where their results can lie side by side.
#include <catch2/catch_test_macros.hpp>

#include "converter/passes/pass.h"
#include "tests/unit/converter/passes/pass_graphs.h"

namespace earshot::passes {
namespace {

using Names = std::vector<std::string>;
constexpr auto kNoBias = PassGraph::Bias::kNone;

std::vector<float> Concatenate(std::vector<float> a, const std::vector<float>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const std::vector<float>& ValuesOf(const ir::Graph& graph, const std::string& tensor) {
  return std::ranges::find(graph.tensors, tensor, &ir::Tensor::name)->values;
}

}  // namespace

TEST_CASE("q, k and v become columns of one activation") {
  ir::Graph graph;
  PassGraph method(graph);
  const int q = method.Linear("block.q", method.x()), k = method.Linear("block.k", method.x(), 8, kNoBias);
  const int v = method.Linear("block.v", method.x());
  method.Finish(method.method().Apply("attend", ir::Attention{.num_heads = 2, .num_kv_heads = 2}, {q, k, v}));
  const std::vector<double> expected = OutputOf(graph);

  REQUIRE(FuseLinearSiblings(graph).ok());
  const ir::Method& run = graph.methods[0];
  CHECK(OpNames(run) == Names{"block.q+k+v", "attend", "y"});
  const ir::Op& fused = FindOp(run, "block.q+k+v");
  const ir::Tensor& weight = OperandOf(graph, run, fused, 1);
  CHECK(weight.name == "block.q+k+v.weight");
  CHECK(weight.rows == 24);
  CHECK(weight.cols == 8);
  CHECK(weight.values ==
        Concatenate(Concatenate(ValuesOf(graph, "block.q.weight"), ValuesOf(graph, "block.k.weight")),
                    ValuesOf(graph, "block.v.weight")));
  // k had no bias: zeros in its place.
  CHECK(OperandOf(graph, run, fused, 2).values ==
        Concatenate(Concatenate(ValuesOf(graph, "block.q.bias"), std::vector<float>(8, 0.0f)),
                    ValuesOf(graph, "block.v.bias")));
  for (size_t i = 0; i < 3; ++i) {
    const ir::Value& part = run.values[static_cast<size_t>(FindOp(run, "attend").inputs[i])];
    CHECK(part.kind == ir::ValueKind::kView);
    CHECK(part.base == fused.outputs[0]);
    CHECK(part.col_begin == 8 * static_cast<int64_t>(i));
  }
  CheckSameOutput(graph, expected);
}

TEST_CASE("without any bias there is none afterwards, and widths may differ") {
  ir::Graph graph;
  PassGraph method(graph);
  const int a = method.Linear("a", method.x(), 4, kNoBias), b = method.Linear("b", method.x(), 12, kNoBias);
  const int c = method.Linear("c", a, 8), d = method.Linear("d", b, 8);
  method.Finish(method.method().Apply("sum", ir::Add{}, {c, d}));
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(FuseLinearSiblings(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"a+b", "c", "d", "sum", "y"});
  CHECK(graph.methods[0].ops[0].inputs.size() == 2);
  CheckSameOutput(graph, expected);
}

TEST_CASE("views of a result that became columns move with it") {
  ir::Graph graph;
  PassGraph method(graph);
  const int a = method.Linear("a", method.x(), 8), b = method.Linear("b", method.x(), 16);
  const int right = method.Columns("right", b, 8, 8);
  method.Finish(method.method().Apply("sum", ir::Add{}, {a, right}));
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(FuseLinearSiblings(graph).ok());
  const ir::Value& moved = graph.methods[0].values[static_cast<size_t>(right)];
  CHECK(moved.col_begin == 16);
  CHECK(moved.base == graph.methods[0].ops[0].outputs[0]);
  CheckSameOutput(graph, expected);
}

TEST_CASE("k and v of a cache become one write, and q stays apart") {
  ir::Graph graph;
  const int state = ir::AddState(graph, "cache", DType::kF32, 6, 16);
  PassGraph method(graph);
  const int cache = method.method().StateValue(state);
  // v first: the columns decide what lies where, not the order of the ops.
  const int keys = method.Columns("k", cache, 0, 8), values = method.Columns("v", cache, 8, 8);
  method.LinearInto("self.v", method.x(), values);
  method.LinearInto("self.k", method.x(), keys, kNoBias);
  const int q = method.Linear("self.q", method.x());
  method.Finish(
      method.method().Apply("attend", ir::Attention{.num_heads = 2, .num_kv_heads = 2}, {q, keys, values}));
  const std::vector<double> expected = OutputOf(graph);

  REQUIRE(FuseLinearSiblings(graph).ok());
  const ir::Method& run = graph.methods[0];
  CHECK(OpNames(run) == Names{"self.k+v", "self.q", "attend", "y"});
  const ir::Op& fused = FindOp(run, "self.k+v");
  const ir::Value& result = run.values[static_cast<size_t>(fused.outputs[0])];
  CHECK(result.kind == ir::ValueKind::kView);
  CHECK(result.base == cache);
  CHECK(result.col_begin == 0);
  CHECK(result.cols == ir::Dim::Fixed(16));
  CHECK(OperandOf(graph, run, fused, 1).values ==
        Concatenate(ValuesOf(graph, "self.k.weight"), ValuesOf(graph, "self.v.weight")));
  CHECK(OperandOf(graph, run, fused, 2).values ==
        Concatenate(std::vector<float>(8, 0.0f), ValuesOf(graph, "self.v.bias")));
  CheckSameOutput(graph, expected);
}

TEST_CASE("writes with a gap between them, or into different states, stay apart") {
  ir::Graph graph;
  const int first = ir::AddState(graph, "first", DType::kF32, 6, 32);
  const int second = ir::AddState(graph, "second", DType::kF32, 6, 8);
  PassGraph method(graph);
  const int a = method.Columns("a", method.method().StateValue(first), 0, 8);
  const int b = method.Columns("b", method.method().StateValue(first), 16, 8);
  const int c = method.Columns("c", method.method().StateValue(second), 0, 8);
  method.LinearInto("a", method.x(), a);
  method.LinearInto("b", method.x(), b);
  method.LinearInto("c", method.x(), c);
  method.Finish(method.method().Apply("attend", ir::Attention{}, {a, b, c}));
  REQUIRE(FuseLinearSiblings(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"a", "b", "c", "attend", "y"});
}

TEST_CASE("a write does not move before a read of what the last run left there") {
  ir::Graph graph;
  const int state = ir::AddState(graph, "cache", DType::kF32, 6, 16);
  PassGraph method(graph);
  const int cache = method.method().StateValue(state);
  const int keys = method.Columns("k", cache, 0, 8), values = method.Columns("v", cache, 8, 8);
  method.LinearInto("k", method.x(), keys);
  const int old = method.method().Apply("old", ir::Add{}, {method.x(), values});
  method.LinearInto("v", method.x(), values);
  method.Finish(old);
  REQUIRE(FuseLinearSiblings(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"k", "old", "v", "y"});
}

TEST_CASE("layers with other inputs, functions, rows or shared weights stay apart") {
  ir::Graph graph;
  PassGraph method(graph);
  const int a = method.Linear("a", method.x());
  const int b = method.Linear("b", a);  // another input
  const int c = method.method().Apply("c", ir::Linear{.activation = ir::Activation::kRelu},
                                      method.DenseInputs("c", method.x(), 8, kNoBias));
  const std::vector<int> shared = method.DenseInputs("shared", method.x(), 8, kNoBias);
  const int d = method.method().Apply("d", ir::Linear{}, shared);
  const int e = method.method().Apply("e", ir::Linear{}, shared);
  int sum = method.method().Apply("sum1", ir::Add{}, {b, c});
  sum = method.method().Apply("sum2", ir::Add{}, {sum, d});
  method.Finish(method.method().Apply("sum3", ir::Add{}, {sum, e}));
  REQUIRE(FuseLinearSiblings(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"a", "b", "c", "d", "e", "sum1", "sum2", "sum3", "y"});
}

}  // namespace earshot::passes
