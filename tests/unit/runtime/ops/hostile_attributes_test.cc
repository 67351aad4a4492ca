// Model files whose attributes make no sense are refused with a message that names the op, never run.
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/runtime/ops/op_testing.h"

namespace earshot::test {
namespace {

using ir::Dim;

// A chain of one op with inputs of 6 rows; `spoil` changes its attributes in the file.
template <class Table>
Status Spoiled(const Table& attributes, void (*spoil)(Table&), size_t num_inputs = 1, int64_t cols = 12) {
  const ir::Graph graph = OneMethod([&](ir::Graph&, ir::MethodBuilder& method) {
    std::vector<int> inputs;
    for (size_t i = 0; i < num_inputs; ++i) {
      inputs.push_back(method.AddInput(
          {.name = "x" + std::to_string(i), .rows = Dim::Fixed(6), .cols = Dim::Fixed(cols)}));
    }
    method.MakeOutput(method.Apply("victim", attributes, inputs), "out");
  });
  return LoadStatus(ModelFile(graph, [spoil](fb::ModelT& model) {
    spoil(*static_cast<Table*>(model.methods[0]->ops[0]->attributes.value));
  }));
}

void CheckRefused(const Status& status) {
  INFO(status.message());
  CHECK((status.code() == StatusCode::kInvalidModel || status.code() == StatusCode::kUnsupported));
  CHECK(std::string(status.message()).find("victim") != std::string::npos);
}

TEST_CASE("attributes out of range are refused") {
  CheckRefused(Spoiled<ir::Softmax>({}, [](ir::Softmax& s) { s.groups = 0; }));
  CheckRefused(Spoiled<ir::Softmax>({}, [](ir::Softmax& s) { s.groups = 5; }));
  CheckRefused(Spoiled<ir::Softmax>({}, [](ir::Softmax& s) { s.axis = static_cast<ir::Axis>(9); }));
  CheckRefused(Spoiled<ir::Normalize>({}, [](ir::Normalize& n) { n.groups = 7; }));
  CheckRefused(
      Spoiled<ir::Normalize>({}, [](ir::Normalize& n) { n.kind = static_cast<ir::NormalizeKind>(77); }));
  CheckRefused(Spoiled<ir::Normalize>({}, [](ir::Normalize& n) { n.epsilon = -1.0f; }));
  CheckRefused(Spoiled<ir::Reduce>({}, [](ir::Reduce& r) { r.groups = 0; }));
  CheckRefused(
      Spoiled<ir::Reduce>({}, [](ir::Reduce& r) { r.function = static_cast<ir::ReduceFunction>(44); }));
  CheckRefused(
      Spoiled<ir::Unary>({}, [](ir::Unary& u) { u.function = static_cast<ir::UnaryFunction>(200); }));
  CheckRefused(
      Spoiled<ir::Binary>({}, [](ir::Binary& b) { b.function = static_cast<ir::BinaryFunction>(200); }, 2));
  CheckRefused(Spoiled<ir::MatMul>({.transpose_b = true}, [](ir::MatMul& m) { m.groups = 0; }, 2));
  CheckRefused(Spoiled<ir::MatMul>({.transpose_b = true}, [](ir::MatMul& m) { m.groups = 5; }, 2));
  CheckRefused(Spoiled<ir::MatMul>({.transpose_b = true}, [](ir::MatMul& m) { m.transpose_b = false; }, 2));
  CheckRefused(Spoiled<ir::MatMul>(
      {.transpose_b = true}, [](ir::MatMul& m) { m.out_layout = ir::GroupLayout::Shared; }, 2));
  CheckRefused(Spoiled<ir::RelativeShift>({}, [](ir::RelativeShift& r) { r.groups = 0; }, 1, 11));
  CheckRefused(Spoiled<ir::RelativeShift>({}, [](ir::RelativeShift& r) { r.groups = 4; }, 1, 11));
  CheckRefused(Spoiled<ir::LinearAttention>({}, [](ir::LinearAttention& a) { a.num_heads = 0; }, 3));
  CheckRefused(Spoiled<ir::LinearAttention>({}, [](ir::LinearAttention& a) { a.num_heads = 5; }, 3));
  CheckRefused(Spoiled<ir::LinearAttention>({}, [](ir::LinearAttention& a) { a.blindspot = 2; }, 3));
  CheckRefused(
      Spoiled<ir::LinearAttention>({.causal = true}, [](ir::LinearAttention& a) { a.blindspot = 0; }, 3));
  CheckRefused(Spoiled<ir::RankedSoftmax>({}, [](ir::RankedSoftmax& r) { r.count = 0; }));
  CheckRefused(Spoiled<ir::RankedSoftmax>({}, [](ir::RankedSoftmax& r) { r.count = 1000000; }));
  CheckRefused(Spoiled<ir::RankedSoftmax>({}, [](ir::RankedSoftmax& r) { r.groups = 5; }));
  CheckRefused(Spoiled<ir::MixBlocks>({}, [](ir::MixBlocks& m) { m.block = 0; }, 2, 6));
  CheckRefused(Spoiled<ir::MixBlocks>({}, [](ir::MixBlocks& m) { m.groups = 5; }, 2, 6));
  CheckRefused(Spoiled<ir::MixBlocks>({}, [](ir::MixBlocks& m) { m.block = 1u << 31; }, 2, 6));
  CheckRefused(Spoiled<ir::ArgMax>({}, [](ir::ArgMax& a) { a.groups = 5; }));
  CheckRefused(Spoiled<ir::TopRows>({.count = 2}, [](ir::TopRows& t) { t.count = 7; }));
  CheckRefused(Spoiled<ir::TopRows>({.count = 2}, [](ir::TopRows& t) { t.count = 0; }));
  CheckRefused(Spoiled<ir::TopRows>({.count = 2}, [](ir::TopRows& t) { t.heads = 0; }));
}

Status SpoiledSort(void (*spoil)(ir::BucketSort&)) {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    const int buckets = method.AddInput(
        {.name = "buckets", .dtype = DType::kI32, .rows = Dim::Fixed(6), .cols = Dim::Fixed(2)});
    method.MakeOutput(method.Apply("victim", ir::BucketSort{.heads = 2, .chunk = 3}, {buckets}), "out");
  });
  return LoadStatus(ModelFile(graph, [spoil](fb::ModelT& model) {
    spoil(*static_cast<ir::BucketSort*>(model.methods[0]->ops[0]->attributes.value));
  }));
}

