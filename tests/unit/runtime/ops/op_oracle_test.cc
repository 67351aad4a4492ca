// Every op against its definition in double, over lengths that leave tails, through the whole path of a model
// file.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>

#include "tests/unit/runtime/ops/op_testing.h"

namespace earshot::test {
namespace {

using ir::Dim;

// Rounding of f32 over sums of up to a hundred terms of size 1, with a margin of ten.
constexpr double kTolerance = 1e-4;

int Input(ir::MethodBuilder& method, const std::string& name, Dim rows, int64_t cols,
          DType dtype = DType::kF32) {
  return method.AddInput({.name = name, .dtype = dtype, .rows = rows, .cols = Dim::Fixed(cols)});
}

int Weight(ir::Graph& graph, ir::MethodBuilder& method, const std::string& name, int64_t rows, int64_t cols,
           uint32_t seed = 7) {
  return method.Constant(ir::AddTensor(graph, name, rows, cols, NoiseFloats(rows * cols, seed)));
}

// One op over x [rows, cols] with the attributes given.
double Difference(const ir::Attributes& attributes, int64_t rows, int64_t cols) {
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const int length = method.AddSymbol("length", rows + 2);
    method.MakeOutput(method.Apply("op", attributes, {Input(method, "x", Dim::Of(length), cols)}), "out");
  });
  return DifferenceFromOracle(graph,
                              {{.inputs = {{"x", Noise(rows * cols)}}, .symbols = {{"length", rows}}}});
}

TEST_CASE("Normalize over rows, parts of rows, columns and everything") {
  const auto kind =
      GENERATE(ir::NormalizeKind::Standard, ir::NormalizeKind::RootMeanSquare, ir::NormalizeKind::Length);
  const int64_t rows = GENERATE(1, 5, 33);
  CHECK(Difference(ir::Normalize{.kind = kind, .axis = ir::Axis::Row}, rows, 12) < kTolerance);
  CHECK(Difference(ir::Normalize{.kind = kind, .axis = ir::Axis::Row, .groups = 3}, rows, 12) < kTolerance);
  CHECK(Difference(ir::Normalize{.kind = kind, .axis = ir::Axis::All}, rows, 12) < kTolerance);
  if (rows > 1)
    CHECK(Difference(ir::Normalize{.kind = kind, .axis = ir::Axis::Column}, rows, 12) < kTolerance);
}

TEST_CASE("Softmax and its logarithm") {
  const bool log = GENERATE(false, true);
  const int64_t rows = GENERATE(1, 5, 33);
  CHECK(Difference(ir::Softmax{.log = log}, rows, 13) < kTolerance);
  CHECK(Difference(ir::Softmax{.groups = 5, .log = log}, rows, 15) < kTolerance);
  CHECK(Difference(ir::Softmax{.axis = ir::Axis::Column, .log = log}, rows, 13) < kTolerance);
}

TEST_CASE("Reduce") {
  const auto function = GENERATE(ir::ReduceFunction::Sum, ir::ReduceFunction::Mean,
                                 ir::ReduceFunction::Maximum, ir::ReduceFunction::Minimum);
  for (const auto axis : {ir::Axis::Row, ir::Axis::Column, ir::Axis::All})
    CHECK(Difference(ir::Reduce{.function = function, .axis = axis}, 9, 10) < kTolerance);
  CHECK(Difference(ir::Reduce{.function = function, .groups = 5}, 9, 10) < kTolerance);
}

TEST_CASE("ArgMax finds the first of the largest") {
  CHECK(Difference(ir::ArgMax{}, 6, 17) == 0.0);
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    method.MakeOutput(method.Apply("op", ir::ArgMax{}, {Input(method, "x", Dim::Fixed(1), 4)}), "out");
  });
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"x", {1, 3, 3, 2}}}, .symbols = {}}}) == 0.0);
}

TEST_CASE("Unary functions in their ranges") {
  using F = ir::UnaryFunction;
  const F function = GENERATE(F::Exp, F::Log, F::Sqrt, F::Square, F::Abs, F::Sin, F::Cos, F::Asinh, F::Acos,
                              F::Tanh, F::EluPlusOne);
  const bool needs_positive = function == F::Log || function == F::Sqrt;
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    method.MakeOutput(
        method.Apply("op", ir::Unary{.function = function}, {Input(method, "x", Dim::Fixed(5), 7)}), "out");
  });
  std::vector<double> x = Noise(35);
  for (double& value : x) value = needs_positive ? std::abs(value) + 0.01 : value;
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"x", x}}, .symbols = {}}}) < kTolerance);
}

