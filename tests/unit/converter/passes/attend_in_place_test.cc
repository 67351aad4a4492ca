// The result of attention takes the place of its queries.
#include <catch2/catch_test_macros.hpp>

#include "converter/passes/pass.h"
#include "tests/unit/converter/passes/pass_graphs.h"

namespace earshot::passes {
namespace {

constexpr ir::Attention kAttention = {.num_heads = 2, .num_kv_heads = 2};

struct Projected {
  int q = ir::kNone, k = ir::kNone, v = ir::kNone;
};

Projected Project(PassGraph& method) {
  const int qkv = method.Linear("qkv", method.x(), 24);
  return {method.Columns("q", qkv, 0, 8), method.Columns("k", qkv, 8, 8), method.Columns("v", qkv, 16, 8)};
}

bool AttendsInPlace(const ir::Graph& graph) {
  const ir::Op& attend = FindOp(graph.methods[0], "attend");
  return attend.outputs[0] == attend.inputs[0];
}

TEST_CASE("attention writes over queries that nobody reads again") {
  ir::Graph graph;
  PassGraph method(graph);
  const auto [q, k, v] = Project(method);
  method.Finish(method.Linear("out", method.method().Apply("attend", kAttention, {q, k, v})));
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(AttendInPlace(graph).ok());
  CHECK(AttendsInPlace(graph));
  CheckSameOutput(graph, expected);
}

TEST_CASE("queries, keys or values that are read again keep their memory") {
  ir::Graph graph;
  PassGraph method(graph);
  const auto [q, k, v] = Project(method);
  const int mixed = method.method().Apply("attend", kAttention, {q, k, v});
  method.Finish(method.method().Apply("sum", ir::Add{}, {mixed, v}));
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(AttendInPlace(graph).ok());
  CHECK_FALSE(AttendsInPlace(graph));
  CheckSameOutput(graph, expected);
}

TEST_CASE("queries that are keys too keep their memory") {
  ir::Graph graph;
  PassGraph method(graph);
  const auto [q, k, v] = Project(method);
  method.Finish(method.method().Apply("attend", kAttention, {q, q, v}));
  const std::vector<double> expected = OutputOf(graph);
  REQUIRE(AttendInPlace(graph).ok());
  CHECK_FALSE(AttendsInPlace(graph));
  CheckSameOutput(graph, expected);
}

TEST_CASE("inputs of a method are not written over") {
  ir::Graph graph;
  PassGraph method(graph);
  const auto [q, k, v] = Project(method);
  method.Finish(method.method().Apply("attend", kAttention, {method.x(), k, v}));
  REQUIRE(AttendInPlace(graph).ok());
  CHECK_FALSE(AttendsInPlace(graph));
}

}  // namespace
}  // namespace earshot::passes
