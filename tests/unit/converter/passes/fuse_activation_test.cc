// Activation functions move into the layers before them.
#include <catch2/catch_test_macros.hpp>

#include "converter/passes/pass.h"
#include "tests/unit/converter/passes/pass_graphs.h"

namespace earshot::passes {
namespace {

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a dense layer and a convolution apply the function that follows") {
  ir::Graph graph;
  PassGraph method(graph);
  const int conv = method.method().Apply("conv", ir::Conv1d{.kernel = 3, .padding = 1},
                                         {method.x(), method.Weight("conv.weight", 8, 24)});
  const int gelu = method.method().Apply("gelu", ir::Activate{.activation = ir::Activation::kGelu}, {conv});
  method.Finish(method.Linear("down", method.Relu("relu", method.Linear("up", gelu, 16))));
  const std::vector<double> expected = OutputOf(graph);

  REQUIRE(FuseActivation(graph).ok());
  // "y" has no function to apply: it became part of "down" too.
  CHECK(OpNames(graph.methods[0]) == Names{"conv", "up", "down"});
  CHECK(std::get<ir::Conv1d>(FindOp(graph.methods[0], "conv").attributes).activation ==
        ir::Activation::kGelu);
  CHECK(std::get<ir::Linear>(FindOp(graph.methods[0], "up").attributes).activation == ir::Activation::kRelu);
  CheckSameOutput(graph, expected);
}

TEST_CASE("a result that something else reads keeps its own place") {
  ir::Graph graph;
  PassGraph method(graph);
  const int up = method.Linear("up", method.x());
  method.Finish(method.method().Apply("sum", ir::Add{}, {method.Relu("relu", up), up}));
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(FuseActivation(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"up", "relu", "sum", "y"});
  CheckSameOutput(graph, expected);
}

TEST_CASE("a result of which something reads a part keeps its own place") {
  ir::Graph graph;
  PassGraph method(graph);
  const int up = method.Linear("up", method.x(), 16);
  const int relu = method.Relu("relu", up);
  method.Finish(method.method().Apply(
      "sum", ir::Add{}, {method.Columns("left", relu, 0, 8), method.Columns("right", up, 8, 8)}));
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(FuseActivation(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"up", "relu", "sum", "y"});
  CheckSameOutput(graph, expected);
}

TEST_CASE("two functions in a row: only the first is taken in") {
  ir::Graph graph;
  PassGraph method(graph);
  const int relu = method.Relu("relu", method.Linear("up", method.x()));
  const int tanh = method.method().Apply("tanh", ir::Activate{.activation = ir::Activation::kTanh}, {relu});
  method.Finish(method.Linear("down", tanh));
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(FuseActivation(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"up", "tanh", "down"});
  CheckSameOutput(graph, expected);
}

TEST_CASE("a result is not written earlier into memory that is still read") {
  ir::Graph graph;
  const int state = ir::AddState(graph, "memory", DType::kF32, 6, 8);
  PassGraph method(graph);
  const int memory = method.Columns("memory", method.method().StateValue(state), 0, 8);
  const int up = method.Linear("up", method.x());
  const int old =
      method.method().Apply("old", ir::Add{}, {method.x(), memory});  // what the last run left behind
  method.method().ApplyInto("relu", ir::Activate{.activation = ir::Activation::kRelu}, {up}, memory);
  method.Finish(old);
  REQUIRE(FuseActivation(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"up", "old", "relu", "y"});
}

}  // namespace earshot::passes
