// Whisper's graph, run by the scalar interpreter, gives the numbers of the reference implementation
// (transformers, float32).
#include "models/whisper/graph.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "converter/import/huggingface.h"
#include "converter/ir/verifier.h"
#include "converter/quantize/narrow_states.h"
#include "tests/support/ir_interpreter.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/synthetic_whisper.h"

namespace earshot::whisper {
namespace {

using Catch::Matchers::ContainsSubstring;
using Precision = test::IrInterpreter::StatePrecision;

const std::string kCase = EARSHOT_SHARED_DIR "/zoo/cases/whisper/";

// The sizes that the case's config.json states.
constexpr Config kConfig = {.num_mels = 16,
                            .vocab_size = 99,
                            .width = 32,
                            .encoder_layers = 2,
                            .encoder_heads = 4,
                            .encoder_ffn_width = 64,
                            .decoder_layers = 2,
                            .decoder_heads = 4,
                            .decoder_ffn_width = 64,
                            .max_audio_frames = 60,
                            .max_text_tokens = 40};
constexpr int64_t kFrames = 60, kTokens = 17, kBatch = 2;

// config.json states the rounding noise of the reference itself (float32 against float64): 1.2e-6 in the
// encoder's output, 4.6e-6 in the logits. The interpreter computes in double, so about that much may differ;
// four times as much is allowed.
constexpr double kEncoderTolerance = 5e-6, kLogitTolerance = 2e-5;

// With the cross-attention cache in f16 every K and V is off by up to 2^-12 of itself, independently.
// Averaged over channels and keys that shifts the logits, whose standard deviation is 3.65, by a few times
// 1e-4.
constexpr double kLogitToleranceF16 = 2e-3;

ModelCard EmptyCard(const Config& config) {
  ModelCard card;
  card.name = "test";
  card.tokenizer.pieces.resize(static_cast<size_t>(config.vocab_size));
  return card;
}

class ReferenceCase {
 public:
  ReferenceCase()
      : inputs_(test::ReadSafetensorsFile(kCase + "inputs.safetensors")),
        expected_(test::ReadSafetensorsFile(kCase + "expected.safetensors")) {
    std::vector<checkpoint::CheckpointFile> files;
    files.push_back(checkpoint::CheckpointFile::Open(kCase + "model.safetensors").value());
    const auto weights = checkpoint::SafetensorsSource::Create(std::move(files)).value();
    graph_ = BuildGraph(kConfig, *weights, EmptyCard(kConfig)).value();
    unused_ = weights->Unused();
  }

  const ir::Graph& graph() const { return graph_; }
  const std::vector<std::string>& unused() const { return unused_; }

  // [2S, num_mels] of batch item b; the reference has it mel by mel.
  std::vector<double> Mel(int64_t b) const {
    const std::vector<float> features = inputs_.Floats("input_features");
    std::vector<double> mel;
    for (int64_t frame = 0; frame < 2 * kFrames; ++frame) {
      for (int64_t band = 0; band < kConfig.num_mels; ++band) {
        mel.push_back(static_cast<double>(
            features[static_cast<size_t>((b * kConfig.num_mels + band) * 2 * kFrames + frame)]));
      }
    }
    return mel;
  }

  std::vector<double> Tokens(int64_t b, int64_t begin, int64_t count) const {
    const std::span<const std::byte> bytes = inputs_.Get("decoder_input_ids").bytes;
    std::vector<int64_t> ids(static_cast<size_t>(kBatch * kTokens));
    REQUIRE(bytes.size() == ids.size() * sizeof(int64_t));
    std::memcpy(ids.data(), bytes.data(), bytes.size());
    const auto first = ids.begin() + b * kTokens + begin;
    return {first, first + count};
  }

  std::vector<double> EncoderOutput(int64_t b) const {
    return Expected("encoder_out", b * kFrames, kFrames, kConfig.width);
  }
  // After token `row`.
  std::vector<double> Logits(int64_t b, int64_t row) const {
    return Expected("logits", b * kTokens + row, 1, kConfig.vocab_size);
  }

 private:
  std::vector<double> Expected(const char* name, int64_t first_row, int64_t rows, int64_t cols) const {
    const std::vector<float> values = expected_.Floats(name);
    const auto first = values.begin() + first_row * cols;
    return {first, first + rows * cols};
  }

