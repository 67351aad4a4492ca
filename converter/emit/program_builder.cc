// One function for each table of the schema.
#include "converter/emit/program_builder.h"

#include <cstddef>
#include <variant>

#include "runtime/schema/format_version.h"

namespace earshot::emit {
namespace {

// The enums of the IR and of the schema share their numbers.
fb::DType ToFb(DType dtype) { return static_cast<fb::DType>(dtype); }
fb::ValueKind ToFb(ir::ValueKind kind) { return static_cast<fb::ValueKind>(kind); }
fb::Activation ToFb(ir::Activation activation) { return static_cast<fb::Activation>(activation); }
fb::PatternKind ToFb(ir::PatternKind pattern) { return static_cast<fb::PatternKind>(pattern); }
fb::SelectionKind ToFb(ir::SelectionKind kind) { return static_cast<fb::SelectionKind>(kind); }
fb::AttentionArithmetic ToFb(ir::AttentionArithmetic arithmetic) {
  return static_cast<fb::AttentionArithmetic>(arithmetic);
}

// Attributes that the schema's own type holds.
template <class Table>
concept SchemaAttributes = requires { typename Table::TableType; };

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

fb::Dim ProgramBuilder::ToDim(const ir::Dim& dim) {
  return fb::Dim(dim.symbol, Narrow<int32_t>(dim.multiplier, "a multiplier of a length"),
                 Narrow<int32_t>(dim.addend, "a length"),
                 Narrow<int32_t>(dim.divisor, "a divisor of a length"));
}

flatbuffers::Offset<flatbuffers::Vector<uint32_t>> ProgramBuilder::Ids(const std::vector<int64_t>& ids) {
  std::vector<uint32_t> narrow;
  for (const int64_t id : ids) narrow.push_back(Narrow<uint32_t>(id, "an index"));
  return builder_.CreateVector(narrow);
}

flatbuffers::Offset<fb::Tensor> ProgramBuilder::AddTensor(size_t index) {
  const ir::Tensor& tensor = graph_.tensors[index];
  const TensorPlacement& placement = layout_.placements[index];
  return fb::CreateTensor(builder_, Text(tensor.name), ToFb(tensor.dtype),
                          Narrow<uint64_t>(tensor.rows, "the rows of a tensor"),
                          Narrow<uint64_t>(tensor.cols, "the columns of a tensor"), placement.data_offset,
                          tensor.data.size(), placement.scales_offset, tensor.scales.size());
}

flatbuffers::Offset<fb::State> ProgramBuilder::AddState(const ir::State& state) {
  return fb::CreateState(builder_, Text(state.name), ToFb(state.dtype),
                         Narrow<uint32_t>(state.rows, "the rows of a state"),
                         Narrow<uint32_t>(state.cols, "the columns of a state"), state.offset_bytes,
                         Narrow<uint32_t>(state.panel_cols, "the columns of a panel"));
}

flatbuffers::Offset<fb::Value> ProgramBuilder::AddValue(const ir::Value& value) {
  const bool is_view = value.kind == ir::ValueKind::kView;
  const fb::Dim rows = ToDim(value.rows), cols = ToDim(value.cols), row_begin = ToDim(value.row_begin);
  return fb::CreateValue(
      builder_, Text(value.name), ToFb(value.kind), ToFb(value.dtype), &rows, &cols, value.offset_bytes,
      value.tensor, value.state, value.base, is_view ? &row_begin : nullptr,
      Narrow<uint32_t>(is_view ? value.col_begin : 0, "the first column of a view"), value.is_transient);
}

std::pair<fb::OpAttributes, flatbuffers::Offset<void>> ProgramBuilder::AddAttributes(
    const ir::Attributes& attributes) {
  using Pair = std::pair<fb::OpAttributes, Offset<void>>;
  return std::visit(
      Overloaded{
          [&](const ir::Linear& linear) -> Pair {
            return {fb::OpAttributes::Linear,
                    fb::CreateLinear(builder_, ToFb(linear.activation), linear.is_ranked,
                                     Narrow<uint32_t>(linear.ranked_begin, "the begin of ranked columns"))
                        .Union()};
          },
          [&](const ir::Conv1d& conv) -> Pair {
            return {fb::OpAttributes::Conv1d,
                    fb::CreateConv1d(
                        builder_, Narrow<uint32_t>(conv.kernel, "the kernel of a convolution"),
                        Narrow<uint32_t>(conv.stride, "the stride of a convolution"),
                        Narrow<uint32_t>(conv.padding, "the padding of a convolution"), ToFb(conv.activation),
                        Narrow<uint32_t>(conv.dilation, "the dilation of a convolution"),
                        Narrow<uint32_t>(conv.groups, "the groups of a convolution"),
                        Narrow<int32_t>(conv.padding_end, "the padding of a convolution"), conv.ends_last)
                        .Union()};
          },
          [&](const ir::LayerNorm& norm) -> Pair {
            return {fb::OpAttributes::LayerNorm, fb::CreateLayerNorm(builder_, norm.epsilon).Union()};
          },
          [&](const ir::Add&) -> Pair { return {fb::OpAttributes::Add, fb::CreateAdd(builder_).Union()}; },
          [&](const ir::Embedding&) -> Pair {
            return {fb::OpAttributes::Embedding, fb::CreateEmbedding(builder_).Union()};
          },
          [&](const ir::Attention& attention) -> Pair {
            return {fb::OpAttributes::Attention, AddAttention(attention).Union()};
          },
          [&](const ir::Activate& activate) -> Pair {
            return {fb::OpAttributes::Activate,
                    fb::CreateActivate(builder_, ToFb(activate.activation)).Union()};
          },
          [&](const ir::FeedForward& layers) -> Pair {
            return {fb::OpAttributes::FeedForward,
                    fb::CreateFeedForward(builder_, ToFb(layers.activation)).Union()};
          },
          [&]<SchemaAttributes Table>(const Table& table) -> Pair {
            using FbTable = typename Table::TableType;
            constexpr fb::OpAttributes kType = fb::OpAttributesTraits<FbTable>::enum_value;
            return {kType, FbTable::Pack(builder_, &table).Union()};
          },
      },
      attributes);
}

flatbuffers::Offset<fb::HeadPattern> ProgramBuilder::AddHeadPattern(const ir::HeadPattern& pattern) {
  const auto selections =
      Vector<fb::KeySelection>(pattern.selections, [this](const ir::KeySelection& selection) {
        const bool has_blocks = selection.kind == ir::SelectionKind::kBlocks;
        Offset<flatbuffers::Vector<uint32_t>> begins = 0, blocks = 0;
        if (has_blocks) {
          begins = Ids(selection.block_begins);
          blocks = Ids(selection.blocks);
        }
        return fb::CreateKeySelection(
            builder_, ToFb(selection.kind), Narrow<uint32_t>(selection.left, "the left part of a window"),
            Narrow<uint32_t>(selection.right, "the right part of a window"),
            Narrow<uint32_t>(selection.count, "the number of global keys"),
            Narrow<uint32_t>(selection.step, "the step of selected keys"),
            Narrow<uint32_t>(selection.offset, "the offset of selected keys"),
            Narrow<uint32_t>(selection.width, "the width of selected keys"), begins, blocks);
      });
  return fb::CreateHeadPattern(builder_, selections, pattern.causal, pattern.own_last);
}

flatbuffers::Offset<fb::Attention> ProgramBuilder::AddAttention(const ir::Attention& attention) {
  Offsets<fb::HeadPattern> heads = 0;
  if (attention.pattern == ir::PatternKind::kHeads) {
    heads = Vector<fb::HeadPattern>(attention.heads,
                                    [this](const ir::HeadPattern& head) { return AddHeadPattern(head); });
  }
  return fb::CreateAttention(builder_, Narrow<uint32_t>(attention.num_heads, "the number of heads"),
                             Narrow<uint32_t>(attention.num_kv_heads, "the number of key heads"),
                             attention.scale, ToFb(attention.pattern), ToFb(attention.arithmetic), heads,
                             attention.past, attention.side_by_side);
}

flatbuffers::Offset<fb::Op> ProgramBuilder::AddOp(const ir::Op& op) {
  const auto name = Text(op.name);
  const auto [type, attributes] = AddAttributes(op.attributes);
  const auto inputs = builder_.CreateVector(op.inputs);
  const auto outputs = builder_.CreateVector(op.outputs);
  return fb::CreateOp(builder_, name, type, attributes, inputs, outputs);
}

flatbuffers::Offset<fb::Method> ProgramBuilder::AddMethod(const ir::Method& method) {
  const auto name = Text(method.name);
  const auto symbols = Vector<fb::Symbol>(method.symbols, [this](const ir::Symbol& symbol) {
    const fb::Dim formula = symbol.formula ? ToDim(*symbol.formula) : fb::Dim();
    return fb::CreateSymbol(
        builder_, Text(symbol.name), Narrow<uint32_t>(symbol.maximum, "the maximum of a symbol"),
        Narrow<uint32_t>(symbol.minimum, "the minimum of a symbol"), symbol.formula ? &formula : nullptr);
  });
  const auto values =
      Vector<fb::Value>(method.values, [this](const ir::Value& value) { return AddValue(value); });
  const auto ops = Vector<fb::Op>(method.ops, [this](const ir::Op& op) { return AddOp(op); });
  return fb::CreateMethod(builder_, name, symbols, values, ops, method.optional);
}

flatbuffers::Offset<fb::MemoryPlan> ProgramBuilder::AddMemoryPlan() {
  const ir::MemoryPlan& plan = graph_.memory_plan;
  return fb::CreateMemoryPlan(builder_, plan.state_bytes, plan.activation_bytes,
                              plan.activation_lower_bound_bytes, plan.io_bytes);
}

// Null where the model has no audio front end; likewise the tables below.
flatbuffers::Offset<fb::AudioFrontEnd> ProgramBuilder::AddAudio() {
  const ir::AudioFrontEnd& audio = graph_.audio;
  if (audio.mel_filters == ir::kNone) return 0;
  return fb::CreateAudioFrontEnd(builder_, Narrow<uint32_t>(audio.sample_rate_hz, "the sample rate"),
                                 Narrow<uint32_t>(audio.fft_length, "the length of the Fourier transform"),
                                 Narrow<uint32_t>(audio.hop_length, "the hop length"),
                                 Narrow<uint32_t>(audio.num_mels, "the number of mel bands"),
                                 audio.mel_filters);
}

flatbuffers::Offset<fb::Tokenizer> ProgramBuilder::AddTokenizer() {
  const ir::Tokenizer& tokenizer = graph_.tokenizer;
  if (tokenizer.pieces.empty()) return 0;
  std::vector<uint8_t> bytes;
  std::vector<uint32_t> offsets = {0};
  for (const std::string& piece : tokenizer.pieces) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  const auto piece_bytes = builder_.CreateVector(bytes);
  const auto piece_offsets = builder_.CreateVector(offsets);
  const auto special_tokens = Vector<fb::NamedToken>(tokenizer.special_tokens, [this](const auto& token) {
    return fb::CreateNamedToken(builder_, Text(token.first),
                                Narrow<uint32_t>(token.second, "the id of a special token"));
  });
  return fb::CreateTokenizer(builder_, piece_bytes, piece_offsets, special_tokens,
                             Narrow<uint32_t>(tokenizer.timestamp_begin, "the id of the first timestamp"),
                             Narrow<uint32_t>(tokenizer.timestamp_step_ms, "the step of timestamps"));
}

flatbuffers::Offset<fb::GenerationSettings> ProgramBuilder::AddGeneration() {
  const ir::GenerationSettings& generation = graph_.generation;
  if (graph_.tokenizer.pieces.empty()) return 0;
  const auto suppressed = Ids(generation.suppressed_tokens);
  const auto begin_suppressed = Ids(generation.begin_suppressed_tokens);
  return fb::CreateGenerationSettings(
      builder_, suppressed, begin_suppressed,
      Narrow<uint32_t>(generation.max_initial_timestamp_index, "the largest initial timestamp"));
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fb::Loop>>> ProgramBuilder::AddLoops() {
  if (graph_.loops.empty()) return 0;
  return Vector<fb::Loop>(graph_.loops, [this](const ir::Loop& loop) {
    const auto name = Text(loop.name);
    const auto driver = Text(loop.driver);
    const auto methods = builder_.CreateVectorOfStrings(loop.methods);
    const auto settings = Vector<fb::Setting>(loop.settings, [this](const auto& setting) {
      const auto key = Text(setting.first);
      return fb::CreateSetting(builder_, key, setting.second);
    });
    return fb::CreateLoop(builder_, name, driver, methods, settings);
  });
}

Result<std::vector<uint8_t>> ProgramBuilder::Build() && {
  const auto family = Text(graph_.family);
  const auto name = Text(graph_.name);
  const auto metadata = Vector<fb::Metadata>(graph_.metadata, [this](const auto& entry) {
    const auto key = Text(entry.first);  // in this order with every compiler
    const auto value = Text(entry.second);
    return fb::CreateMetadata(builder_, key, value);
  });
  std::vector<Offset<fb::Tensor>> tensor_offsets;
  for (size_t i = 0; i < graph_.tensors.size(); ++i) tensor_offsets.push_back(AddTensor(i));
  const auto tensors = builder_.CreateVector(tensor_offsets);
  const auto states =
      Vector<fb::State>(graph_.states, [this](const ir::State& state) { return AddState(state); });
  const auto methods =
      Vector<fb::Method>(graph_.methods, [this](const ir::Method& method) { return AddMethod(method); });
  const auto plan = AddMemoryPlan();
  const auto audio = AddAudio();
  const auto tokenizer = AddTokenizer();
  const auto generation = AddGeneration();
  const auto loops = AddLoops();
  fb::FinishSizePrefixedModelBuffer(
      builder_,
      fb::CreateModel(builder_, kFormatVersion, family, name, metadata, layout_.segment_bytes, tensors,
                      states, methods, plan, audio, tokenizer, generation,
                      layout_.segment_xxh64 ? flatbuffers::Optional<uint64_t>(*layout_.segment_xxh64)
                                            : flatbuffers::nullopt,
                      loops));
  EARSHOT_RETURN_IF_ERROR(status_);
  return std::vector<uint8_t>(builder_.GetBufferPointer(), builder_.GetBufferPointer() + builder_.GetSize());
}

}  // namespace earshot::emit
