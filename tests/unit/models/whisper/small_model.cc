// Writes the small model's file.
#include "tests/unit/models/whisper/small_model.h"

#include <cstring>
#include <utility>
#include <vector>

#include "models/common/mel_filters.h"
#include "runtime/schema/format_version.h"

namespace earshot::whisper {
namespace {

using flatbuffers::FlatBufferBuilder;
template <class T>
using Offsets = std::vector<flatbuffers::Offset<T>>;

const std::vector<std::pair<std::string, int32_t>>& SpecialTokens() {
  static const std::vector<std::pair<std::string, int32_t>> kTokens = {
      {"<|endoftext|>", token::kEndOfText},
      {"<|startoftranscript|>", token::kStart},
      {"<|en|>", token::kEnglish},
      {"<|de|>", token::kGerman},
      {"<|haw|>", token::kHawaiian},
      {"<|translate|>", token::kTranslate},
      {"<|transcribe|>", token::kTranscribe},
      {"<|startofprev|>", token::kPrevious},
      {"<|nospeech|>", token::kNoSpeech},
      {"<|notimestamps|>", token::kNoTimestamps},
  };
  return kTokens;
}

std::vector<std::string> Pieces() {
  std::vector<std::string> pieces = {" ", " one", " two", " three", ".", " [noise]", "\xE2", " unused"};
  pieces.resize(static_cast<size_t>(token::kSize));
  for (const auto& [name, id] : SpecialTokens()) pieces[static_cast<size_t>(id)] = name;
  return pieces;
}

flatbuffers::Offset<fb::Tokenizer> AddTokenizer(FlatBufferBuilder& builder,
                                                const SmallModelOptions& options) {
  std::vector<uint8_t> bytes;
  std::vector<uint32_t> offsets = {0};
  for (const std::string& piece : Pieces()) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  Offsets<fb::NamedToken> special;
  for (const auto& [name, id] : SpecialTokens()) {
    if (name == options.without) continue;
    const auto moved = options.moved.find(name);
    const uint32_t used_id = moved != options.moved.end() ? moved->second : static_cast<uint32_t>(id);
    const auto renamed = options.renamed.find(name);
    const std::string& used_name = renamed != options.renamed.end() ? renamed->second : name;
    special.push_back(fb::CreateNamedTokenDirect(builder, used_name.c_str(), used_id));
  }
  return fb::CreateTokenizerDirect(builder, &bytes, &offsets, &special, options.timestamp_begin, 20);
}

flatbuffers::Offset<fb::GenerationSettings> AddGeneration(FlatBufferBuilder& builder) {
  const std::vector<uint32_t> suppressed = {static_cast<uint32_t>(token::kSuppressed)};
  const std::vector<uint32_t> begin_suppressed = {static_cast<uint32_t>(token::kBlank),
                                                  static_cast<uint32_t>(token::kEndOfText)};
  return fb::CreateGenerationSettingsDirect(builder, &suppressed, &begin_suppressed, 50);
}

fb::Dim Constant(int32_t length) { return {-1, 0, length, 1}; }
fb::Dim Symbol(int32_t symbol, int32_t multiplier = 1, int32_t addend = 0) {
  return {symbol, multiplier, addend, 1};
}

constexpr int32_t kMels = static_cast<int32_t>(kSmallModelMels);

// encoder_output = relu(first S rows of mel). Offsets in the io arena: mel 0, encoder output behind it.
constexpr uint64_t kEncoderOutputOffset = 3000 * kMels * sizeof(float);
constexpr uint64_t kTokenIdsOffset = 2 * kEncoderOutputOffset;
constexpr uint64_t kLogitsOffset = kTokenIdsOffset + 4096;
constexpr uint64_t kIoBytes = kLogitsOffset + 16384;

flatbuffers::Offset<fb::Method> AddEncode(FlatBufferBuilder& builder, const SmallModelOptions& options) {
  const fb::Dim mel_rows = Symbol(0, 2), rows = Symbol(0), cols = Constant(kMels), zero = Constant(0);
  const Offsets<fb::Symbol> symbols = {
      fb::CreateSymbolDirect(builder, "frames", options.max_audio_frames, 1)};
  const Offsets<fb::Value> values = {
      fb::CreateValueDirect(builder, "mel", fb::ValueKind::Input, fb::DType::F32, &mel_rows, &cols, 0),
      fb::CreateValueDirect(builder, "head", fb::ValueKind::View, fb::DType::F32, &rows, &cols, 0, -1, -1, 0,
                            &zero),
      fb::CreateValueDirect(builder, "encoder_output", fb::ValueKind::Output, fb::DType::F32, &rows, &cols,
                            kEncoderOutputOffset)};
  const std::vector<int32_t> inputs = {1}, outputs = {2};
  const auto relu = fb::CreateActivate(builder, fb::Activation::Relu);
  const Offsets<fb::Op> ops = {
      fb::CreateOpDirect(builder, "relu", fb::OpAttributes::Activate, relu.Union(), &inputs, &outputs)};
  return fb::CreateMethodDirect(builder, "encode", &symbols, &values, &ops);
}

// logits = row of the chain for the last token.
flatbuffers::Offset<fb::Method> AddDecode(FlatBufferBuilder& builder, const SmallModelOptions& options) {
  const uint32_t max_tokens = options.max_text_tokens;
  const fb::Dim tokens = Symbol(1), last = Symbol(1, 1, -1), one = Constant(1),
                vocab = Constant(token::kSize);
  const fb::Dim logits_cols = Constant(static_cast<int32_t>(options.logits_cols));
  // Not in the order in which the session's code names them.
  const Offsets<fb::Symbol> symbols = {
      fb::CreateSymbolDirect(builder, "position", max_tokens - 1, 0),
      fb::CreateSymbolDirect(builder, "tokens", max_tokens, 1),
      fb::CreateSymbolDirect(builder, "frames", options.max_audio_frames, 1),
      fb::CreateSymbolDirect(builder, options.end_symbol.c_str(), max_tokens, 1)};
  const Offsets<fb::Value> values = {
      fb::CreateValueDirect(builder, "token_ids", fb::ValueKind::Input, fb::DType::I32, &tokens, &one,
                            kTokenIdsOffset),
      fb::CreateValueDirect(builder, "last_id", fb::ValueKind::View, fb::DType::I32, &one, &one, 0, -1, -1, 0,
                            &last),
      fb::CreateValueDirect(builder, "chain", fb::ValueKind::Constant, fb::DType::F32, &vocab, &logits_cols,
                            0, 1),
      fb::CreateValueDirect(builder, options.logits_name.c_str(), fb::ValueKind::Output, fb::DType::F32, &one,
                            &logits_cols, kLogitsOffset)};
  const std::vector<int32_t> inputs = {1, 2}, outputs = {3};
  const auto embedding = fb::CreateEmbedding(builder);
  const Offsets<fb::Op> ops = {fb::CreateOpDirect(builder, "chain", fb::OpAttributes::Embedding,
                                                  embedding.Union(), &inputs, &outputs)};
  return fb::CreateMethodDirect(builder, options.decode_name.c_str(), &symbols, &values, &ops);
}

struct Weights {
  std::vector<std::byte> bytes;
  Offsets<fb::Tensor> tensors;

