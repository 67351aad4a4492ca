// The encoder for streams: frames of the waveform brought to one loudness, causal convolutions, windows of
// keys.
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "models/moonshine/graph.h"
#include "models/moonshine/graph_decoder.h"

namespace earshot::moonshine {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

constexpr char kEncoder[] = "model.encoder";
constexpr int64_t kKernel = 5, kStride = 2;  // of both convolutions, causal
constexpr int64_t kFramesPerRow = kStride * kStride;

// Keys that a layer sees: the frame itself with left - 1 before it, and right - 1 after it.
struct Window {
  int64_t left = 1;
  int64_t right = 0;
};

struct Config {
  int64_t width = 0, layers = 0, ffn_width = 0;
  HeadCounts heads;
  ir::Activation activation = ir::Activation::kGelu;
  std::vector<Window> windows;  // one for each layer
  int64_t frame_samples = 0;
  int64_t max_rows = 0;  // frames of the encoder
  DecoderConfig decoder;
};

// A norm whose stored gain is counted from one; no bias.
int UnitNorm(Layers& layers, const std::string& source, int x) {
  if (!layers.status().ok()) return ir::kNone;
  const int64_t width = layers.cols(x);
  const std::string name = source + ".gain";
  if (layers.weights().Find(name) == ir::kNone) {
    std::vector<float> gain = layers.weights().Take(source + ".gamma", {width});
    for (float& g : gain) g += 1.0f;
    layers.weights().Add(name, 1, width, std::move(gain));
  }
  if (!layers.status().ok()) return ir::kNone;
  return layers.method().Apply(source, ir::LayerNorm{1e-5f},
                               {x, layers.Constant(layers.weights().Find(name))});
}

class Embedder {
 public:
  Embedder(Layers& layers, const Config& config, bool is_masked)
      : layers_(layers), method_(layers.method()), config_(config), is_masked_(is_masked) {}

  void Build() {
    const int frames = method_.AddSymbol("frames", kFramesPerRow * config_.max_rows);
    const std::string name = std::string(kEncoder) + ".embedder";
    int x = method_.AddInput(
        {.name = "input_values", .rows = Dim::Of(frames), .cols = Dim::Fixed(config_.frame_samples)});
    ir::Normalize normalize;
    normalize.epsilon = 1e-6f;
    x = method_.Apply(name + ".cmvn", normalize, {x});
    x = layers_.Unary(name + ".comp", ir::UnaryFunction::Asinh, Loudness(name + ".comp", x));
    x = layers_.Linear(name + ".linear", x, config_.width, Bias::kNone);
    x = Mask("frame_mask", layers_.Activate(name + ".silu", ir::Activation::kSilu, x));
    x = Mask("conv1_mask", layers_.Conv1d(name + ".conv1", x,
                                          {.out_channels = 2 * config_.width,
                                           .kernel = kKernel,
                                           .stride = kStride,
                                           .padding = kKernel - 1,
                                           .padding_end = 0}));
    x = layers_.Activate(name + ".silu1", ir::Activation::kSilu, x);
    x = Mask("conv2_mask", layers_.Conv1d(name + ".conv2", x,
                                          {.out_channels = config_.width,
                                           .kernel = kKernel,
                                           .stride = kStride,
                                           .padding = kKernel - 1,
                                           .padding_end = 0}));
    if (layers_.status().ok()) method_.MakeOutput(x, "features");
  }

 private:
  // The factor before asinh is learned as its logarithm.
  int Loudness(const std::string& source, int x) {
    if (layers_.weights().Find(source + ".k") == ir::kNone) {
      const std::vector<float> log_k = layers_.weights().Take(source + ".log_k", {});
      if (!layers_.status().ok()) return ir::kNone;
      layers_.weights().Add(source + ".k", 1, 1, {std::exp(log_k.front())});
    }
    return layers_.Multiply(source + ".scaled", x, layers_.Constant(layers_.weights().Find(source + ".k")));
  }

