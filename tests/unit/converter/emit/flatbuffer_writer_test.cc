// The bytes of a model file: layout, content, reproducibility.
#include "converter/emit/flatbuffer_writer.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "converter/ir/graph_builder.h"
#include "converter/plan/memory_planner.h"
#include "converter/quantize/quantize.h"
#include "runtime/core/xxh64.h"
#include "runtime/schema/model_generated.h"
#include "runtime/schema/validate.h"

namespace earshot::emit {
namespace {

std::vector<float> Ramp(int64_t count) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i % 17) * 0.25f - 2.0f);
  return values;
}

// Every kind of value and every kind of op, quantized and planned.
ir::Graph MakeGraph() {
  ir::Graph graph;
  graph.family = "test";
  graph.name = "everything";
  graph.metadata = {{"b", "2"}, {"a", "1"}};
  ir::MethodBuilder method(graph, "run");
  const int steps = method.AddSymbol("steps", 10, 2);
  const ir::Dim rows = ir::Dim::Of(steps);
  const auto constant = [&](const char* name, int64_t r, int64_t c) {
    return method.Constant(ir::AddTensor(graph, name, r, c, Ramp(r * c)));
  };
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = rows, .cols = ir::Dim::Fixed(1)});
  const int table = constant("table", 40, 32);
  const int embedded = method.Apply("embed", ir::Embedding{}, {ids, table});
  const int conv = method.Apply(
      "conv", ir::Conv1d{.kernel = 3, .stride = 2, .padding = 1, .activation = ir::Activation::kGelu},
      {embedded, constant("conv.weight", 32, 96), constant("conv.bias", 1, 32)});
  const int norm = method.Apply("norm", ir::LayerNorm{.epsilon = 0.25f},
                                {conv, constant("gamma", 1, 32), constant("beta", 1, 32)});
  const int cache = method.StateValue(ir::AddState(graph, "cache", DType::kF16, 5, 64));
  const ir::Dim half = {
      .symbol = steps, .addend = 1, .divisor = 2};  // rows after the convolution: (steps - 1) / 2 + 1
  const int keys = method.View(cache, "keys", {.rows = half, .cols = 32});
  const int values = method.View(cache, "values", {.rows = half, .col_begin = 32, .cols = 32});
  method.ApplyInto("k", ir::Linear{}, {norm, constant("k.weight", 32, 32)}, keys);
  method.ApplyInto("v", ir::Linear{}, {norm, constant("v.weight", 32, 32)}, values);
  const int mixed = method.Apply(
      "attend",
      ir::Attention{.num_heads = 4, .num_kv_heads = 4, .scale = 0.125f, .pattern = ir::PatternKind::kCausal},
      {norm, keys, values});
  const int sum = method.Apply("sum", ir::Add{}, {mixed, conv});
  const int active = method.Apply("activate", ir::Activate{.activation = ir::Activation::kSilu}, {sum});
  const int out = method.AddOutput({.name = "logits", .rows = half, .cols = ir::Dim::Fixed(40)});
  method.ApplyInto("logits", ir::Linear{}, {active, table}, out);
  REQUIRE(std::move(method).Finish().ok());
  graph.audio = {.fft_length = 8, .hop_length = 4, .num_mels = 3};
  graph.audio.mel_filters = ir::AddTensor(graph, "mel_filters", 3, 5, Ramp(15));
  graph.tokenizer.pieces = {"a", "", "bc", std::string("\0\xff", 2)};
  graph.tokenizer.special_tokens = {{"<|z|>", 1}, {"<|a|>", 3}};
  graph.tokenizer.timestamp_begin = 2;
  graph.generation.suppressed_tokens = {1, 2};
  graph.encoder_attention = {"attend"};
  REQUIRE(quantize::Quantize(graph, {.weights = DType::kI8}).ok());
  REQUIRE(plan::PlanMemory(graph).ok());
  return graph;
}

std::vector<std::byte> Write(const ir::Graph& graph) {
  const auto file = PrepareModelFile(graph);
  REQUIRE(file.ok());
  std::vector<std::byte> bytes;
  const Status status = WriteModelFile(graph, file.value(), [&bytes](std::span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return Status::Ok();
  });
  REQUIRE(status.ok());
  CHECK(bytes.size() == file.value().file_bytes);
  return bytes;
}

struct Parsed {
  const fb::Model* model = nullptr;
  std::span<const std::byte> weights;
};

Parsed Parse(const std::vector<std::byte>& file) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.data());
  uint32_t program_bytes;
  std::memcpy(&program_bytes, bytes, sizeof(program_bytes));
  program_bytes += 4;  // the prefix itself
  flatbuffers::Verifier verifier(bytes, program_bytes);
  REQUIRE(fb::VerifySizePrefixedModelBuffer(verifier));
  const size_t weights_begin = (program_bytes + 4095u) / 4096u * 4096u;
  REQUIRE(weights_begin <= file.size());
  CHECK(std::all_of(file.begin() + program_bytes, file.begin() + static_cast<int64_t>(weights_begin),
                    [](std::byte b) { return b == std::byte{0}; }));
  return {fb::GetSizePrefixedModel(bytes), std::span(file).subspan(weights_begin)};
}