  test::SafetensorsFile inputs_;
  test::SafetensorsFile expected_;
  ir::Graph graph_;
  std::vector<std::string> unused_;
};

std::unique_ptr<ReferenceCase> LoadReference() {
  if (!std::filesystem::exists(kCase)) SKIP("no reference case in " << kCase);
  return std::make_unique<ReferenceCase>();
}

double MaxDifference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(a[i] - b[i]);
    largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
  }
  return largest;
}

void Encode(test::IrInterpreter& interpreter, const ReferenceCase& reference, int64_t b) {
  interpreter.SetInput("mel", reference.Mel(b));
  interpreter.Run("encode", {{"frames", kFrames}});
}

std::vector<double> Decode(test::IrInterpreter& interpreter, std::vector<double> tokens, int64_t position) {
  const int64_t count = static_cast<int64_t>(tokens.size());
  interpreter.SetInput("token_ids", std::move(tokens));
  interpreter.Run(
      "decode", {{"tokens", count}, {"position", position}, {"end", position + count}, {"frames", kFrames}});
  return interpreter.Read("logits");
}

TEST_CASE("The graph is whole and uses every tensor") {
  const auto reference = LoadReference();
  const Status status = ir::Verify(reference->graph());
  INFO(status.message());
  CHECK(status.ok());
  CHECK(reference->unused().empty());
}

TEST_CASE("The encoder's output is the reference's") {
  const auto reference = LoadReference();
  test::IrInterpreter interpreter(reference->graph(), Precision::kExact);
  for (int64_t b = 0; b < kBatch; ++b) {
    Encode(interpreter, *reference, b);
    CHECK(MaxDifference(interpreter.Read("encoder_output"), reference->EncoderOutput(b)) < kEncoderTolerance);
  }
}

TEST_CASE("Logits are the reference's, in one run or token by token or in pieces") {
  const auto reference = LoadReference();
  test::IrInterpreter interpreter(reference->graph(), Precision::kExact);
  for (int64_t b = 0; b < kBatch; ++b) {
    Encode(interpreter, *reference, b);
    for (int64_t count = 1; count <= kTokens; ++count) {  // prefill of every length
      CHECK(MaxDifference(Decode(interpreter, reference->Tokens(b, 0, count), 0),
                          reference->Logits(b, count - 1)) < kLogitTolerance);
    }
    for (int64_t row = 0; row < kTokens; ++row) {
      CHECK(MaxDifference(Decode(interpreter, reference->Tokens(b, row, 1), row), reference->Logits(b, row)) <
            kLogitTolerance);
    }
    int64_t position = 0;
    for (const int64_t count : {5, 1, 8, 3}) {
      const std::vector<double> logits = Decode(interpreter, reference->Tokens(b, position, count), position);
      position += count;
      CHECK(MaxDifference(logits, reference->Logits(b, position - 1)) < kLogitTolerance);
    }
  }
}

TEST_CASE("The f16 cache of the cross-attention costs little") {
  const auto reference = LoadReference();
  ir::Graph graph = reference->graph();
  quantize::KeepStatesInF16(graph, {"cross_kv_*"});
  test::IrInterpreter interpreter(graph);
  Encode(interpreter, *reference, 0);
  const double difference = MaxDifference(Decode(interpreter, reference->Tokens(0, 0, kTokens), 0),
                                          reference->Logits(0, kTokens - 1));
  CHECK(difference > kLogitTolerance);  // else the cache would not be f16
  CHECK(difference < kLogitToleranceF16);
}

// The synthetic model under the names of the contract in models/whisper/README.md.
ir::Graph SyntheticGraph() {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  std::vector<checkpoint::CheckpointFile> files;
  files.push_back(
      checkpoint::CheckpointFile::FromBytes("model", test::SafetensorsBytes(model.tensors, "F32")));
  const auto weights = checkpoint::SafetensorsSource::Create(std::move(files)).value();
  return BuildGraph(model.config, *weights, EmptyCard(model.config)).value();
}

const ir::Value& ValueNamed(const ir::Method& method, const std::string& name) {
  const auto found = std::ranges::find(method.values, name, &ir::Value::name);
  REQUIRE(found != method.values.end());
  return *found;
}

