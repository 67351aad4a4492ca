// Which tensor gets which type, and what becomes of the graph.
#include "converter/quantize/quantize.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "converter/ir/graph_builder.h"
#include "converter/ir/verifier.h"
#include "converter/quantize/quantization_report.h"

namespace earshot::quantize {
namespace {

constexpr int64_t kWidth = 32;

std::vector<float> Ramp(int64_t count) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i % 23) * 0.1f - 1.1f);
  return values;
}

int Add(ir::Graph& graph, const char* name, int64_t rows, int64_t cols) {
  return ir::AddTensor(graph, name, rows, cols, Ramp(rows * cols));
}

// One op of every kind that reads weights: embedding + positions -> convolution -> norm -> dense layers ->
// shared vocabulary table.
ir::Graph MakeGraph() {
  ir::Graph graph;
  ir::MethodBuilder method(graph, "run");
  const int steps = method.AddSymbol("steps", 16);
  const int ids = method.AddInput(
      {.name = "ids", .dtype = DType::kI32, .rows = ir::Dim::Of(steps), .cols = ir::Dim::Fixed(1)});
  const int table = method.Constant(Add(graph, "table", 50, kWidth));
  const int positions = method.Constant(Add(graph, "positions", 16, kWidth));
  int x = method.Apply("embed", ir::Embedding{}, {ids, table});
  x = method.Apply("add", ir::Add{},
                   {x, method.View(positions, "p", {.rows = ir::Dim::Of(steps), .cols = kWidth})});
  x = method.Apply("conv", ir::Conv1d{.kernel = 3, .padding = 1},
                   {x, method.Constant(Add(graph, "conv.weight", kWidth, 3 * kWidth)),
                    method.Constant(Add(graph, "conv.bias", 1, kWidth))});
  x = method.Apply("norm", ir::LayerNorm{}, {x, method.Constant(Add(graph, "norm.gamma", 1, kWidth))});
  x = method.Apply("narrow", ir::Linear{}, {x, method.Constant(Add(graph, "narrow.weight", 20, kWidth))});
  x = method.Apply("widen", ir::Linear{}, {x, method.Constant(Add(graph, "widen.weight", kWidth, 20))});
  const int logits =
      method.AddOutput({.name = "logits", .rows = ir::Dim::Of(steps), .cols = ir::Dim::Fixed(50)});
  method.ApplyInto("project", ir::Linear{}, {x, table}, logits);
  REQUIRE(std::move(method).Finish().ok());
  return graph;
}

std::map<std::string, DType> TypesAfter(const Options& options) {
  ir::Graph graph = MakeGraph();
  const auto reports = Quantize(graph, options);
  REQUIRE(reports.ok());
  REQUIRE(ir::Verify(graph).ok());
  std::map<std::string, DType> types;
  for (const ir::Tensor& tensor : graph.tensors) types[tensor.name] = tensor.dtype;
  return types;
}

}  // namespace

TEST_CASE("what a tensor is used for decides its type") {
  const std::map<std::string, DType> always = {
      {"positions", DType::kF32}, {"conv.bias", DType::kF32}, {"norm.gamma", DType::kF32}};
  const struct {
    DType weights, table, conv, narrow, widen;  // "widen.weight" has 20 columns: no int4
  } cases[] = {{DType::kI8, DType::kI8, DType::kF16, DType::kI8, DType::kI8},
               {DType::kI4, DType::kI8, DType::kF16, DType::kI4, DType::kI8},
               {DType::kF16, DType::kF16, DType::kF16, DType::kF16, DType::kF16},
               {DType::kF32, DType::kF32, DType::kF32, DType::kF32, DType::kF32}};
  for (const auto& expected : cases) {
    INFO(DTypeName(expected.weights));
    auto types = always;
    types["table"] = expected.table;
    types["conv.weight"] = expected.conv;
    types["narrow.weight"] = expected.narrow;
    types["widen.weight"] = expected.widen;
    CHECK(TypesAfter({.weights = expected.weights}) == types);
  }
}

