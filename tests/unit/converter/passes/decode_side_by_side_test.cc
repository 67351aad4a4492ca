// A decoder of one sequence becomes one of several: the same numbers for each of them.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "converter/passes/pass.h"
#include "tests/unit/converter/passes/pass_graphs.h"

namespace earshot::passes {
namespace {

constexpr int64_t kWidth = 4, kPositions = 5, kBeams = 3;

// A layer with positions, a cache and logits of the last row.
ir::Graph Decoder(const ir::Attention& attention) {
  ir::Graph graph;
  graph.beams = {.sequences = kBeams, .positions = kPositions};
  const int cache = ir::AddState(graph, "self_kv_0", DType::kF32, kPositions, kWidth);
  std::vector<float> table(kPositions * kWidth);
  for (size_t i = 0; i < table.size(); ++i) table[i] = std::sin(1.3f * static_cast<float>(i));
  const int positions = ir::AddTensor(graph, "positions", kPositions, kWidth, table);
  ir::MethodBuilder method(graph, "decode");
  const int tokens = method.AddSymbol("tokens", kPositions);
  const int position = method.AddSymbol("position", kPositions - 1, 0);
  const int end = method.AddSymbol("end", kPositions);
  const int x = method.AddInput({.name = "x", .rows = ir::Dim::Of(tokens), .cols = ir::Dim::Fixed(kWidth)});
  const int here =
      method.View(method.Constant(positions), "here",
                  {.row_begin = ir::Dim::Of(position), .rows = ir::Dim::Of(tokens), .cols = kWidth});
  const int sum = method.Apply("sum", ir::Add{}, {x, here});
  const int state = method.StateValue(cache);
  const int new_rows = method.View(
      state, "new", {.row_begin = ir::Dim::Of(position), .rows = ir::Dim::Of(tokens), .cols = kWidth});
  method.ApplyInto("write", ir::Activate{}, {sum}, new_rows);
  const int last =
      method.View(sum, "last",
                  {.row_begin = {.symbol = tokens, .addend = -1}, .rows = ir::Dim::Fixed(1), .cols = kWidth});
  const int all = method.View(state, "all", {.rows = ir::Dim::Of(end), .cols = kWidth});
  const int mixed = method.Apply("attend", attention, {last, all, all});
  const int logits =
      method.AddOutput({.name = "logits", .rows = ir::Dim::Fixed(1), .cols = ir::Dim::Fixed(kWidth)});
  method.ApplyInto("logits", ir::Activate{}, {mixed}, logits);
  const Status status = std::move(method).Finish();
  INFO(status.message());
  REQUIRE(status.ok());
  return graph;
}

const ir::Attention kCausal = {.num_heads = 2, .num_kv_heads = 2, .pattern = ir::PatternKind::kCausal};

// What beam b says at a position.
double Said(int64_t beam, int64_t position, int64_t col) {
  return std::sin(0.7 * static_cast<double>(beam * 31 + position * 7 + col));
}

TEST_CASE("each beam gets what it would get alone") {
  ir::Graph graph = Decoder(kCausal);
  REQUIRE(AddBeams(graph).ok());
  const Status status = ir::Verify(graph);
  INFO(status.message());
  REQUIRE(status.ok());
  REQUIRE(graph.methods.size() == 2);
  CHECK(graph.methods[1].name == "decode_beams");
  CHECK(graph.methods[1].optional);
  CHECK_FALSE(graph.methods[0].optional);
  REQUIRE(graph.states.size() == 2);
  CHECK(graph.states[1].name == "beams_self_kv_0");
  CHECK(graph.states[1].rows == kPositions * kBeams);

  for (const int64_t beams : {int64_t{1}, kBeams}) {
    test::IrInterpreter together(graph);
    std::vector<test::IrInterpreter> alone(static_cast<size_t>(beams), test::IrInterpreter(graph));
    for (int64_t position = 0; position < kPositions; ++position) {
      std::vector<double> rows, expected;
      for (int64_t beam = 0; beam < beams; ++beam) {
        std::vector<double> row;
        for (int64_t col = 0; col < kWidth; ++col) row.push_back(Said(beam, position, col));
        rows.insert(rows.end(), row.begin(), row.end());
        test::IrInterpreter& one = alone[static_cast<size_t>(beam)];
        one.SetInput("x", row);
        one.Run("decode", {{"tokens", 1}, {"position", position}, {"end", position + 1}});
        const std::vector<double> logits = one.Read("logits");
        expected.insert(expected.end(), logits.begin(), logits.end());
      }
      together.SetInput("x", rows);
      together.Run("decode_beams",
                   {{"beams", beams}, {"position", position}, {"end", position * kBeams + beams}});
      CHECK(together.Read("logits") == expected);
    }
  }
}

constexpr int64_t kFrames = 3, kWindows = 3;

// As Decoder, but it hears what is in another state.
ir::Graph Listener() {
  ir::Graph graph;
  graph.windows = {.sequences = kWindows, .positions = kPositions - 1};
  const int heard = ir::AddState(graph, "cross_kv_0", DType::kF32, kFrames, kWidth);
  const int cache = ir::AddState(graph, "self_kv_0", DType::kF32, kPositions, kWidth);
  ir::MethodBuilder method(graph, "decode");
  const int tokens = method.AddSymbol("tokens", kPositions);
  const int position = method.AddSymbol("position", kPositions - 1, 0);
  const int end = method.AddSymbol("end", kPositions);
  const int frames = method.AddSymbol("frames", kFrames);
  const int x = method.AddInput({.name = "x", .rows = ir::Dim::Of(tokens), .cols = ir::Dim::Fixed(kWidth)});
  const int said = method.StateValue(cache);
  method.ApplyInto(
      "write", ir::Activate{}, {x},
      method.View(said, "new",
                  {.row_begin = ir::Dim::Of(position), .rows = ir::Dim::Of(tokens), .cols = kWidth}));
  const int all = method.View(said, "all", {.rows = ir::Dim::Of(end), .cols = kWidth});
  const int mixed = method.Apply("attend", kCausal, {x, all, all});
  const int keys =
      method.View(method.StateValue(heard), "heard", {.rows = ir::Dim::Of(frames), .cols = kWidth});
  method.MakeOutput(
      method.Apply("listen", ir::Attention{.num_heads = 2, .num_kv_heads = 2}, {mixed, keys, keys}),
      "logits");
  const Status status = std::move(method).Finish();
  INFO(status.message());
  REQUIRE(status.ok());
  return graph;
}

TEST_CASE("each window hears its own keys and knows what it has said") {
  ir::Graph graph = Listener();
  REQUIRE(AddWindows(graph).ok());
  const Status status = ir::Verify(graph);
  INFO(status.message());
  REQUIRE(status.ok());
  const ir::Method& derived = graph.methods.back();
  CHECK(derived.name == "decode_windows");
  CHECK(derived.optional);
  REQUIRE(graph.states.size() == 4);
  CHECK(graph.states[2].rows + graph.states[3].rows == kFrames * kWindows + (kPositions - 1) * kWindows);

  const auto sound = [](int64_t window, int64_t frame, int64_t col) {
    return std::cos(0.3 * static_cast<double>(window * 57 + frame * 5 + col));
  };
  for (const int64_t frames : {int64_t{2}, kFrames}) {
    test::IrInterpreter together(graph);
    std::vector<test::IrInterpreter> alone(kWindows, test::IrInterpreter(graph));
    for (int64_t window = 0; window < kWindows; ++window) {
      for (int64_t frame = 0; frame < frames; ++frame) {
        for (int64_t col = 0; col < kWidth; ++col) {
          alone[static_cast<size_t>(window)].SetState("cross_kv_0", frame, col, sound(window, frame, col));
          together.SetState("windows_cross_kv_0", window * frames + frame, col, sound(window, frame, col));
        }
      }
    }
    for (int64_t position = 0; position < kPositions - 1; ++position) {
      const int64_t windows = position < 2 ? kWindows : 2;  // the last one rests
      std::vector<double> rows, expected;
      for (int64_t window = 0; window < windows; ++window) {
        std::vector<double> row;
        for (int64_t col = 0; col < kWidth; ++col) row.push_back(Said(window, position, col));
        rows.insert(rows.end(), row.begin(), row.end());
        test::IrInterpreter& one = alone[static_cast<size_t>(window)];
        one.SetInput("x", row);
        one.Run("decode", {{"tokens", 1}, {"position", position}, {"end", position + 1}, {"frames", frames}});
        const std::vector<double> logits = one.Read("logits");
        expected.insert(expected.end(), logits.begin(), logits.end());
      }
      together.SetInput("x", rows);
      together.Run("decode_windows", {{"windows", windows},
                                      {"position", position},
                                      {"end", position * kWindows + windows},
                                      {"keys", windows * frames}});
      CHECK(together.Read("logits") == expected);
    }
  }
}

TEST_CASE("without beams nothing is added") {
  ir::Graph graph = Decoder(kCausal);
  graph.beams = {};
  REQUIRE(AddBeams(graph).ok());
  CHECK(graph.methods.size() == 1);
  CHECK(graph.states.size() == 1);
}

TEST_CASE("what cannot have beams is refused") {
  ir::Graph patterned =
      Decoder({.num_heads = 2,
               .num_kv_heads = 2,
               .pattern = ir::PatternKind::kHeads,
               .heads = {{.selections = {{.kind = ir::SelectionKind::kLocal, .left = 2}}, .causal = true}}});
  CHECK(AddBeams(patterned).code() == StatusCode::kUnsupported);
  ir::Graph other = Decoder(kCausal);
  other.methods[0].name = "speak";
  CHECK(AddBeams(other).code() == StatusCode::kInternal);
  ir::Graph nameless = Decoder(kCausal);
  nameless.methods[0].symbols[2].name = "stop";
  CHECK(AddBeams(nameless).code() == StatusCode::kInternal);
}

}  // namespace
}  // namespace earshot::passes
