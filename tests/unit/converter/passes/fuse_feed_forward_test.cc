// Two dense layers with an activation between them become one op.
#include <catch2/catch_test_macros.hpp>

#include "converter/passes/pass.h"
#include "tests/unit/converter/passes/pass_graphs.h"

namespace earshot::passes {
namespace {

using Names = std::vector<std::string>;

// "up" with a ReLU of its own.
int ReluLinear(PassGraph& method, const std::string& name, int in, int64_t cols,
               PassGraph::Bias bias = PassGraph::Bias::kPresent) {
  return method.method().Apply(name, ir::Linear{.activation = ir::Activation::kRelu},
                               method.DenseInputs(name, in, cols, bias));
}

TEST_CASE("two layers with an activation between them become a feed-forward layer") {
  ir::Graph graph;
  PassGraph method(graph);
  method.Finish(method.Linear("ffn.down", ReluLinear(method, "ffn.up", method.x(), 16)));
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(FuseFeedForward(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"ffn.up+down", "y"});
  const ir::Op& fused = FindOp(graph.methods[0], "ffn.up+down");
  CHECK(std::get<ir::FeedForward>(fused.attributes).activation == ir::Activation::kRelu);
  CheckSameOutput(graph, expected);
}

TEST_CASE("hidden rows that something else reads stay") {
  ir::Graph graph;
  PassGraph method(graph);
  const int up = ReluLinear(method, "up", method.x(), 8);
  method.Finish(method.method().Apply("sum", ir::Add{}, {method.Linear("down", up), up}));
  REQUIRE(FuseFeedForward(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"up", "down", "sum", "y"});
}

TEST_CASE("layers without an activation between them, or without a bias, stay two") {
  ir::Graph graph;
  PassGraph method(graph);
  const int plain = method.Linear("down1", method.Linear("up1", method.x(), 16));
  method.Finish(method.Linear("down2", ReluLinear(method, "up2", plain, 16, PassGraph::Bias::kNone)));
  REQUIRE(FuseFeedForward(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"up1", "down1", "up2", "down2", "y"});
}

TEST_CASE("the first layer does not move behind a write to what it reads") {
  ir::Graph graph;
  const int state = ir::AddState(graph, "memory", DType::kF32, 6, 8);
  PassGraph method(graph);
  const int memory = method.Columns("memory", method.method().StateValue(state), 0, 8);
  const int up = ReluLinear(method, "up", memory, 16);  // of what the last run left behind
  method.method().ApplyInto("keep", ir::Activate{}, {method.x()}, memory);
  method.Finish(method.Linear("down", up));
  REQUIRE(FuseFeedForward(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"up", "keep", "down", "y"});
}

TEST_CASE("a result is not written over rows that are still to be read") {
  ir::Graph graph;
  const int state = ir::AddState(graph, "memory", DType::kF32, 6, 8);
  PassGraph method(graph);
  const int memory = method.Columns("memory", method.method().StateValue(state), 0, 8);
  method.LinearInto("down", ReluLinear(method, "up", memory, 16), memory);
  method.Finish(method.x());
  REQUIRE(FuseFeedForward(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"up", "down", "y"});
}

}  // namespace
}  // namespace earshot::passes