TEST_CASE("the vocabulary table can have a type of its own") {
  CHECK(TypesAfter({.weights = DType::kI4, .vocabulary = DType::kI4})["table"] == DType::kI4);
  CHECK(TypesAfter({.weights = DType::kI8, .vocabulary = DType::kF16})["table"] == DType::kF16);
  CHECK(TypesAfter({.weights = DType::kI8, .vocabulary = DType::kF16})["narrow.weight"] == DType::kI8);
}

TEST_CASE("a type that does not fit is replaced and the report says why") {
  ir::Graph graph = MakeGraph();
  const auto reports = Quantize(graph, {.weights = DType::kI4});
  REQUIRE(reports.ok());
  for (const TensorReport& report : reports.value()) {
    INFO(report.name);
    CHECK((report.note[0] != '\0') == (report.name == "widen.weight"));
  }
}

TEST_CASE("tensors that the graph excepts from int4 stay int8, and only from int4") {
  for (const DType weights : {DType::kI4, DType::kF16}) {
    ir::Graph graph = MakeGraph();
    graph.int4_exceptions = {"other.*", "nar*.weight"};
    REQUIRE(Quantize(graph, {.weights = weights}).ok());
    for (const ir::Tensor& tensor : graph.tensors) {
      if (tensor.name == "narrow.weight")
        CHECK(tensor.dtype == (weights == DType::kI4 ? DType::kI8 : DType::kF16));
    }
  }
}

TEST_CASE("the caller may keep more tensors int8, by patterns that have an effect") {
  ir::Graph graph = MakeGraph();
  graph.int4_exceptions = {"other.*"};  // of the graph builder, for a larger model perhaps
  REQUIRE(Quantize(graph, {.weights = DType::kI4, .keep_int8 = {"widen.*", "narrow.?eight"}}).ok());
  for (const ir::Tensor& tensor : graph.tensors) {
    if (tensor.name == "narrow.weight") CHECK(tensor.dtype == DType::kI8);
  }
  const std::pair<DType, const char*> cases[] = {
      {DType::kI4, "zzz"}, {DType::kI4, "conv.*"}, {DType::kI4, "norm.gamma"}, {DType::kI8, "narrow.*"}};
  for (const auto& [weights, pattern] : cases) {
    ir::Graph other = MakeGraph();
    const Status status = Quantize(other, {.weights = weights, .keep_int8 = {pattern}}).status();
    CHECK(status.code() == StatusCode::kInvalidArgument);
  }
  ir::Graph other = MakeGraph();
  const std::string message =
      Quantize(other, {.weights = DType::kI4, .keep_int8 = {"narrow.*", "zzz"}}).status().message();
  CHECK(message.find("\"zzz\"") != std::string::npos);
}

TEST_CASE("f16 is not used where it would overflow") {
  ir::Graph graph = MakeGraph();
  for (ir::Tensor& tensor : graph.tensors) {
    if (tensor.name == "narrow.weight") tensor.values[3] = 70000.0f;
  }
  const auto reports = Quantize(graph, {.weights = DType::kF16});
  REQUIRE(reports.ok());
  for (const TensorReport& report : reports.value()) {
    if (report.name == "narrow.weight") CHECK(report.dtype == DType::kF32);
    if (report.name == "widen.weight") CHECK(report.dtype == DType::kF16);
  }
}

TEST_CASE("numbers too large for f16 are kept exactly, also in what is f16 beside int8") {
  for (const DType weights : {DType::kI8, DType::kI4, DType::kF16}) {
    ir::Graph graph = MakeGraph();
    std::vector<float> expected;
    for (ir::Tensor& tensor : graph.tensors) {
      if (tensor.name != "conv.weight") continue;
      tensor.values[3] = -65505.0f;
      tensor.values[4] = 1e30f;
      expected = tensor.values;
    }
    const auto reports = Quantize(graph, {.weights = weights});
    REQUIRE(reports.ok());
    for (size_t i = 0; i < graph.tensors.size(); ++i) {
      if (graph.tensors[i].name != "conv.weight") continue;
      CHECK(DecodeTensor(graph.tensors[i]) == expected);
      CHECK(std::string(reports.value()[i].note) == "too large for f16");
    }
  }
}