  int Mask(const char* input, int x) {
    if (!is_masked_ || !layers_.status().ok()) return x;
    const int mask = method_.AddInput({.name = input, .rows = method_.rows(x), .cols = Dim::Fixed(1)});
    return layers_.Multiply(std::string(input) + ".masked", x, mask);
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  bool is_masked_;
};

class Encoder {
 public:
  Encoder(Layers& layers, const Config& config, bool is_bounded)
      : layers_(layers), method_(layers.method()), config_(config), is_bounded_(is_bounded) {}

  // Returns what the decoder attends to.
  int Build() {
    const Dim source = Dim::Of(method_.AddSymbol("source", config_.max_rows));
    int x = method_.AddInput({.name = "features", .rows = source, .cols = Dim::Fixed(config_.width)});
    for (int64_t layer = 0; layer < config_.layers; ++layer) x = Block(layer, x);
    x = UnitNorm(layers_, std::string(kEncoder) + ".final_norm", x);
    if (layers_.status().ok()) method_.MakeOutput(x, "encoder_out");
    return Adapt(x);
  }

 private:
  int Block(int64_t layer, int x) {
    const std::string name = std::string(kEncoder) + ".layers." + std::to_string(layer);
    x = layers_.Add(
        name + ".self_attn.residual", x,
        SelfAttention(layer, name + ".self_attn", UnitNorm(layers_, name + ".input_layernorm", x)));
    const int fed =
        FeedForward(layers_, name + ".mlp", UnitNorm(layers_, name + ".post_attention_layernorm", x),
                    config_.activation, config_.ffn_width);
    return layers_.Add(name + ".mlp.residual", x, fed);
  }

  int SelfAttention(int64_t layer, const std::string& name, int x) {
    const int64_t key_width = config_.heads.KeyWidth(config_.width);
    const int q = layers_.Linear(name + ".q_proj", x, config_.width, Bias::kOptional);
    const int k = layers_.Linear(name + ".k_proj", x, key_width, Bias::kOptional);
    const int v = layers_.Linear(name + ".v_proj", x, key_width, Bias::kOptional);
    const double head_width = static_cast<double>(config_.width) / static_cast<double>(config_.heads.heads);
    ir::Attention attention = {.num_heads = config_.heads.heads,
                               .num_kv_heads = config_.heads.kv_heads,
                               .scale = static_cast<float>(1.0 / std::sqrt(head_width))};
    if (is_bounded_) {
      const Window& window = config_.windows[static_cast<size_t>(layer)];
      attention.pattern = ir::PatternKind::kHeads;
      attention.heads = {{.selections = {{.kind = ir::SelectionKind::kLocal,
                                          .left = window.left - 1,
                                          .right = window.right > 0 ? window.right - 1 : 0}}}};
    }
    return layers_.Linear(name + ".o_proj", method_.Apply(name + ".attend", attention, {q, k, v}),
                          config_.width, Bias::kOptional);
  }