TEST_CASE("Binary repeats rows and columns of the second operand") {
  using F = ir::BinaryFunction;
  const F function = GENERATE(F::Multiply, F::Subtract, F::Divide, F::Maximum, F::Minimum);
  const int64_t rows = GENERATE(1, 4), cols = GENERATE(1, 3, 12);
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const int a = Input(method, "a", Dim::Fixed(4), 12), b = Input(method, "b", Dim::Fixed(rows), cols);
    method.MakeOutput(method.Apply("op", ir::Binary{.function = function}, {a, b}), "out");
  });
  std::vector<double> b = Noise(rows * cols, 2);
  for (double& value : b) value += value < 0 ? -0.5 : 0.5;  // no division by almost nothing
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"a", Noise(48)}, {"b", b}}, .symbols = {}}}) < kTolerance);
}

TEST_CASE("MatMul for all layouts of groups") {
  const bool transpose_a = GENERATE(false, true), transpose_b = GENERATE(false, true);
  const auto a_layout = GENERATE(ir::GroupLayout::Columns, ir::GroupLayout::Rows, ir::GroupLayout::Shared);
  const auto b_layout = GENERATE(ir::GroupLayout::Columns, ir::GroupLayout::Rows, ir::GroupLayout::Shared);
  const auto out_layout = GENERATE(ir::GroupLayout::Columns, ir::GroupLayout::Rows);
  const int64_t groups = 3, m = 5, k = 7, n = 6;
  const auto shape = [&](ir::GroupLayout layout, int64_t rows, int64_t cols, bool is_transposed) {
    if (is_transposed) std::swap(rows, cols);
    return std::pair(layout == ir::GroupLayout::Rows ? rows * groups : rows,
                     layout == ir::GroupLayout::Columns ? cols * groups : cols);
  };
  const auto a = shape(a_layout, m, k, transpose_a), b = shape(b_layout, k, n, transpose_b);
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const int first = Input(method, "a", Dim::Fixed(a.first), a.second);
    const int second = Input(method, "b", Dim::Fixed(b.first), b.second);
    method.MakeOutput(method.Apply("op",
                                   ir::MatMul{.groups = groups,
                                              .transpose_a = transpose_a,
                                              .transpose_b = transpose_b,
                                              .a_layout = a_layout,
                                              .b_layout = b_layout,
                                              .out_layout = out_layout,
                                              .scale = 0.5f},
                                   {first, second}),
                      "out");
  });
  CHECK(DifferenceFromOracle(
            graph, {{.inputs = {{"a", Noise(a.first * a.second)}, {"b", Noise(b.first * b.second, 2)}},
                     .symbols = {}}}) < kTolerance);
}

TEST_CASE("Conv1d with groups, dilation and padding on one side") {
  const int64_t groups = GENERATE(1, 2, 6), dilation = GENERATE(1, 3), stride = GENERATE(1, 2),
                padding_end = GENERATE(-1, 0, 4);
  const bool ends_last = GENERATE(false, true);
  const int64_t rows = 23, channels = 6, outputs = 12, kernel = 3;
  const ir::Graph graph = OneMethod([&](ir::Graph& g, ir::MethodBuilder& method) {
    const int length = method.AddSymbol("length", rows, 8);
    const int x = Input(method, "x", Dim::Of(length), channels);
    const int weight = Weight(g, method, "w", outputs, kernel * channels / groups);
    method.MakeOutput(method.Apply("op",
                                   ir::Conv1d{.kernel = kernel,
                                              .stride = stride,
                                              .padding = 2,
                                              .dilation = dilation,
                                              .groups = groups,
                                              .padding_end = padding_end,
                                              .ends_last = ends_last},
                                   {x, weight, Weight(g, method, "b", 1, outputs, 9)}),
                      "out");
  });
  CHECK(DifferenceFromOracle(
            graph, {{.inputs = {{"x", Noise(rows * channels)}}, .symbols = {{"length", rows}}},
                    {.inputs = {{"x", Noise(9 * channels)}}, .symbols = {{"length", 9}}}}) < kTolerance);
}

TEST_CASE("Conv2d, by channels and transposed") {
  const bool transposed = GENERATE(false, true);
  const uint32_t groups = GENERATE(1u, 4u), stride = GENERATE(1u, 2u);
  const int64_t channels = 4, frequencies = 9, rows = 7, outputs = 8;
  const ir::Graph graph = OneMethod([&](ir::Graph& g, ir::MethodBuilder& method) {
    const int length = method.AddSymbol("length", rows + 3);
    const int x = Input(method, "x", Dim::Of(length), frequencies * channels);
    const int weight = Weight(g, method, "w", outputs, 3 * 2 * channels / groups);
    method.MakeOutput(method.Apply("op",
                                   ir::Conv2d{.in_channels = static_cast<uint32_t>(channels),
                                              .kernel_rows = 3,
                                              .kernel_cols = 2,
                                              .stride_rows = stride,
                                              .stride_cols = 2,
                                              .padding_rows = 1,
                                              .padding_cols = 1,
                                              .groups = groups,
                                              .transposed = transposed,
                                              .output_padding_rows = transposed ? stride - 1 : 0,
                                              .activation = fb::Activation::Relu},
                                   {x, weight, Weight(g, method, "b", 1, outputs, 9)}),
                      "out");
  });
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"x", Noise(rows * frequencies * channels)}},
                                      .symbols = {{"length", rows}}}}) < kTolerance);
}