Status SpoiledClusters(void (*spoil)(ir::ClusterAttention&)) {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    std::vector<int> inputs;
    for (const char* name : {"q", "k", "v"})
      inputs.push_back(method.AddInput({.name = name, .rows = Dim::Fixed(6), .cols = Dim::Fixed(4)}));
    inputs.push_back(method.AddInput(
        {.name = "assignment", .dtype = DType::kI32, .rows = Dim::Fixed(6), .cols = Dim::Fixed(2)}));
    method.MakeOutput(method.Apply("victim", ir::ClusterAttention{.chunk = 3}, inputs), "out");
  });
  return LoadStatus(ModelFile(graph, [spoil](fb::ModelT& model) {
    spoil(*static_cast<ir::ClusterAttention*>(model.methods[0]->ops[0]->attributes.value));
  }));
}

TEST_CASE("assignments that do not fit are refused") {
  CheckRefused(SpoiledSort([](ir::BucketSort& s) { s.heads = 0; }));
  CheckRefused(SpoiledSort([](ir::BucketSort& s) { s.chunk = 4; }));
  CheckRefused(SpoiledSort([](ir::BucketSort& s) { s.before = 0xffffffffu; }));
  CheckRefused(SpoiledSort([](ir::BucketSort& s) { s.after = 1; }));
  using Attention = ir::ClusterAttention;
  CheckRefused(SpoiledClusters([](Attention& a) { a.num_heads = 3; }));
  CheckRefused(SpoiledClusters([](Attention& a) { a.chunk = 4; }));
  CheckRefused(SpoiledClusters([](Attention& a) { a.chunk = 0xffffffffu; }));
  CheckRefused(SpoiledClusters([](Attention& a) { a.before = 2; }));
  CheckRefused(SpoiledClusters([](Attention& a) { a.memories = 7; }));
  CheckRefused(SpoiledClusters([](Attention& a) { a.masked = static_cast<ir::MaskedQuery>(9); }));
  CheckRefused(SpoiledClusters([](Attention& a) { a.own = static_cast<ir::OwnKey>(9); }));
  CheckRefused(SpoiledClusters([](Attention& a) { a.merge = static_cast<ir::Merge>(9); }));
  CheckRefused(SpoiledClusters([](Attention& a) { a.epsilon = -1.0f; }));
  CheckRefused(SpoiledClusters([](Attention& a) {
    a.pairs_once = true;
    a.masked = ir::MaskedQuery::AsOthers;
  }));
}

TEST_CASE("loops that name no method, or settings that are no numbers, are refused") {
  const ir::Graph graph = OneMethod([](ir::Graph&, ir::MethodBuilder& method) {
    const int x = method.AddInput({.name = "x", .rows = Dim::Fixed(2), .cols = Dim::Fixed(3)});
    method.MakeOutput(method.Apply("op", ir::Softmax{}, {x}), "out");
  });
  const auto with_loop = [&graph](const std::string& method, double setting) {
    return LoadStatus(ModelFile(graph, [&](fb::ModelT& model) {
      auto loop = std::make_unique<fb::LoopT>();
      loop->name = "loop";
      loop->driver = "stepwise";
      loop->methods = {method};
      loop->settings.push_back(std::make_unique<fb::SettingT>());
      loop->settings[0]->key = "prefill";
      loop->settings[0]->value = setting;
      model.loops.push_back(std::move(loop));
    }));
  };
  CHECK(with_loop("m", 1.0).ok());
  CHECK(with_loop("n", 1.0).code() == StatusCode::kInvalidModel);
  CHECK(with_loop("m", std::numeric_limits<double>::quiet_NaN()).code() == StatusCode::kInvalidModel);
}

}  // namespace
}  // namespace earshot::test
