// The choice of patterns on a Whisper so small that what its heads need is known.
#include "converter/calibrate/choose_patterns.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "converter/passes/pipeline.h"
#include "converter/patterns/head_pattern_text.h"
#include "converter/quantize/quantize.h"
#include "models/common/random.h"
#include "models/whisper/graph.h"

namespace earshot::calibrate {
namespace {

using Catch::Matchers::ContainsSubstring;

constexpr int64_t kTextTokens = 20;
constexpr const char* kSpecialTokens[] = {"<|endoftext|>",   "<|startoftranscript|>", "<|en|>",
                                          "<|translate|>",   "<|transcribe|>",        "<|startoflm|>",
                                          "<|startofprev|>", "<|nospeech|>",          "<|notimestamps|>"};
constexpr whisper::Config kConfig = {.num_mels = 8,
                                     .vocab_size = kTextTokens + 9 + 201,
                                     .width = 16,
                                     .encoder_layers = 2,
                                     .encoder_heads = 2,
                                     .encoder_ffn_width = 32,
                                     .decoder_layers = 1,
                                     .decoder_heads = 2,
                                     .decoder_ffn_width = 32,
                                     .max_audio_frames = 200,
                                     .max_text_tokens = 32};

// Random weights; the encoder's queries are zeros if its heads are to look at all keys alike.
class Weights final : public ir::WeightSource {
 public:
  explicit Weights(bool heads_look_everywhere) : heads_look_everywhere_(heads_look_everywhere) {}
  bool Has(const std::string& name) const override { return name != "proj_out.weight"; }
  std::vector<int64_t> ShapeOf(const std::string&) const override { return {}; }
  Result<std::vector<float>> Take(const std::string& name, const std::vector<int64_t>& shape) override {
    size_t count = 1;
    for (const int64_t length : shape) count *= static_cast<size_t>(length);
    std::vector<float> values(count);
    if (heads_look_everywhere_ && name.starts_with("model.encoder") &&
        name.find("q_proj") != std::string::npos)
      return values;
    for (float& value : values) value = static_cast<float>(random_.NextUnit() - 0.5);
    return values;
  }
  void Drop(const std::string&) override {}
  std::vector<std::string> Unused() const override { return {}; }