TEST_CASE("Rotary in halves and pairs, over part of a head") {
  const bool interleaved = GENERATE(false, true);
  const int64_t pairs = GENERATE(1, 3, 4);
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const int x = Input(method, "x", Dim::Fixed(5), 24);
    const int cosines = Input(method, "c", Dim::Fixed(5), pairs),
              sines = Input(method, "s", Dim::Fixed(5), pairs);
    method.MakeOutput(
        method.Apply("op", ir::Rotary{.num_heads = 3, .interleaved = interleaved}, {x, cosines, sines}),
        "out");
  });
  CHECK(DifferenceFromOracle(
            graph, {{.inputs = {{"x", Noise(120)}, {"c", Noise(5 * pairs, 2)}, {"s", Noise(5 * pairs, 3)}},
                     .symbols = {}}}) < kTolerance);
}

TEST_CASE("RelativeShift") {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    const int length = method.AddSymbol("length", 9);
    const Dim distances = {.symbol = length, .multiplier = 2, .addend = -1};
    const int x = method.AddInput({.name = "x", .rows = Dim::Of(length, 3), .cols = distances});
    method.MakeOutput(method.Apply("op", ir::RelativeShift{.groups = 3}, {x}), "out");
  });
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"x", Noise(3 * 5 * 9)}}, .symbols = {{"length", 5}}}}) ==
        0.0);
}

TEST_CASE("Lstm carries its state from run to run") {
  const int64_t width = 5;
  const ir::Graph graph = OneMethod([&](ir::Graph& g, ir::MethodBuilder& method) {
    const int length = method.AddSymbol("length", 9);
    const int gates = Input(method, "gates", Dim::Of(length), 4 * width);
    const int state = method.StateValue(ir::AddState(g, "state", DType::kF32, 1, 2 * width));
    method.MakeOutput(
        method.Apply("op", ir::Lstm{}, {gates, Weight(g, method, "w", 4 * width, width), state}, state),
        "out");
  });
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"gates", Noise(4 * 20)}}, .symbols = {{"length", 4}}},
                                     {.inputs = {{"gates", Noise(20, 2)}}, .symbols = {{"length", 1}}}}) <
        kTolerance);
}

TEST_CASE("LinearAttention in full, causal, and with sums that are carried") {
  using ir::LinearNormalizer;
  const auto normalizer = GENERATE(LinearNormalizer::AddEpsilon, LinearNormalizer::KeyEpsilon,
                                   LinearNormalizer::Floor, LinearNormalizer::NoNormalizer);
  const bool causal = GENERATE(false, true), carries = GENERATE(false, true);
  const uint32_t blindspot = GENERATE(1u, 3u);
  if ((carries || blindspot > 1) && (!causal || carries == (blindspot > 1))) return;
  const ir::Graph graph = OneMethod([&](ir::Graph& g, ir::MethodBuilder& method) {
    const int length = method.AddSymbol("length", 9);
    const int q = Input(method, "q", Dim::Of(length), 12), k = Input(method, "k", Dim::Of(length), 12);
    std::vector<int> inputs = {q, k, Input(method, "v", Dim::Of(length), 15)};
    const int state = carries ? method.StateValue(ir::AddState(g, "state", DType::kF32, 12, 6)) : ir::kNone;
    if (carries) inputs.push_back(state);
    method.MakeOutput(method.Apply("op",
                                   ir::LinearAttention{.num_heads = 3,
                                                       .causal = causal,
                                                       .normalizer = normalizer,
                                                       .epsilon = 0.5f,
                                                       .blindspot = blindspot},
                                   inputs, state),
                      "out");
  });
  const auto positive = [](int64_t count, uint32_t seed) {
    std::vector<double> values = Noise(count, seed);
    for (double& value : values) value = std::abs(value);
    return values;
  };
  const auto call = [&](int64_t rows) {
    return MethodCall{
        .inputs = {{"q", positive(rows * 12, 1)}, {"k", positive(rows * 12, 2)}, {"v", Noise(rows * 15, 3)}},
        .symbols = {{"length", rows}}};
  };
  CHECK(DifferenceFromOracle(graph, {call(7), call(1), call(3)}) < kTolerance);
}