TEST_CASE("reports state the bytes in the file") {
  ir::Graph graph = MakeGraph();
  const auto reports = Quantize(graph, {.weights = DType::kI8});
  REQUIRE(reports.ok());
  for (const TensorReport& report : reports.value()) {
    if (report.name == "table") CHECK(report.bytes == 50 * kWidth + 50 * 4);
    if (report.name == "conv.weight") CHECK(report.bytes == kWidth * 3 * kWidth * 2);
    if (report.name == "positions") CHECK(report.bytes == 16 * kWidth * 4);
  }
  // int8: table 1800, narrow 640 + 80, widen 640 + 128. f16: conv. f32: positions 2048, two rows of 128.
  CHECK(FormatTypeSummary(reports.value()) ==
        "f32 3 tensors 0.0 MB, f16 1 tensors 0.0 MB, int8 3 tensors 0.0 MB");
  CHECK(FormatTensorTable(reports.value()).find("total int8      3 tensors           3288 bytes") !=
        std::string::npos);
}

TEST_CASE("the number of threads changes nothing") {
  ir::Graph one = MakeGraph(), many = MakeGraph();
  REQUIRE(Quantize(one, {.weights = DType::kI4, .num_threads = 1}).ok());
  REQUIRE(Quantize(many, {.weights = DType::kI4, .num_threads = 5}).ok());
  for (size_t i = 0; i < one.tensors.size(); ++i) {
    CHECK(one.tensors[i].data == many.tensors[i].data);
    CHECK(one.tensors[i].scales == many.tensors[i].scales);
  }
}

TEST_CASE("the attention that the graph names computes in 8 bits where weights do, or as told") {
  const auto arithmetic = [](const Options& options) {
    ir::Graph graph;
    ir::MethodBuilder method(graph, "run");
    const ir::Dim one = ir::Dim::Fixed(1), width = ir::Dim::Fixed(kWidth);
    const int x = method.AddInput({.name = "x", .rows = one, .cols = width});
    const int y = method.Apply("encoder.0.attend", ir::Attention{}, {x, x, x});
    const int out = method.AddOutput({.name = "out", .rows = one, .cols = width});
    method.ApplyInto("decoder.0.attend", ir::Attention{}, {y, y, y}, out);
    REQUIRE(std::move(method).Finish().ok());
    graph.encoder_attention = {"encoder.*"};
    REQUIRE(Quantize(graph, options).ok());
    std::vector<ir::AttentionArithmetic> found;
    for (const ir::Op& op : graph.methods[0].ops)
      found.push_back(std::get<ir::Attention>(op.attributes).arithmetic);
    return found;
  };
  using enum ir::AttentionArithmetic;
  const std::vector<ir::AttentionArithmetic> named = {kInt8, kF32}, none = {kF32, kF32};
  CHECK(arithmetic({.weights = DType::kI8}) == named);
  CHECK(arithmetic({.weights = DType::kI4}) == named);
  CHECK(arithmetic({.weights = DType::kF16}) == none);
  CHECK(arithmetic({.weights = DType::kF32}) == none);
  CHECK(arithmetic({.weights = DType::kI8, .attention = DType::kF32}) == none);
  CHECK(arithmetic({.weights = DType::kF32, .attention = DType::kI8}) == named);
}

TEST_CASE("a weight that is not finite is an error with its place") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    ir::Graph graph = MakeGraph();
    for (ir::Tensor& tensor : graph.tensors) {
      if (tensor.name == "narrow.weight") tensor.values[2 * kWidth + 5] = bad;
    }
    const auto reports = Quantize(graph, {});
    REQUIRE(!reports.ok());
    CHECK(reports.status().code() == StatusCode::kInvalidModel);
    const std::string message = reports.status().message();
    CHECK(message.find("\"narrow.weight\"") != std::string::npos);
    CHECK(message.find("row 2, column 5") != std::string::npos);
  }
}

}  // namespace earshot::quantize