const fb::Op& FindOp(const fb::Model& model, const std::string& name) {
  for (const fb::Op* op : *model.methods()->Get(0)->ops()) {
    if (op->name()->str() == name) return *op;
  }
  throw std::runtime_error(name);
}

const fb::Value& FindValue(const fb::Model& model, const std::string& name) {
  for (const fb::Value* value : *model.methods()->Get(0)->values()) {
    if (value->name()->str() == name) return *value;
  }
  throw std::runtime_error(name);
}

}  // namespace

TEST_CASE("a written file passes the validation that every load performs") {
  const auto file = Write(MakeGraph());
  const Parsed parsed = Parse(file);
  const Status status = ValidateModel(*parsed.model, parsed.weights.size());
  INFO(status.message());
  CHECK(status.ok());
}

TEST_CASE("the same graph gives the same bytes") { CHECK(Write(MakeGraph()) == Write(MakeGraph())); }

TEST_CASE("the checksum of the weights is that of the whole segment") {
  const auto file = Write(MakeGraph());
  const Parsed parsed = Parse(file);
  REQUIRE(parsed.model->weights_xxh64().has_value());
  CHECK(*parsed.model->weights_xxh64() == Xxh64Of(parsed.weights));
}

TEST_CASE("tensors lie aligned, without overlap, with their bytes unchanged and zeros between") {
  const ir::Graph graph = MakeGraph();
  const auto file = Write(graph);
  const Parsed parsed = Parse(file);
  std::vector<bool> is_covered(parsed.weights.size(), false);
  const auto check = [&](uint64_t offset, uint64_t length, const std::vector<std::byte>& expected) {
    REQUIRE(length == expected.size());
    if (expected.empty()) return;
    CHECK(offset % 64 == 0);
    REQUIRE(offset + length <= parsed.weights.size());
    CHECK(
        std::equal(expected.begin(), expected.end(), parsed.weights.begin() + static_cast<int64_t>(offset)));
    for (uint64_t i = offset; i < offset + length; ++i) {
      REQUIRE(!is_covered[i]);
      is_covered[i] = true;
    }
  };
  REQUIRE(parsed.model->tensors()->size() == graph.tensors.size());
  for (flatbuffers::uoffset_t i = 0; i < parsed.model->tensors()->size(); ++i) {
    const fb::Tensor& tensor = *parsed.model->tensors()->Get(i);
    CHECK(tensor.name()->str() == graph.tensors[i].name);
    CHECK(static_cast<int>(tensor.dtype()) == static_cast<int>(graph.tensors[i].dtype));
    CHECK(static_cast<int64_t>(tensor.rows()) == graph.tensors[i].rows);
    CHECK(static_cast<int64_t>(tensor.cols()) == graph.tensors[i].cols);
    check(tensor.data_offset(), tensor.data_bytes(), graph.tensors[i].data);
    check(tensor.scales_offset(), tensor.scales_bytes(), graph.tensors[i].scales);
  }
  for (size_t i = 0; i < is_covered.size(); ++i) {
    if (!is_covered[i]) REQUIRE(parsed.weights[i] == std::byte{0});
  }
}

TEST_CASE("what stays in use comes first, then what is packed at start, each in the order of use") {
  const ir::Graph graph = MakeGraph();
  std::vector<std::string> names;
  for (const int tensor : LayOutWeights(graph).file_order) {
    names.push_back(graph.tensors[static_cast<size_t>(tensor)].name);
  }
  CHECK(names == std::vector<std::string>{"mel_filters", "table", "gamma", "beta",  //
                                          "conv.weight", "conv.bias", "k.weight", "v.weight"});
}

