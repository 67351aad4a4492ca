// What nobody sees goes; what is left keeps its order and its meaning.
#include <catch2/catch_test_macros.hpp>

#include "converter/passes/pass.h"
#include "tests/unit/converter/passes/pass_graphs.h"

namespace earshot::passes {
namespace {

using Names = std::vector<std::string>;

Names TensorNames(const ir::Graph& graph) {
  Names names;
  for (const ir::Tensor& tensor : graph.tensors) names.push_back(tensor.name);
  return names;
}

}  // namespace

TEST_CASE("an op whose result nobody reads goes, and what only it read") {
  ir::Graph graph;
  PassGraph method(graph);
  const int used = method.Linear("used", method.x());
  method.Linear("last", method.Relu("dead", method.Linear("first", used)));
  const int wide = method.Linear("wide", used, 16);
  method.Columns("unread", wide, 0, 8);
  method.Finish(method.Columns("read", wide, 8, 8));
  ir::AddTensor(graph, "orphan", 1, 1, {0.0f});
  const std::vector<double> expected = OutputOf(graph);

  REQUIRE(EliminateDeadNodes(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"used", "wide", "y"});
  CHECK(TensorNames(graph) == Names{"used.weight", "used.bias", "wide.weight", "wide.bias"});
  for (const ir::Value& value : graph.methods[0].values) CHECK(value.name != "unread");
  CheckSameOutput(graph, expected);
}

TEST_CASE("a state that another method reads keeps its writer; one that nobody reads goes with it") {
  ir::Graph graph;
  const int unread = ir::AddState(graph, "unread", DType::kF32, 6, 8);
  const int carried = ir::AddState(graph, "carried", DType::kF32, 6, 8);
  PassGraph writer(graph, "writer");
  writer.LinearInto("into_unread", writer.x(), writer.Columns("u", writer.method().StateValue(unread), 0, 8));
  writer.LinearInto("into_carried", writer.x(),
                    writer.Columns("c", writer.method().StateValue(carried), 0, 8));
  writer.Finish(writer.x());
  PassGraph reader(graph, "reader");
  reader.Finish(reader.Columns("c", reader.method().StateValue(carried), 0, 8));

  REQUIRE(EliminateDeadNodes(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"into_carried", "y"});
  REQUIRE(graph.states.size() == 1);
  CHECK(graph.states[0].name == "carried");
  CHECK(ir::Verify(graph).ok());

  test::IrInterpreter interpreter(graph);
  interpreter.SetInput("x", std::vector<double>(8, 1.0));
  interpreter.Run("writer", {{"steps", 1}});
  interpreter.Run("reader", {{"steps", 1}});
  const std::vector<float>& weight = graph.tensors[0].values;
  double expected = static_cast<double>(graph.tensors[1].values[0]);
  for (size_t i = 0; i < 8; ++i) expected += static_cast<double>(weight[i]);
  CHECK(std::abs(interpreter.Read("y")[0] - expected) < 1e-6);  // the state is f32
}

TEST_CASE("a state that only a dead op reads is dead") {
  ir::Graph graph;
  const int state = ir::AddState(graph, "state", DType::kF32, 6, 8);
  PassGraph method(graph);
  const int view = method.Columns("view", method.method().StateValue(state), 0, 8);
  method.LinearInto("write", method.x(), view);
  method.Relu("read", view);
  method.Finish(method.x());
  REQUIRE(EliminateDeadNodes(graph).ok());
  CHECK(OpNames(graph.methods[0]) == Names{"y"});
  CHECK(graph.states.empty());
  CHECK(graph.tensors.empty());
}

TEST_CASE("mel filters, inputs and symbols stay though no op uses them") {
  ir::Graph graph;
  ir::AddTensor(graph, "orphan", 1, 1, {0.0f});
  graph.audio.num_mels = 2;
  graph.audio.fft_length = 4;
  graph.audio.mel_filters = ir::AddTensor(graph, "mel_filters", 2, 3, std::vector<float>(6));
  PassGraph method(graph);
  method.method().AddSymbol("unused", 3);
  method.method().AddInput({.name = "unused", .rows = method.rows(), .cols = ir::Dim::Fixed(1)});
  method.Finish(method.x());
  REQUIRE(EliminateDeadNodes(graph).ok());
  CHECK(TensorNames(graph) == Names{"mel_filters"});
  CHECK(graph.audio.mel_filters == 0);
  CHECK(graph.methods[0].symbols.size() == 2);
  CHECK(graph.methods[0].values[1].name == "unused");
  CHECK(ir::Verify(graph).ok());
}

}  // namespace earshot::passes