 private:
  bool heads_look_everywhere_;
  Pcg32 random_{7};
};

whisper::ModelCard Card() {
  whisper::ModelCard card;
  card.name = "small";
  card.tokenizer.pieces.resize(static_cast<size_t>(kConfig.vocab_size), "x");
  for (size_t i = 0; i < std::size(kSpecialTokens); ++i)
    card.tokenizer.special_tokens[kSpecialTokens[i]] = kTextTokens + static_cast<int64_t>(i);
  card.tokenizer.timestamp_begin = kTextTokens + 9;
  return card;
}

ir::Graph SmallGraph(bool heads_look_everywhere) {
  Weights weights(heads_look_everywhere);
  ir::Graph graph = whisper::BuildGraph(kConfig, weights, Card()).value();
  REQUIRE(passes::RunPasses(graph, passes::Pipeline()).ok());
  REQUIRE(quantize::Quantize(graph, {.weights = DType::kI8}).ok());
  return graph;
}

// As long as the model's window, which is a multiple of the pooled groups.
std::vector<Clip> Noise() {
  std::vector<Clip> clips(2, Clip(4 * 16000));
  Pcg32 random(1);
  for (Clip& clip : clips) {
    for (float& sample : clip) sample = static_cast<float>(random.NextUnit() - 0.5);
  }
  return clips;
}

ir::HeadPattern Head(const char* text) { return patterns::ParseHeadPattern(text).value(); }

TEST_CASE("heads that look everywhere get the means of the keys beyond their window", "[quick]") {
  ir::Graph graph = SmallGraph(true);
  const auto choice = ChoosePatterns(graph, Noise(),
                                     {.bounds = {.max_output_error = 1e-3, .min_agreement = 1.0},
                                      .candidates = {Head("local:8"), Head("local:8+strided:8"),
                                                     Head("local:8+pooled:8"), Head("local:64+pooled:8")},
                                      .pool = {},
                                      .on_progress = {}});
  REQUIRE(choice.ok());
  CHECK(patterns::PatternListText(choice->patterns) == "local:8+pooled:8");
  CHECK(choice->output_error <= 1e-3);
  CHECK(choice->agreement == 1.0);
  CHECK(choice->keys_share < 0.3);
  for (const ir::Attention* layer : patterns::EncoderAttention(graph)) {
    CHECK(layer->heads == std::vector{Head("local:8+pooled:8")});
    CHECK(layer->arithmetic == ir::AttentionArithmetic::kInt8);
  }
  const std::string table = FormatChoice(choice.value());
  CHECK_THAT(table, ContainsSubstring("    1     1 ") && ContainsSubstring("local:8+pooled:8"));
  CHECK_THAT(table, ContainsSubstring("100.00 % of " + std::to_string(choice->num_tokens) + " tokens"));
}

TEST_CASE("attention stays full where no candidate keeps the bounds", "[quick]") {
  ir::Graph graph = SmallGraph(true);
  const auto choice = ChoosePatterns(graph, Noise(),
                                     {.bounds = {.max_output_error = 1e-6, .min_agreement = 1.0},
                                      .candidates = {Head("local:1")},
                                      .pool = {},
                                      .on_progress = {}});
  REQUIRE(choice.ok());
  CHECK(patterns::PatternListText(choice->patterns) == "full");
  for (const ir::Attention* layer : patterns::EncoderAttention(graph))
    CHECK(layer->pattern == ir::PatternKind::kFull);
  CHECK_THAT(FormatChoice(choice.value()), ContainsSubstring("stays full"));
}

TEST_CASE("wider bounds never cost more keys", "[quick]") {
  double last_share = 1.0;
  for (const double bound : {1e-5, 1e-2, 0.1, 1.0}) {
    ir::Graph graph = SmallGraph(false);
    const auto choice = ChoosePatterns(graph, Noise(),
                                       {.bounds = {.max_output_error = bound, .min_agreement = 0.0},
                                        .candidates = {},
                                        .pool = {},
                                        .on_progress = {}});
    REQUIRE(choice.ok());
    CHECK(choice->output_error <= bound);
    CHECK(choice->keys_share <= last_share);
    last_share = choice->keys_share;
  }
  CHECK(last_share < 0.2);
}

TEST_CASE("calibration audio is cut into clips, of which enough are taken from everywhere", "[quick]") {
  const auto once = ReadCalibrationAudio({"tests/data/audio"}, {.max_clip_samples = 8000});
  REQUIRE(once.ok());
  for (const Clip& clip : once.value()) CHECK(clip.size() == 8000);
  const std::vector<std::string> four_times(4, "tests/data/audio");
  const auto all = ReadCalibrationAudio(four_times, {.max_clip_samples = 8000});
  REQUIRE(all.ok());
  CHECK(all->size() == 4 * once->size());
  const auto few = ReadCalibrationAudio(four_times, {.max_clip_samples = 8000, .max_clips = 2});
  REQUIRE(few.ok());
  CHECK(few.value() == std::vector<Clip>{all->front(), all.value()[all->size() / 2]});
}

TEST_CASE("calibration without speech says what it wants", "[quick]") {
  CHECK(ReadCalibrationAudio({"tests/data/no-such.wav"}, {}).status().code() == StatusCode::kNotFound);
  const auto empty = ReadCalibrationAudio({"tests/unit"}, {});
  CHECK(empty.status().code() == StatusCode::kInvalidArgument);
  CHECK_THAT(empty.status().message(), ContainsSubstring("--calibration-audio"));
}

}  // namespace
}  // namespace earshot::calibrate