TEST_CASE("ScatterAdd adds what has the same id, in columns beyond the input too") {
  const int64_t cols = GENERATE(6, 9);
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const int length = method.AddSymbol("length", 9), source = method.AddSymbol("source", 9);
    const int x = Input(method, "x", Dim::Of(length), 6);
    const int updates =
        method.AddInput({.name = "updates", .rows = Dim::Of(length), .cols = Dim::Of(source)});
    const int ids = method.AddInput(
        {.name = "ids", .dtype = DType::kI32, .rows = Dim::Fixed(1), .cols = Dim::Of(source)});
    method.MakeOutput(
        method.Apply("op", ir::ScatterAdd{.cols = static_cast<uint32_t>(cols)}, {x, updates, ids}), "out");
  });
  const std::vector<double> ids = {0, 5, static_cast<double>(cols - 1), 5, 2};
  const MethodCall call = {.inputs = {{"x", Noise(24)}, {"updates", Noise(20, 2)}, {"ids", ids}},
                           .symbols = {{"length", 4}, {"source", 5}}};
  CHECK(DifferenceFromOracle(graph, {call}) < kTolerance);
}

TEST_CASE("MixBlocks with weights that are zero and weights that are not") {
  const uint32_t groups = GENERATE(1u, 3u), block = GENERATE(1u, 4u);
  const int64_t rows = GENERATE(1, 5);
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const int blocks = method.AddSymbol("blocks", 9);
    const int weights =
        method.AddInput({.name = "weights", .rows = Dim::Fixed(rows), .cols = Dim::Of(blocks, groups)});
    const int x = Input(method, "x", Dim::Of(blocks, block), 6);
    method.MakeOutput(method.Apply("op", ir::MixBlocks{.block = block, .groups = groups}, {weights, x}),
                      "out");
  });
  std::vector<double> weights = Noise(rows * 7 * groups, 2);
  for (size_t i = 0; i < weights.size(); i += 2) weights[i] = 0.0;
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"weights", weights}, {"x", Noise(7 * block * 6)}},
                                      .symbols = {{"blocks", 7}}}}) < kTolerance);
}

TEST_CASE("RankedSoftmax chooses the first of equal scores first") {
  const uint32_t count = GENERATE(1u, 2u, 4u);
  CHECK(Difference(ir::RankedSoftmax{.count = count}, 5, 12) < kTolerance);
  CHECK(Difference(ir::RankedSoftmax{.count = count, .groups = 3}, 5, 12) < kTolerance);
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    const int x = Input(method, "x", Dim::Fixed(1), 5);
    method.MakeOutput(method.Apply("op", ir::RankedSoftmax{.count = count}, {x}), "out");
  });
  CHECK(DifferenceFromOracle(graph, {{.inputs = {{"x", {1, 3, 3, -1e30, 3}}}, .symbols = {}}}) < kTolerance);
}

TEST_CASE("Embedding reads computed tables too") {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    const int ids = Input(method, "ids", Dim::Fixed(3), 1, DType::kI32);
    method.MakeOutput(method.Apply("op", ir::Embedding{}, {ids, Input(method, "table", Dim::Fixed(5), 4)}),
                      "out");
  });
  CHECK(DifferenceFromOracle(graph,
                             {{.inputs = {{"ids", {4, 0, 4}}, {"table", Noise(20)}}, .symbols = {}}}) == 0.0);
}

TEST_CASE("a length that was rounded down has multiples under a name of its own") {
  const ir::Graph graph = OneMethod([](ir::Graph& g, ir::MethodBuilder& method) {
    const int length = method.AddSymbol("length", 11);
    const int x = Input(method, "x", Dim::Of(length), 4);
    const int half =
        method.Apply("conv", ir::Conv1d{.kernel = 1, .stride = 2}, {x, Weight(g, method, "w", 4, 4)});
    const int rows = method.WithOwnLength(half, "half");
    const ir::MatMul scores = {.groups = 2, .transpose_b = true, .out_layout = ir::GroupLayout::Rows};
    method.MakeOutput(method.Apply("op", scores, {rows, rows}), "out");
  });
  for (const int64_t length : {1, 6, 7, 11}) {
    const MethodCall call = {.inputs = {{"x", Noise(4 * length)}},
                             .symbols = {{"length", length}, {"half", (length + 1) / 2}}};
    CHECK(DifferenceFromOracle(graph, {call}) < kTolerance);
  }
  CHECK_THROWS(
      DifferenceFromOracle(graph, {{.inputs = {{"x", Noise(28)}}, .symbols = {{"length", 7}, {"half", 3}}}}));
}

}  // namespace
}  // namespace earshot::test