TEST_CASE("Methods, symbols, inputs, outputs and states are those of the contract") {
  const ir::Graph graph = SyntheticGraph();
  REQUIRE(graph.methods.size() == 2);
  const ir::Method &encode = graph.methods[0], &decode = graph.methods[1];
  CHECK(encode.name == "encode");
  CHECK(decode.name == "decode");

  const auto symbols_of = [](const ir::Method& method) {
    std::map<std::string, std::pair<int64_t, int64_t>> symbols;
    for (const ir::Symbol& symbol : method.symbols) symbols[symbol.name] = {symbol.minimum, symbol.maximum};
    return symbols;
  };
  using Symbols = std::map<std::string, std::pair<int64_t, int64_t>>;
  CHECK(symbols_of(encode) == Symbols{{"frames", {1, 6}}});
  CHECK(symbols_of(decode) ==
        Symbols{{"tokens", {1, 5}}, {"position", {0, 4}}, {"end", {1, 5}}, {"frames", {1, 6}}});

  CHECK(ValueNamed(encode, "mel").kind == ir::ValueKind::kInput);
  CHECK(ValueNamed(encode, "mel").rows == ir::Dim::Of(0, 2));
  CHECK(ValueNamed(encode, "mel").cols == ir::Dim::Fixed(4));
  CHECK(ValueNamed(encode, "encoder_output").kind == ir::ValueKind::kOutput);
  CHECK(ValueNamed(decode, "token_ids").dtype == DType::kI32);
  CHECK(ValueNamed(decode, "logits").rows == ir::Dim::Fixed(1));
  CHECK(ValueNamed(decode, "logits").cols == ir::Dim::Fixed(40));

  REQUIRE(graph.states.size() == 2);
  CHECK(graph.states[0].name == "cross_kv_0");
  CHECK(graph.states[0].dtype == DType::kF32);
  CHECK(graph.states[0].rows == 6);
  CHECK(graph.states[0].cols == 16);
  CHECK(graph.states[1].name == "self_kv_0");
  CHECK(graph.states[1].dtype == DType::kF32);
  CHECK(graph.states[1].rows == 5);
  CHECK(graph.states[1].cols == 16);
}

TEST_CASE("The output projection is the embedding's tensor, and the mel filters lie beside the weights") {
  const ir::Graph graph = SyntheticGraph();
  const ir::Method& decode = graph.methods[1];
  const auto op_named = [&decode](const std::string& name) {
    return *std::ranges::find(decode.ops, name, &ir::Op::name);
  };
  CHECK(op_named("decoder.tokens").inputs[1] == op_named("decoder.logits").inputs[1]);
  const auto embeddings =
      std::ranges::count_if(graph.tensors, [](const ir::Tensor& tensor) { return tensor.rows == 40; });
  CHECK(embeddings == 1);
  const ir::Tensor& filters = graph.tensors[static_cast<size_t>(graph.audio.mel_filters)];
  CHECK(filters.name == "mel_filters");
  CHECK(filters.rows == 4);
  CHECK(filters.cols == 201);
  CHECK(graph.audio.num_mels == 4);
}

TEST_CASE("A window may be shorter than the longest") {
  const ir::Graph graph = SyntheticGraph();
  test::IrInterpreter interpreter(graph);
  interpreter.SetInput("mel", std::vector<double>(2 * 3 * 4, 0.25));
  interpreter.Run("encode", {{"frames", 3}});
  CHECK(interpreter.Read("encoder_output").size() == 3 * 8);
  for (const double value : interpreter.Read("encoder_output")) CHECK(std::isfinite(value));
}

TEST_CASE("What does not belong together is refused") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  const auto build = [&model](const Config& config, const ModelCard& card) {
    std::vector<checkpoint::CheckpointFile> files;
    files.push_back(
        checkpoint::CheckpointFile::FromBytes("model", test::SafetensorsBytes(model.tensors, "F32")));
    const auto weights = checkpoint::SafetensorsSource::Create(std::move(files)).value();
    return std::string(BuildGraph(config, *weights, card).status().message());
  };
  CHECK(build(model.config, EmptyCard(model.config)).empty());

  ModelCard card = EmptyCard(model.config);
  card.tokenizer.pieces.pop_back();
  CHECK_THAT(build(model.config, card), ContainsSubstring("39 tokens"));
  card = EmptyCard(model.config);
  card.generation.begin_suppressed_tokens = {40};
  CHECK_THAT(build(model.config, card), ContainsSubstring("40"));

  Config config = model.config;
  config.decoder_ffn_width = 11;
  CHECK_THAT(build(config, EmptyCard(config)), ContainsSubstring("[10, 8], not [11, 8]"));
  config = model.config;
  config.encoder_layers = 3;
  CHECK_THAT(build(config, EmptyCard(config)), ContainsSubstring("model.encoder.layers.2"));
  config = model.config;
  config.encoder_heads = 3;
  CHECK_THAT(build(config, EmptyCard(config)), ContainsSubstring("3 heads"));
}

}  // namespace
}  // namespace earshot::whisper
