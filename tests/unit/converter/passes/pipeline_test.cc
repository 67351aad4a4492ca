// The list as a whole: what a transformer block becomes, and how errors are reported.
#include "converter/passes/pipeline.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "converter/passes/limit_lengths.h"
#include "converter/passes/uses.h"
#include "tests/unit/converter/passes/pass_graphs.h"

namespace earshot::passes {
namespace {

using Names = std::vector<std::string>;

// x + attention(norm(x)), then + mlp(norm), written naively; the cache is written and read.
void BuildBlock(ir::Graph& graph) {
  const int state = ir::AddState(graph, "cache", DType::kF32, 6, 16);
  PassGraph method(graph);
  ir::MethodBuilder& m = method.method();
  const auto norm = [&](const std::string& name, int in) {
    return m.Apply(name, ir::LayerNorm{},
                   {in, method.Weight(name + ".gamma", 1, 8), method.Weight(name + ".beta", 1, 8)});
  };
  const int cache = m.StateValue(state);
  const int keys = method.Columns("keys", cache, 0, 8), values = method.Columns("values", cache, 8, 8);
  const int in = norm("norm1", method.x());
  const int q = method.Linear("q", in);
  method.LinearInto("k", in, keys, PassGraph::Bias::kNone);
  method.LinearInto("v", in, values);
  const ir::Attention attention = {
      .num_heads = 2, .num_kv_heads = 2, .scale = 0.5f, .pattern = ir::PatternKind::kCausal};
  const int mixed = m.Apply("attend", attention, {q, keys, values});
  const int x = m.Apply("add1", ir::Add{}, {method.x(), method.Linear("out", mixed)});
  const int up = method.Relu("relu", method.Linear("up", norm("norm2", x), 16));
  method.Finish(m.Apply("add2", ir::Add{}, {x, method.Linear("down", up)}));
}

}  // namespace

TEST_CASE("a transformer block is fused and computes the same") {
  ir::Graph graph;
  BuildBlock(graph);
  const std::vector<double> expected = OutputOf(graph);
  const Status status = RunPasses(graph, Pipeline());
  INFO(status.message());
  REQUIRE(status.ok());
  CHECK(OpNames(graph.methods[0]) ==
        Names{"norm1", "q", "k+v", "attend", "out", "add1", "norm2", "up+down", "add2", "y"});
  CHECK(std::get<ir::Attention>(FindOp(graph.methods[0], "attend").attributes).scale == 1.0f);
  CHECK(graph.tensors.size() == 14);  // weight and bias of q, k+v, out, up, down; gamma and beta twice
  CheckSameOutput(graph, expected);
}

TEST_CASE("running the passes again changes nothing") {
  ir::Graph graph;
  BuildBlock(graph);
  REQUIRE(RunPasses(graph, Pipeline()).ok());
  const Names ops = OpNames(graph.methods[0]);
  const size_t num_values = graph.methods[0].values.size();
  REQUIRE(RunPasses(graph, Pipeline()).ok());
  CHECK(OpNames(graph.methods[0]) == ops);
  CHECK(graph.methods[0].values.size() == num_values);
}

TEST_CASE("an error names the pass") {
  ir::Graph graph;
  BuildBlock(graph);
  const Pass fails[] = {
      {"first", [](ir::Graph&) { return Status::Ok(); }},
      {"second", [](ir::Graph&) { return Status::Error(StatusCode::kUnsupported, "no such luck"); }}};
  const Status status = RunPasses(graph, fails);
  CHECK(status.code() == StatusCode::kUnsupported);
  CHECK(std::string(status.message()) == "pass \"second\": no such luck");
}

TEST_CASE("a pass that breaks the graph is found out at once") {
  ir::Graph graph;
  BuildBlock(graph);
  const Pass breaks[] = {{"breaks", [](ir::Graph& g) {
                            g.methods[0].ops.erase(g.methods[0].ops.begin());
                            return Status::Ok();
                          }}};
  const Status status = RunPasses(graph, breaks);
  CHECK(status.code() == StatusCode::kInternal);
  CHECK(std::strstr(status.message(), "pass \"breaks\"") != nullptr);
}

TEST_CASE("a broken graph does not get to the passes") {
  ir::Graph graph;
  BuildBlock(graph);
  graph.methods[0].ops[3].inputs[0] = 1000;
  CHECK(RunPasses(graph, Pipeline()).code() == StatusCode::kInternal);
}

TEST_CASE("names of fused things say what they came from") {
  CHECK(JoinNames({"layers.0.q.weight", "layers.0.k.weight"}) == "layers.0.q+k.weight");
  CHECK(JoinNames({"a.q", "a.q"}) == "a.q");
  CHECK(JoinNames({"q", "k", "v"}) == "q+k+v");
  CHECK(JoinNames({"a.b.c", "a.d"}) == "a.b.c+d");
  CHECK(JoinNames({"only"}) == "only");
}

TEST_CASE("a limit shortens the symbol and the caches that are as long, everywhere") {
  ir::Graph graph;
  BuildBlock(graph);
  const int other =
      ir::AddState(graph, "other", DType::kF32, 6, 8);  // as long, but nobody sees it by this symbol
  REQUIRE(LimitLength(graph, "steps", 5).ok());
  CHECK(graph.methods[0].symbols[0].maximum == 5);
  CHECK(graph.states[0].rows == 5);
  CHECK(graph.states[static_cast<size_t>(other)].rows == 6);
  CHECK(ir::Verify(graph).ok());
  CHECK(OutputOf(graph).size() == 5 * 8);
}

TEST_CASE("an impossible limit is refused") {
  ir::Graph graph;
  BuildBlock(graph);
  CHECK(LimitLength(graph, "steps", 0).code() == StatusCode::kInvalidArgument);
  CHECK(LimitLength(graph, "steps", 7).code() == StatusCode::kInvalidArgument);
  CHECK(LimitLength(graph, "frames", 3).code() == StatusCode::kInvalidArgument);
}

}  // namespace earshot::passes