TEST_CASE("values, states and attributes arrive as they were") {
  const ir::Graph graph = MakeGraph();
  const auto file = Write(graph);
  const fb::Model& model = *Parse(file).model;
  const fb::Method& method = *model.methods()->Get(0);
  REQUIRE(method.symbols()->size() == 1);
  CHECK(method.symbols()->Get(0)->name()->str() == "steps");
  CHECK(method.symbols()->Get(0)->maximum() == 10);
  CHECK(method.symbols()->Get(0)->minimum() == 2);

  const fb::Value& values = FindValue(model, "values");
  CHECK(values.kind() == fb::ValueKind::View);
  CHECK(values.dtype() == fb::DType::F16);
  CHECK(values.col_begin() == 32);
  REQUIRE(values.row_begin() != nullptr);
  CHECK(values.row_begin()->addend() == 0);
  CHECK(values.rows()->symbol() == 0);
  CHECK(values.rows()->addend() == 1);
  CHECK(values.rows()->divisor() == 2);
  const fb::Value& cache = *method.values()->Get(static_cast<uint32_t>(values.base()));
  CHECK(cache.kind() == fb::ValueKind::State);
  CHECK(model.states()->Get(static_cast<uint32_t>(cache.state()))->name()->str() == "cache");
  CHECK(FindValue(model, "ids").kind() == fb::ValueKind::Input);
  CHECK(FindValue(model, "ids").dtype() == fb::DType::I32);
  CHECK(FindValue(model, "logits").kind() == fb::ValueKind::Output);
  CHECK(FindValue(model, "table").dtype() == fb::DType::I8);

  const fb::Conv1d& conv = *FindOp(model, "conv").attributes_as_Conv1d();
  CHECK(conv.kernel() == 3);
  CHECK(conv.stride() == 2);
  CHECK(conv.padding() == 1);
  CHECK(conv.activation() == fb::Activation::Gelu);
  CHECK(FindOp(model, "norm").attributes_as_LayerNorm()->epsilon() == 0.25f);
  const fb::Attention& attention = *FindOp(model, "attend").attributes_as_Attention();
  CHECK(attention.num_heads() == 4);
  CHECK(attention.scale() == 0.125f);
  CHECK(attention.pattern() == fb::PatternKind::Causal);
  CHECK(attention.arithmetic() == fb::AttentionArithmetic::Int8);
  CHECK(FindOp(model, "activate").attributes_as_Activate()->activation() == fb::Activation::Silu);
  CHECK(FindOp(model, "sum").attributes_type() == fb::OpAttributes::Add);
  CHECK(FindOp(model, "embed").attributes_type() == fb::OpAttributes::Embedding);
  CHECK(FindOp(model, "k").attributes_as_Linear()->activation() == fb::Activation::None);
  CHECK(model.memory_plan()->activation_bytes() == graph.memory_plan.activation_bytes);
  CHECK(model.memory_plan()->io_bytes() == graph.memory_plan.io_bytes);
}

TEST_CASE("tokenizer, settings and metadata arrive as they were") {
  const auto file = Write(MakeGraph());
  const fb::Model& model = *Parse(file).model;
  CHECK(model.format_version() == 1);
  CHECK(model.family()->str() == "test");
  REQUIRE(model.metadata()->size() == 2);
  CHECK(model.metadata()->Get(0)->key()->str() == "a");
  CHECK(model.metadata()->Get(0)->value()->str() == "1");
  const fb::Tokenizer& tokenizer = *model.tokenizer();
  const auto& offsets = *tokenizer.piece_offsets();
  CHECK(std::vector<uint32_t>(offsets.begin(), offsets.end()) == std::vector<uint32_t>{0, 1, 1, 3, 5});
  CHECK(std::string(tokenizer.piece_bytes()->begin(), tokenizer.piece_bytes()->end()) ==
        std::string("abc\0\xff", 5));
  CHECK(tokenizer.special_tokens()->Get(0)->name()->str() == "<|a|>");
  CHECK(tokenizer.special_tokens()->Get(0)->id() == 3);
  CHECK(tokenizer.timestamp_begin() == 2);
  CHECK(model.generation()->suppressed_tokens()->size() == 2);
  CHECK(model.generation()->max_initial_timestamp_index() == 50);
  CHECK(model.audio()->num_mels() == 3);
  CHECK(model.tensors()->Get(static_cast<uint32_t>(model.audio()->mel_filters()))->name()->str() ==
        "mel_filters");
}

TEST_CASE("parts a model does not have are left out") {
  ir::Graph graph = MakeGraph();
  graph.audio.mel_filters = ir::kNone;
  graph.tokenizer = {};
  const auto file = Write(graph);
  const Parsed parsed = Parse(file);
  CHECK(parsed.model->audio() == nullptr);
  CHECK(parsed.model->tokenizer() == nullptr);
  CHECK(parsed.model->generation() == nullptr);
  CHECK(ValidateModel(*parsed.model, parsed.weights.size()).ok());
}

TEST_CASE("a program part beyond the limit is refused") {
  const ir::Graph graph = MakeGraph();
  const WeightsLayout layout = LayOutWeights(graph);
  const auto program = BuildProgram(graph, layout);
  REQUIRE(program.ok());
  CHECK(BuildProgram(graph, layout, 1u << 20).ok());
  const auto too_large = BuildProgram(graph, layout, program.value().size() - 1);
  REQUIRE(!too_large.ok());
  CHECK(too_large.status().code() == StatusCode::kUnsupported);
}

TEST_CASE("a number that its field cannot hold is refused, not cut") {
  ir::Graph graph = MakeGraph();
  graph.tokenizer.special_tokens["<|huge|>"] = int64_t{1} << 32;
  const auto file = PrepareModelFile(graph);
  REQUIRE(!file.ok());
  CHECK(file.status().code() == StatusCode::kUnsupported);
  CHECK(std::strstr(file.status().message(), "4294967296") != nullptr);
}

TEST_CASE("an error of the sink ends the writing") {
  const ir::Graph graph = MakeGraph();
  const auto file = PrepareModelFile(graph);
  REQUIRE(file.ok());
  int calls = 0;
  const Status status = WriteModelFile(graph, file.value(), [&calls](std::span<const std::byte>) {
    return ++calls < 3 ? Status::Ok() : Status::Error(StatusCode::kIo, "disk full");
  });
  CHECK(status.code() == StatusCode::kIo);
  CHECK(calls == 3);
}

}  // namespace earshot::emit