  // Learned positions of frames, then the width of the decoder.
  int Adapt(int x) {
    if (!layers_.status().ok()) return ir::kNone;
    const int table =
        layers_.weights().Matrix("model.decoder.pos_emb.weight", config_.max_rows, config_.width);
    if (!layers_.status().ok()) return ir::kNone;
    const int positions = method_.View(layers_.Constant(table), "model.decoder.positions",
                                       {.rows = method_.rows(x), .cols = config_.width});
    x = layers_.Add("model.decoder.memory", x, positions);
    if (config_.width == config_.decoder.width) return x;
    return layers_.Linear("model.decoder.proj", x, config_.decoder.width, Bias::kNone);
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  bool is_bounded_;
};

Status BuildEmbed(blocks::Weights& weights, const Config& config, bool is_masked) {
  ir::MethodBuilder method(weights.graph(), is_masked ? "embed_masked" : "embed");
  Layers layers(weights, method);
  Embedder(layers, config, is_masked).Build();
  EARSHOT_RETURN_IF_ERROR(layers.status());
  return std::move(method).Finish();
}

Status BuildEncode(blocks::Weights& weights, const Config& config, const Caches& caches, bool is_bounded) {
  ir::MethodBuilder method(weights.graph(), is_bounded ? "encode" : "encode_unbounded");
  Layers layers(weights, method);
  FillCrossCaches(layers, config.decoder, caches, Encoder(layers, config, is_bounded).Build());
  EARSHOT_RETURN_IF_ERROR(layers.status());
  return std::move(method).Finish();
}

Result<std::vector<Window>> ReadWindows(ir::HyperParameters& encoder, int64_t layers) {
  const std::vector<std::vector<int64_t>> pairs = encoder.IntegerLists("sliding_windows", {0, 1 << 16});
  EARSHOT_RETURN_IF_ERROR(encoder.status());
  std::vector<Window> windows;
  for (const std::vector<int64_t>& pair : pairs) {
    if (pair.size() == 2 && pair[0] >= 1) windows.push_back({.left = pair[0], .right = pair[1]});
  }
  if (windows.size() == pairs.size() && static_cast<int64_t>(windows.size()) == layers) return windows;
  return Status::Error(
      StatusCode::kInvalidModel,
      "sliding_windows needs a pair for each of %lld layers: at least 1 to the left, 0 or more to the "
      "right",
      static_cast<long long>(layers));
}

Result<Config> ReadConfig(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  ir::HyperParameters& encoder =
      settings.Section(settings.Has("encoder_config") ? "encoder_config" : "encoder");
  Config config = {.width = encoder.Integer("hidden_size"),
                   .layers = encoder.Integer("num_hidden_layers", {1, 1024}),
                   .ffn_width = encoder.Integer("intermediate_size"),
                   .heads = {.heads = encoder.Integer("num_attention_heads")},
                   .max_rows = encoder.IntegerOr("max_position_embeddings", 4096, {1, 1 << 16}),
                   .decoder = ReadDecoder(settings, "")};
  config.heads.kv_heads = encoder.IntegerOr("num_key_value_heads", config.heads.heads);
  EARSHOT_ASSIGN_OR_RETURN(config.activation, blocks::ActivationNamed(encoder.TextOr("hidden_act", "gelu")));
  EARSHOT_ASSIGN_OR_RETURN(config.decoder.activation,
                           blocks::ActivationNamed(settings.TextOr("hidden_act", "silu")));
  const double frame = encoder.NumberOr("sample_rate", 16000) * encoder.NumberOr("frame_ms", 5) / 1000;
  config.frame_samples = frame >= 1 && frame <= 1 << 16 ? std::lround(frame) : 0;
  config.decoder.max_source = config.max_rows;
  config.decoder.ties_projection = settings.FlagOr("tie_word_embeddings", false);
  constexpr double kShare = 0.8;  // of a head's channels, where the settings name none
  config.decoder.rotary = ReadRotary(settings, kShare, config.decoder.width / config.decoder.heads.heads);
  config.decoder.rotary.positions = config.decoder.max_tokens;
  EARSHOT_ASSIGN_OR_RETURN(config.windows, ReadWindows(encoder, config.layers));
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  EARSHOT_RETURN_IF_ERROR(CheckHeads(config.heads, config.width));
  EARSHOT_RETURN_IF_ERROR(CheckHeads(config.decoder.heads, config.decoder.width));
  EARSHOT_RETURN_IF_ERROR(CheckRotary(config.decoder.rotary));
  if (config.frame_samples >= 1) return config;
  return Status::Error(StatusCode::kInvalidModel, "sample_rate and frame_ms make no frame");
}

}  // namespace

Result<ir::Graph> BuildStreaming(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model));
  ir::Graph graph;
  graph.family = "moonshine_streaming";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  const Caches caches = AddCaches(graph, config.decoder);
  EARSHOT_RETURN_IF_ERROR(BuildEmbed(weights, config, false));
  EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, caches, true));
  AddLoops(graph, config.decoder, "", "encode");
  for (ir::Loop& loop : graph.loops)
    loop.settings["frame_samples"] = static_cast<double>(config.frame_samples);
  if (model.example_shapes.contains("attention_mask")) {
    EARSHOT_RETURN_IF_ERROR(BuildEmbed(weights, config, true));
    EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, caches, false));
  }
  EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, config.decoder, caches));
  return graph;
}

}  // namespace earshot::moonshine
