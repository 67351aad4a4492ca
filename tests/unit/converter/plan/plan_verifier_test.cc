// The verifier must find what is wrong with a plan that was right.
#include "converter/plan/plan_verifier.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <random>
#include <string>

#include "converter/plan/byte_owners.h"
#include "converter/plan/liveness.h"
#include "converter/plan/memory_planner.h"
#include "tests/unit/converter/plan/plan_graphs.h"

namespace earshot::plan {
namespace {

// in -> x -> y -> z = norm(y) -> sum = x + z -> out, with a wide q|k|v and attention at the end.
ir::Graph MakePlannedGraph() {
  ir::Graph graph;
  ir::AddState(graph, "first", DType::kF32, 4, 16);
  ir::AddState(graph, "second", DType::kF32, 4, 16);
  PlanGraph method(graph);
  const int x = method.Linear("x", method.Input("in", 8), 8);
  const int y = method.Linear("y", x, 8);
  const int z = method.Norm("z", y);
  const int sum = method.Add("sum", x, z);
  const int wide = method.Linear("wide", sum, 24);
  const int mixed = method.Attend("mixed", method.Columns("q", wide, 0, 8), method.Columns("k", wide, 8, 8),
                                  method.Columns("v", wide, 16, 8));
  REQUIRE(method.Finish(mixed).ok());
  REQUIRE(PlanMemory(graph).ok());
  REQUIRE(VerifyPlan(graph).ok());
  return graph;
}

void CheckBroken(const ir::Graph& graph, const char* expected) {
  const Status status = VerifyPlan(graph);
  INFO(status.message());
  CHECK(status.code() == StatusCode::kInternal);
  CHECK(std::strstr(status.message(), expected) != nullptr);
}

}  // namespace

TEST_CASE("the verifier finds a value written over one that is still needed") {
  ir::Graph graph = MakePlannedGraph();
  Find(graph, "z").offset_bytes = Find(graph, "x").offset_bytes;  // x is read after z is written
  CheckBroken(graph, "\"x\" is read after \"z\" has overwritten it");
}

TEST_CASE("the verifier finds a partial overlap") {
  ir::Graph graph = MakePlannedGraph();
  Find(graph, "z").offset_bytes = Find(graph, "x").offset_bytes + 64;
  graph.memory_plan.activation_bytes += 64;
  CheckBroken(graph, "\"x\" is read after \"z\" has overwritten it");
}

TEST_CASE("the verifier finds a dense layer that writes over its input") {
  ir::Graph graph = MakePlannedGraph();
  Find(graph, "y").offset_bytes = Find(graph, "x").offset_bytes;
  CheckBroken(graph, "\"y\" is written over the operand \"x\"");
}

TEST_CASE("the verifier allows in-place only exactly in place") {
  ir::Graph graph = MakePlannedGraph();
  Find(graph, "z").offset_bytes = Find(graph, "y").offset_bytes;
  REQUIRE(VerifyPlan(graph).ok());
  graph.memory_plan.activation_bytes += 1024;
  Find(graph, "z").offset_bytes += 64;
  Find(graph, "wide").offset_bytes += 1024;  // out of the way
  CheckBroken(graph, "\"z\" is written over the operand \"y\"");
}

TEST_CASE("the verifier finds a result among the columns that attention still reads") {
  ir::Graph graph = MakePlannedGraph();
  Find(graph, "mixed").offset_bytes =
      Find(graph, "wide").offset_bytes;  // begins where q does, but q has gaps
  CheckBroken(graph, "\"mixed\" is written over the operand \"q\"");
}

TEST_CASE("the verifier finds a read before the write") {
  ir::Graph graph = MakePlannedGraph();
  std::swap(graph.methods[0].ops[0], graph.methods[0].ops[1]);
  CheckBroken(graph, "\"x\" is read before it was written");
}

TEST_CASE("the verifier finds misplaced extents") {
  SECTION("beyond the arena") {
    ir::Graph graph = MakePlannedGraph();
    graph.memory_plan.activation_bytes -= 64;
    CheckBroken(graph, "leaves its block");
  }
  SECTION("misaligned") {
    ir::Graph graph = MakePlannedGraph();
    Find(graph, "y").offset_bytes += 32;
    CheckBroken(graph, "\"y\" is not aligned");
  }
  SECTION("input on output") {
    ir::Graph graph = MakePlannedGraph();
    Find(graph, "out").offset_bytes = Find(graph, "in").offset_bytes;
    CheckBroken(graph, "overlap");
  }
  SECTION("state on state") {
    ir::Graph graph = MakePlannedGraph();
    graph.states[1].offset_bytes = graph.states[0].offset_bytes + 64;
    CheckBroken(graph, "\"first\" and \"second\" overlap");
  }
  SECTION("state beyond the block") {
    ir::Graph graph = MakePlannedGraph();
    graph.memory_plan.state_bytes -= 64;
    CheckBroken(graph, "\"second\" leaves its block");
  }
}

// Moves one activation of a valid plan onto another that lives at the same time, and expects the verifier to
// object each time.
TEST_CASE("the verifier finds any overlap of values that live together in random graphs") {
  int num_faults = 0;
  for (uint32_t seed = 0; seed < 10; ++seed) {
    ir::Graph graph;
    REQUIRE(AddRandomMethod(graph, seed).ok());
    REQUIRE(PlanMemory(graph).ok());
    graph.memory_plan.activation_bytes += 1 << 20;
    const auto lifetimes = ActivationLifetimes(graph.methods[0]);
    for (size_t moved = 0; moved < lifetimes.size(); ++moved) {
      for (size_t other = 0; other < lifetimes.size(); ++other) {
        // Both are read after the later one was written, so one of them is damaged.
        const int last_begin = std::max(lifetimes[moved].begin, lifetimes[other].begin);
        const int first_end = std::min(lifetimes[moved].end, lifetimes[other].end);
        if (moved == other || lifetimes[moved].empty() || lifetimes[other].empty() ||
            first_end - last_begin < 2)
          continue;
        ir::Graph faulty = graph;
        faulty.methods[0].values[moved].offset_bytes = graph.methods[0].values[other].offset_bytes;
        INFO("seed " << seed << ", value " << moved << " on " << other);
        CHECK(!VerifyPlan(faulty).ok());
        ++num_faults;
      }
    }
  }
  CHECK(num_faults > 500);
}

TEST_CASE("byte owners follow writes exactly") {
  // Against a plain array of owners.
  std::mt19937 random(7);
  ByteOwners owners;
  std::vector<int> expected(200, kNobody);
  for (int step = 0; step < 2000; ++step) {
    const uint64_t begin = random() % 200, end = begin + random() % (201 - begin);
    const int owner = static_cast<int>(random() % 5);
    if (step % 2 == 0) {
      owners.Write({begin, end}, owner);
      for (uint64_t i = begin; i < end; ++i) expected[i] = owner;
    } else {
      int stranger = owner;
      for (uint64_t i = end; i-- > begin;) {
        if (expected[i] != owner) stranger = expected[i];
      }
      REQUIRE(owners.FirstStranger({begin, end}, owner) == stranger);
    }
  }
}

}  // namespace earshot::plan
