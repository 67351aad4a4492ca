// Lifetimes and sharing in place.
#include "converter/plan/liveness.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "tests/unit/converter/plan/plan_graphs.h"

namespace earshot::plan {
namespace {

std::vector<std::vector<std::string>> BufferNames(const ir::Graph& graph) {
  std::vector<std::vector<std::string>> names;
  for (const Buffer& buffer : MakeBuffers(graph.methods[0])) {
    names.emplace_back();
    for (const int value : buffer.values) {
      names.back().push_back(graph.methods[0].values[static_cast<size_t>(value)].name);
    }
  }
  return names;
}

using Names = std::vector<std::vector<std::string>>;

}  // namespace

TEST_CASE("an activation lives from its first write to its last use, also through views") {
  ir::Graph graph;
  PlanGraph method(graph);
  const int x = method.Linear("x", method.Input("in", 8), 8);  // op 0
  const int left = method.Columns("left", x, 0, 4);
  const int y = method.Linear("y", x, 4);                  // op 1
  const int z = method.Linear("z", y, 4);                  // op 2
  const int sum = method.Add("sum", z, left);              // op 3
  method.method().Apply("unused", ir::Add{}, {sum, sum});  // op 4
  REQUIRE(method.Finish(sum).ok());                        // op 5
  const auto lifetimes = ActivationLifetimes(graph.methods[0]);
  const auto of = [&](const char* name) {
    const auto index = static_cast<size_t>(&Find(graph, name) - graph.methods[0].values.data());
    return std::pair(lifetimes[index].begin, lifetimes[index].end);
  };
  CHECK(of("x") == std::pair(0, 4));
  CHECK(of("y") == std::pair(1, 3));
  CHECK(of("sum") == std::pair(3, 6));
  CHECK(of("unused") == std::pair(4, 5));
  CHECK(of("in") == std::pair(0, 0));    // not an activation
  CHECK(of("left") == std::pair(0, 0));  // counted for its base
}

TEST_CASE("a chain of in-place ops is one buffer") {
  ir::Graph graph;
  PlanGraph method(graph);
  const int x = method.Linear("x", method.Input("in", 8), 8);
  REQUIRE(method.Finish(method.Norm("norm", method.Relu("relu", x))).ok());
  CHECK(BufferNames(graph) == Names{{"x", "relu", "norm"}});
}

TEST_CASE("Add takes the place of either operand, the first if both die") {
  ir::Graph graph;
  PlanGraph method(graph);
  const int in = method.Input("in", 8);
  const int a = method.Linear("a", in, 8);
  const int b = method.Linear("b", in, 8);
  const int first = method.Add("first", a, b);     // b lives on: a is replaced
  const int second = method.Add("second", in, b);  // an input stays: b is replaced
  const int third = method.Add("third", first, second);
  REQUIRE(method.Finish(third).ok());
  CHECK(BufferNames(graph) == Names{{"a", "first", "third"}, {"b", "second"}});
}

TEST_CASE("an operand that is needed later is not replaced") {
  ir::Graph graph;
  PlanGraph method(graph);
  const int x = method.Linear("x", method.Input("in", 8), 8);
  const int norm = method.Norm("norm", x);
  REQUIRE(method.Finish(method.Add("sum", x, norm)).ok());
  CHECK(BufferNames(graph) == Names{{"x", "sum"}, {"norm"}});
}

TEST_CASE("a dense layer never writes over its input") {
  ir::Graph graph;
  PlanGraph method(graph);
  const int x = method.Linear("x", method.Input("in", 8), 8);
  REQUIRE(method.Finish(method.Linear("y", x, 8)).ok());
  CHECK(BufferNames(graph) == Names{{"x"}, {"y"}});
}

TEST_CASE("attention takes the place of q, but not where q also serves as k or lies inside a wider value") {
  ir::Graph graph;
  PlanGraph method(graph);
  const int in = method.Input("in", 8);
  const int q = method.Linear("q", in, 8);
  const int kv = method.Linear("kv", in, 16);
  const int first =
      method.Attend("first", q, method.Columns("k", kv, 0, 8), method.Columns("v", kv, 8, 8));  // over q
  const int second = method.Attend("second", first, first, first);  // reads q after writing it
  const int qkv = method.Linear("qkv", second, 24);
  const int third = method.Attend("third", method.Columns("q3", qkv, 0, 8), method.Columns("k3", qkv, 8, 8),
                                  method.Columns("v3", qkv, 16, 8));  // q has gaps
  REQUIRE(method.Finish(third).ok());
  CHECK(BufferNames(graph) == Names{{"q", "first"}, {"kv"}, {"second"}, {"qkv"}, {"third"}});
}

TEST_CASE("a row that is added to every row is not replaced") {
  ir::Graph graph;
  PlanGraph method(graph);
  const int x = method.Linear("x", method.Input("in", 8), 8);
  const int row = method.method().View(x, "row", {.rows = ir::Dim::Fixed(1), .cols = 8});
  REQUIRE(
      method.Finish(method.Add("sum", x, row)).ok());  // the first row of x is read for every row of the sum
  CHECK(BufferNames(graph) == Names{{"x"}, {"sum"}});
}

TEST_CASE("the peak counts what lives together, and shared memory once") {
  const std::vector<Buffer> buffers = {{.size_bytes = 100, .lifetime = {0, 3}, .values = {0}},
                                       {.size_bytes = 10, .lifetime = {1, 2}, .values = {1}},
                                       {.size_bytes = 50, .lifetime = {2, 4}, .values = {2}}};
  CHECK(PeakLiveBytes(buffers) == 150);
  CHECK(PeakLiveBytes({}) == 0);
}

}  // namespace earshot::plan
