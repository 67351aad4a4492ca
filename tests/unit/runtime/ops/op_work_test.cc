// Known shapes give known counts.
#include "runtime/ops/op_work.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace earshot {
namespace {

using fb::ValueKind;

struct Operand {
  ValueKind kind = ValueKind::Activation;
  DType dtype = DType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
};

// Where a test's op comes from: it makes the attributes in the builder.
using MakeAttributes = flatbuffers::Offset<void> (*)(flatbuffers::FlatBufferBuilder& builder);

// Counts the work of an op with these operands. A view stands for all inputs that are states.
OpWork Count(fb::OpAttributes type, MakeAttributes make, const std::vector<Operand>& inputs,
             const Operand& output, bool ranks_nearly = false) {
  flatbuffers::FlatBufferBuilder builder;
  const fb::Dim dim(-1, 0, 1, 1);
  std::vector<flatbuffers::Offset<fb::Value>> values;
  std::vector<int32_t> indices;
  OpOperands operands;
  operands.num_inputs = inputs.size();
  operands.num_outputs = 1;
  const auto add = [&](const Operand& operand, MatrixView& view) {
    view = {.dtype = operand.dtype, .rows = operand.rows, .cols = operand.cols, .stride = operand.cols};
    values.push_back(fb::CreateValueDirect(builder, nullptr, operand.kind, fb::DType::F32, &dim, &dim));
    const auto index = static_cast<int32_t>(values.size() - 1);
    if (operand.kind != ValueKind::State) return index;
    values.push_back(fb::CreateValueDirect(builder, nullptr, ValueKind::View, fb::DType::F32, &dim, &dim, 0,
                                           -1, -1, index));
    return index + 1;
  };
  for (size_t i = 0; i < inputs.size(); ++i) indices.push_back(add(inputs[i], operands.inputs[i]));
  const std::vector<int32_t> outputs = {add(output, operands.outputs[0])};
  const std::vector<flatbuffers::Offset<fb::Op>> ops = {
      fb::CreateOpDirect(builder, "op", type, make(builder), &indices, &outputs)};
  const std::vector<flatbuffers::Offset<fb::Symbol>> symbols;
  builder.Finish(fb::CreateMethodDirect(builder, "method", &symbols, &values, &ops));
  const auto& method = *flatbuffers::GetRoot<fb::Method>(builder.GetBufferPointer());
  return CountWork(method, *method.ops()->Get(0), operands, ranks_nearly);
}

OpWork CountLinear(DType weights) {
  return Count(fb::OpAttributes::Linear, [](auto& builder) { return fb::CreateLinear(builder).Union(); },
               {{.rows = 3, .cols = 64},
                {.kind = ValueKind::Constant, .dtype = weights, .rows = 5, .cols = 64},
                {.kind = ValueKind::Constant, .rows = 1, .cols = 5}},
               {.rows = 3, .cols = 5});
}

TEST_CASE("of a ranked layer half of the weights is read, if the session ranks nearly") {
  const auto count = [](bool ranks_nearly) {
    return Count(
               fb::OpAttributes::Linear,
               [](auto& builder) { return fb::CreateLinear(builder, fb::Activation::None, true).Union(); },
               {{.rows = 1, .cols = 64},
                {.kind = ValueKind::Constant, .dtype = DType::kI8, .rows = 5, .cols = 64}},
               {.rows = 1, .cols = 5}, ranks_nearly)
        .weight_bytes;
  };
  CHECK(count(false) == 5 * 64 + 5 * 4);
  CHECK(count(true) == 5 * 32 + 5 * 4);
}

TEST_CASE("a dense layer: m n k multiply-adds, weights in their type, with scales and bias") {
  constexpr int64_t kBias = 5 * 4;
  for (const DType weights : {DType::kF32, DType::kF16, DType::kI8, DType::kI4}) {
    const OpWork work = CountLinear(weights);
    CHECK(work.multiply_adds == 3 * 5 * 64);
    CHECK(work.activation_bytes == (3 * 64 + 3 * 5) * 4);
    CHECK(work.state_bytes == 0);
  }
  CHECK(CountLinear(DType::kF32).weight_bytes == 5 * 64 * 4 + kBias);
  CHECK(CountLinear(DType::kF16).weight_bytes == 5 * 64 * 2 + kBias);
  CHECK(CountLinear(DType::kI8).weight_bytes == 5 * 64 + 5 * 4 + kBias);
  CHECK(CountLinear(DType::kI4).weight_bytes == 5 * 32 + 5 * 2 * 2 + kBias);  // two blocks of 32 a row
  CHECK(CountLinear(DType::kF16).arithmetic == Arithmetic::kF32);
  CHECK(CountLinear(DType::kI8).arithmetic == Arithmetic::kI8);
  CHECK(CountLinear(DType::kI4).arithmetic == Arithmetic::kI8);
}

TEST_CASE("a feed-forward layer: both of its layers, and no hidden rows") {
  const auto constant = [](DType dtype, int64_t rows, int64_t cols) {
    return Operand{.kind = ValueKind::Constant, .dtype = dtype, .rows = rows, .cols = cols};
  };
  const OpWork work = Count(fb::OpAttributes::FeedForward,
                            [](auto& builder) { return fb::CreateFeedForward(builder).Union(); },
                            {{.rows = 3, .cols = 64},
                             constant(DType::kI8, 256, 64),
                             constant(DType::kF32, 1, 256),
                             constant(DType::kI8, 64, 256),
                             constant(DType::kF32, 1, 64)},
                            {.rows = 3, .cols = 64});
  CHECK(work.multiply_adds == 2 * 3 * 64 * 256);
  CHECK(work.arithmetic == Arithmetic::kI8);
  CHECK(work.weight_bytes == 2 * 64 * 256 + (256 + 64) * (4 + 4));
  CHECK(work.activation_bytes == 2 * 3 * 64 * 4);
}

TEST_CASE("a convolution: each output is a product over the kernel") {
  const OpWork work = Count(
      fb::OpAttributes::Conv1d, [](auto& builder) { return fb::CreateConv1d(builder, 3, 2, 1).Union(); },
      {{.rows = 100, .cols = 80}, {.kind = ValueKind::Constant, .rows = 384, .cols = 3 * 80}},
      {.rows = 50, .cols = 384});
  CHECK(work.multiply_adds == 50 * 384 * 240);
  CHECK(work.arithmetic == Arithmetic::kF32);
  CHECK(work.weight_bytes == 384 * 240 * 4);
  CHECK(work.activation_bytes == (100 * 80 + 50 * 384) * 4);
}

OpWork CountAttention(fb::PatternKind pattern, int64_t queries, int64_t keys, ValueKind kind) {
  const MakeAttributes full = [](auto& builder) { return fb::CreateAttention(builder, 6, 6).Union(); };
  const MakeAttributes causal = [](auto& builder) {
    return fb::CreateAttention(builder, 6, 6, 1, fb::PatternKind::Causal).Union();
  };
  const Operand cache = {.kind = kind, .dtype = DType::kF16, .rows = keys, .cols = 384};
  return Count(fb::OpAttributes::Attention, pattern == fb::PatternKind::Causal ? causal : full,
               {{.rows = queries, .cols = 384}, cache, cache}, {.rows = queries, .cols = 384});
}

TEST_CASE("full attention: every query with every key, twice") {
  const OpWork work = CountAttention(fb::PatternKind::Full, 10, 1500, ValueKind::State);
  CHECK(work.multiply_adds == 2 * 10 * 1500 * 384);
  CHECK(work.state_bytes == 2 * 1500 * 384 * 2);
  CHECK(work.activation_bytes == 2 * 10 * 384 * 4);
  CHECK(work.weight_bytes == 0);
  const OpWork self = CountAttention(fb::PatternKind::Full, 10, 1500, ValueKind::Activation);
  CHECK(self.state_bytes == 0);
  CHECK(self.bytes() == work.bytes());
}

TEST_CASE("causal attention: a query sees its own key and what came before") {
  const auto pairs = [](int64_t queries, int64_t keys) {
    const OpWork work = CountAttention(fb::PatternKind::Causal, queries, keys, ValueKind::State);
    return work.multiply_adds / (2 * 384);
  };
  CHECK(pairs(1, 1) == 1);
  CHECK(pairs(4, 4) == 1 + 2 + 3 + 4);
  CHECK(pairs(1, 37) == 37);
  CHECK(pairs(3, 10) == 8 + 9 + 10);
}

flatbuffers::Offset<void> PatternedAttention(flatbuffers::FlatBufferBuilder& builder,
                                             const std::vector<flatbuffers::Offset<fb::HeadPattern>>& heads) {
  return fb::CreateAttentionDirect(builder, 6, 6, 1, fb::PatternKind::Heads, fb::AttentionArithmetic::F32,
                                   &heads)
      .Union();
}

flatbuffers::Offset<fb::HeadPattern> HeadOf(flatbuffers::FlatBufferBuilder& builder,
                                            flatbuffers::Offset<fb::KeySelection> selection) {
  const std::vector<flatbuffers::Offset<fb::KeySelection>> selections = {selection};
  return fb::CreateHeadPatternDirect(builder, &selections);
}

TEST_CASE("patterns of heads: every query with the keys that its head selects") {
  const MakeAttributes one_for_all = [](auto& builder) {
    return PatternedAttention(
        builder, {HeadOf(builder, fb::CreateKeySelection(builder, fb::SelectionKind::Local, 2, 1))});
  };
  const MakeAttributes one_each = [](auto& builder) {
    std::vector<flatbuffers::Offset<fb::HeadPattern>> heads;
    for (int i = 0; i < 5; ++i)
      heads.push_back(HeadOf(builder, fb::CreateKeySelection(builder, fb::SelectionKind::All)));
    heads.push_back(HeadOf(builder, fb::CreateKeySelection(builder, fb::SelectionKind::Strided, 0, 0, 0, 4)));
    return PatternedAttention(builder, heads);
  };
  const Operand rows = {.rows = 10, .cols = 384};
  // Two keys before, the own one and one after it: 4 a query, less at the ends.
  CHECK(Count(fb::OpAttributes::Attention, one_for_all, {rows, rows, rows}, rows).multiply_adds ==
        2 * (4 * 10 - 2 - 1 - 1) * 384);
  // Keys 0, 4 and 8 for the last head.
  CHECK(Count(fb::OpAttributes::Attention, one_each, {rows, rows, rows}, rows).multiply_adds ==
        2 * (5 * 10 * 10 + 10 * 3) * 64);
}

TEST_CASE("an embedding reads only the rows it looks up") {
  const OpWork work =
      Count(fb::OpAttributes::Embedding, [](auto& builder) { return fb::CreateEmbedding(builder).Union(); },
            {{.dtype = DType::kI32, .rows = 2, .cols = 1},
             {.kind = ValueKind::Constant, .dtype = DType::kI8, .rows = 51864, .cols = 384}},
            {.rows = 2, .cols = 384});
  CHECK(work.multiply_adds == 0);
  CHECK(work.weight_bytes == 2 * 384 + 2 * 4);
  CHECK(work.activation_bytes == 2 * 4 + 2 * 384 * 4);
}

TEST_CASE("a sum and a norm are bytes alone") {
  const OpWork sum =
      Count(fb::OpAttributes::Add, [](auto& builder) { return fb::CreateAdd(builder).Union(); },
            {{.rows = 7, .cols = 16}, {.rows = 1, .cols = 16}}, {.rows = 7, .cols = 16});
  CHECK(sum.multiply_adds == 0);
  CHECK(sum.bytes() == (7 + 1 + 7) * 16 * 4);
  const OpWork norm =
      Count(fb::OpAttributes::LayerNorm, [](auto& builder) { return fb::CreateLayerNorm(builder).Union(); },
            {{.rows = 7, .cols = 16}, {.kind = ValueKind::Constant, .rows = 1, .cols = 16}},
            {.rows = 7, .cols = 16});
  CHECK(norm.multiply_adds == 0);
  CHECK(norm.weight_bytes == 16 * 4);
  CHECK(norm.activation_bytes == 2 * 7 * 16 * 4);
}

}  // namespace
}  // namespace earshot
