// Whole plans: blocks, methods, and what the verifier says of them.
#include "converter/plan/memory_planner.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "converter/plan/plan_report.h"
#include "converter/plan/plan_verifier.h"
#include "tests/unit/converter/plan/plan_graphs.h"

namespace earshot::plan {
namespace {

constexpr uint64_t kRowBytes = 4 * PlanGraph::kMaxSteps;  // of one column at the largest number of steps: 64

}  // namespace

TEST_CASE("sizes are those of the longest run") {
  ir::Graph graph;
  PlanGraph method(graph);
  REQUIRE(method.Finish(method.Linear("x", method.Input("in", 8), 32)).ok());
  REQUIRE(PlanMemory(graph).ok());
  CHECK(graph.memory_plan.activation_lower_bound_bytes == 32 * kRowBytes);
  CHECK(graph.memory_plan.activation_bytes == 32 * kRowBytes + kReadableTailBytes);
  CHECK(graph.memory_plan.io_bytes == (8 + 4) * kRowBytes + kReadableTailBytes);
  CHECK(graph.memory_plan.state_bytes == 0);
}

TEST_CASE("inputs and outputs of all methods are apart, activations of methods are not") {
  ir::Graph graph;
  for (const char* name : {"first", "second"}) {
    PlanGraph method(graph, name);
    REQUIRE(method.Finish(method.Linear("x", method.Input("in", 8), 32)).ok());
  }
  REQUIRE(PlanMemory(graph).ok());
  CHECK(graph.memory_plan.activation_bytes == 32 * kRowBytes + kReadableTailBytes);
  CHECK(graph.memory_plan.io_bytes == 2 * (8 + 4) * kRowBytes + kReadableTailBytes);
  CHECK(VerifyPlan(graph).ok());
}

TEST_CASE("transient inputs and outputs lie among the activations, an output beyond the last op") {
  ir::Graph graph;
  PlanGraph method(graph);
  const int in = method.method().AddInput(
      {.name = "in", .rows = method.steps(), .cols = ir::Dim::Fixed(8), .is_transient = true});
  const int x = method.Linear("x", in, 32);
  const int early = method.method().AddOutput(
      {.name = "early", .rows = method.steps(), .cols = ir::Dim::Fixed(32), .is_transient = true});
  method.method().ApplyInto("early", ir::Activate{.activation = ir::Activation::kRelu}, {x}, early);
  const int y = method.Linear("y", early, 32);
  REQUIRE(method.Finish(method.Relu("z", y)).ok());
  REQUIRE(PlanMemory(graph).ok());
  CHECK(VerifyPlan(graph).ok());
  CHECK(graph.memory_plan.io_bytes == 4 * kRowBytes + kReadableTailBytes);  // out
  // "early" takes the place of x and stays, "y" and "z" share what comes after the input.
  CHECK(graph.memory_plan.activation_lower_bound_bytes == (32 + 32) * kRowBytes);
  graph.methods[0]
      .values[static_cast<size_t>(&Find(graph, "y") - graph.methods[0].values.data())]
      .offset_bytes = Find(graph, "early").offset_bytes;
  CHECK_FALSE(VerifyPlan(graph).ok());
}

TEST_CASE("states lie one after the other at multiples of 64") {
  ir::Graph graph;
  ir::AddState(graph, "a", DType::kF32, 3, 5);   // 60 bytes
  ir::AddState(graph, "b", DType::kF16, 33, 1);  // 66 bytes
  ir::AddState(graph, "c", DType::kI8, 1, 1);
  REQUIRE(PlanMemory(graph).ok());
  CHECK(graph.states[0].offset_bytes == 0);
  CHECK(graph.states[1].offset_bytes == 64);
  CHECK(graph.states[2].offset_bytes == 192);
  CHECK(graph.memory_plan.state_bytes == 256 + kReadableTailBytes);
  CHECK(VerifyPlan(graph).ok());
}

TEST_CASE("a pre-norm transformer block needs the lower bound and no more") {
  ir::Graph graph;
  PlanGraph method(graph);
  int x = method.Linear("embed", method.Input("in", 8), 16);
  for (const std::string layer : {"0", "1", "2"}) {
    const int qkv = method.Linear(layer + ".qkv", method.Norm(layer + ".norm1", x), 48);
    const int mixed = method.Attend(layer + ".attend", method.Columns("q", qkv, 0, 16),
                                    method.Columns("k", qkv, 16, 16), method.Columns("v", qkv, 32, 16));
    x = method.Add(layer + ".add1", x, method.Linear(layer + ".out", mixed, 16));
    const int wide =
        method.Relu(layer + ".relu", method.Linear(layer + ".up", method.Norm(layer + ".norm2", x), 64));
    x = method.Add(layer + ".add2", x, method.Linear(layer + ".down", wide, 16));
  }
  REQUIRE(method.Finish(x).ok());
  REQUIRE(PlanMemory(graph).ok());
  // While `up` runs: x (16), its norm (16) and the wide result (64).
  CHECK(graph.memory_plan.activation_lower_bound_bytes == 96 * kRowBytes);
  CHECK(graph.memory_plan.activation_bytes == 96 * kRowBytes + kReadableTailBytes);
  CHECK(VerifyPlan(graph).ok());
}

TEST_CASE("plans of random graphs hold in the verifier's replay") {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    ir::Graph graph;
    REQUIRE(AddRandomMethod(graph, seed).ok());
    REQUIRE(AddRandomMethod(graph, seed + 1000).ok());
    REQUIRE(PlanMemory(graph).ok());
    INFO("seed " << seed);
    const Status status = VerifyPlan(graph);
    INFO(status.message());
    REQUIRE(status.ok());
    CHECK(graph.memory_plan.activation_bytes >= graph.memory_plan.activation_lower_bound_bytes);
  }
}

TEST_CASE("the report shows who holds which slice of the arena at which op") {
  ir::Graph graph;
  PlanGraph method(graph);
  const int x = method.Linear("x", method.Input("in", 8), 1);
  const int y = method.Linear("y", x, 2);
  REQUIRE(method.Finish(y).ok());
  REQUIRE(PlanMemory(graph).ok());
  const std::string report = FormatMemoryPlan(graph);
  // y (largest, hence lowest) is b, x is a; slices of 64 bytes, ops from left to right.
  CHECK(report.find("  ┌───┐\n"
                    "  │aa·│          128\n"
                    "  │·bb│           64\n"
                    "  │·bb│            0\n"
                    "  └───┘ offset\n") != std::string::npos);
  CHECK(report.find("activations          256 bytes, lower bound 192") != std::string::npos);
}

}  // namespace earshot::plan