  void Add(FlatBufferBuilder& builder, const char* name, const std::vector<float>& data, uint64_t rows) {
    const uint64_t offset = AlignUp(bytes.size()), data_bytes = data.size() * sizeof(float);
    bytes.resize(static_cast<size_t>(offset + data_bytes));
    std::memcpy(bytes.data() + offset, data.data(), static_cast<size_t>(data_bytes));
    tensors.push_back(
        fb::CreateTensorDirect(builder, name, fb::DType::F32, rows, data.size() / rows, offset, data_bytes));
  }
};

Weights MakeWeights(FlatBufferBuilder& builder, const SmallModelOptions& options) {
  Weights weights;
  weights.Add(builder, "mel_filters", MelFilterBank({.num_mels = kMels}).value(), kMels);
  std::vector<float> chain(static_cast<size_t>(token::kSize) * options.logits_cols, 0.0f);
  for (const auto& [from, row] : options.chain) {
    for (const auto& [to, logit] : row)
      chain[static_cast<size_t>(from) * options.logits_cols + static_cast<size_t>(to)] = logit;
  }
  weights.Add(builder, "chain", chain, token::kSize);
  return weights;
}

}  // namespace

SmallModel::SmallModel(const SmallModelOptions& options) {
  FlatBufferBuilder builder;
  const Weights weights = MakeWeights(builder, options);
  const Offsets<fb::State> states;
  const Offsets<fb::Method> methods = {AddEncode(builder, options), AddDecode(builder, options)};
  const Offsets<fb::Metadata> metadata = {
      fb::CreateMetadataDirect(builder, "multilingual", options.multilingual ? "true" : "false")};
  const auto plan = fb::CreateMemoryPlan(builder, 0, 0, 0, kIoBytes);
  flatbuffers::Offset<fb::AudioFrontEnd> audio;
  if (options.with_audio)
    audio = fb::CreateAudioFrontEnd(builder, 16000, 400, 160, static_cast<uint32_t>(kMels), 0);
  flatbuffers::Offset<fb::Tokenizer> tokenizer;
  if (options.with_tokenizer) tokenizer = AddTokenizer(builder, options);
  const auto generation = AddGeneration(builder);
  fb::FinishSizePrefixedModelBuffer(
      builder, fb::CreateModelDirect(builder, kFormatVersion, options.family.c_str(), "small", &metadata,
                                     weights.bytes.size(), &weights.tensors, &states, &methods, plan, audio,
                                     tokenizer, generation));

  const size_t weights_begin =
      (builder.GetSize() + kWeightsAlignment - 1) / kWeightsAlignment * kWeightsAlignment;
  memory_.emplace(weights_begin + weights.bytes.size());
  std::byte* begin = memory_->bytes().data();
  std::memcpy(begin, builder.GetBufferPointer(), builder.GetSize());
  std::memcpy(begin + weights_begin, weights.bytes.data(), weights.bytes.size());
}

Program SmallModel::program() const { return Program::Load(memory_->bytes()).value(); }
Dimensions SmallModel::dimensions() const { return ReadDimensions(program()).value(); }

}  // namespace earshot::whisper
