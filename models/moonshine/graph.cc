// The encoder over raw audio; the decoder is shared with the successor.
#include "models/moonshine/graph.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "models/moonshine/graph_decoder.h"

namespace earshot::moonshine {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

// What the published models were trained on (Jeffries et al. 2024, section 4): up to 30 s at 16 kHz.
constexpr int64_t kMaxSamples = 30 * 16000;

constexpr char kEncoder[] = "model.encoder";
constexpr char kEncoderTable[] = "model.encoder.rotary";

struct Convolution {
  int64_t kernel;
  int64_t stride;
  constexpr int64_t Frames(int64_t length) const { return (length - kernel) / stride + 1; }
  constexpr int64_t Needed(int64_t frames) const { return (frames - 1) * stride + kernel; }
};
constexpr Convolution kConv1 = {.kernel = 127, .stride = 64}, kConv2 = {.kernel = 7, .stride = 3},
                      kConv3 = {.kernel = 3, .stride = 2};

constexpr int64_t kMinSamples = kConv1.Needed(kConv2.Needed(kConv3.Needed(1)));

struct Config {
  int64_t width = 0, layers = 0, ffn_width = 0;
  HeadCounts heads;
  ir::Activation activation = ir::Activation::kGelu;
  Rotary rotary;
  int64_t max_samples = 0;
  DecoderConfig decoder;

  int64_t MaxFrames() const { return kConv3.Frames(kConv2.Frames(kConv1.Frames(max_samples))); }
};

class Encoder {
 public:
  Encoder(Layers& layers, const Config& config)
      : layers_(layers), method_(layers.method()), config_(config) {}

  // Makes the output; returns it. Masked: only the first `source` frames are seen as keys.
  int Build(bool is_masked) {
    const int samples = method_.AddSymbol("samples", config_.max_samples, kMinSamples);
    const int audio =
        method_.AddInput({.name = "input_values", .rows = Dim::Of(samples), .cols = Dim::Fixed(1)});
    int x = method_.WithOwnLength(Convolve(audio), is_masked ? "frames" : "source");
    seen_ = is_masked ? Dim::Of(method_.AddSymbol("source", config_.MaxFrames())) : method_.rows(x);
    for (int64_t layer = 0; layer < config_.layers; ++layer) x = Block(layer, x);
    x = layers_.LayerNorm(std::string(kEncoder) + ".layer_norm", x);
    if (layers_.status().ok()) method_.MakeOutput(x, "encoder_out");
    return x;
  }

 private:
  int Convolve(int x) {
    const std::string name = kEncoder, norm = name + ".groupnorm";
    const int64_t width = config_.width;
    x = layers_.Conv1d(name + ".conv1", x,
                       {.out_channels = width, .kernel = kConv1.kernel, .stride = kConv1.stride},
                       Bias::kNone);
    x = layers_.Activate(name + ".tanh", ir::Activation::kTanh, x);
    // One group: statistics over all of the audio.
    const int gamma = layers_.Constant(layers_.weights().Vector(norm + ".weight", width));
    const int beta = layers_.Constant(layers_.weights().Vector(norm + ".bias", width));
    if (!layers_.status().ok()) return ir::kNone;
    ir::Normalize normalize;
    normalize.axis = ir::Axis::All;
    normalize.epsilon = 1e-5f;
    x = method_.Apply(norm, normalize, {x, gamma, beta});
    x = layers_.Conv1d(name + ".conv2", x,
                       {.out_channels = 2 * width, .kernel = kConv2.kernel, .stride = kConv2.stride});
    x = layers_.Activate(name + ".gelu2", ir::Activation::kGelu, x);
    x = layers_.Conv1d(name + ".conv3", x,
                       {.out_channels = width, .kernel = kConv3.kernel, .stride = kConv3.stride});
    return layers_.Activate(name + ".gelu3", ir::Activation::kGelu, x);
  }

  int Block(int64_t layer, int x) {
    const std::string name = std::string(kEncoder) + ".layers." + std::to_string(layer);
    x = layers_.Add(name + ".self_attn.residual", x,
                    SelfAttention(name + ".self_attn", layers_.LayerNorm(name + ".input_layernorm", x)));
    const int fed =
        FeedForward(layers_, name + ".mlp", layers_.LayerNorm(name + ".post_attention_layernorm", x),
                    config_.activation, config_.ffn_width);
    return layers_.Add(name + ".mlp.residual", x, fed);
  }

  int SelfAttention(const std::string& name, int x) {
    const int64_t key_width = config_.heads.KeyWidth(config_.width);
    const int q = layers_.Linear(name + ".q_proj", x, config_.width, Bias::kOptional);
    const int k = layers_.Linear(name + ".k_proj", x, key_width, Bias::kOptional);
    const int v = layers_.Linear(name + ".v_proj", x, key_width, Bias::kOptional);
    const auto rotate = [&](const char* part, int value, int64_t heads) {
      return Rotate(layers_, name + part, value,
                    {.rotary = config_.rotary, .table = kEncoderTable, .heads = heads});
    };
    const int turned_q = rotate(".q_rotary", q, config_.heads.heads);
    const int turned_k = rotate(".k_rotary", k, config_.heads.kv_heads);
    const double head_width = static_cast<double>(config_.width) / static_cast<double>(config_.heads.heads);
    const ir::Attention attention = {.num_heads = config_.heads.heads,
                                     .num_kv_heads = config_.heads.kv_heads,
                                     .scale = static_cast<float>(1.0 / std::sqrt(head_width))};
    const int mixed =
        method_.Apply(name + ".attend", attention, {turned_q, Seen(turned_k, key_width), Seen(v, key_width)});
    return layers_.Linear(name + ".o_proj", mixed, config_.width, Bias::kOptional);
  }

  // The rows that may be seen.
  int Seen(int value, int64_t cols) {
    if (method_.rows(value) == seen_) return value;
    return method_.View(value, "seen", {.rows = seen_, .cols = cols});
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  Dim seen_;
};

Status BuildEncode(blocks::Weights& weights, const Config& config, const Caches& caches, bool is_masked) {
  ir::MethodBuilder method(weights.graph(), is_masked ? "masked" : "encode");
  Layers layers(weights, method);
  FillCrossCaches(layers, config.decoder, caches, Encoder(layers, config).Build(is_masked));
  EARSHOT_RETURN_IF_ERROR(layers.status());
  return std::move(method).Finish();
}

Result<Config> ReadConfig(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  Config config = {.width = settings.Integer("hidden_size"),
                   .layers = settings.Integer("encoder_num_hidden_layers", {1, 1024}),
                   .ffn_width = settings.Integer("intermediate_size"),
                   .heads = {.heads = settings.Integer("encoder_num_attention_heads")},
                   .decoder = ReadDecoder(settings, "decoder_")};
  config.heads.kv_heads = settings.IntegerOr("encoder_num_key_value_heads", config.heads.heads);
  EARSHOT_ASSIGN_OR_RETURN(config.activation,
                           blocks::ActivationNamed(settings.TextOr("encoder_hidden_act", "gelu")));
  EARSHOT_ASSIGN_OR_RETURN(config.decoder.activation,
                           blocks::ActivationNamed(settings.TextOr("decoder_hidden_act", "silu")));
  config.max_samples = std::max({kMaxSamples, kMinSamples, model.ExampleLength("input_values", 1, 1)});
  config.decoder.max_source = config.MaxFrames();
  config.decoder.ties_projection = settings.FlagOr("tie_word_embeddings", true);
  constexpr double kShare = 0.9;  // of a head's channels, where the settings name none
  config.rotary = ReadRotary(settings, kShare, config.width / config.heads.heads);
  config.decoder.rotary = ReadRotary(settings, kShare, config.width / config.decoder.heads.heads);
  config.rotary.positions = config.MaxFrames();
  config.decoder.rotary.positions = config.decoder.max_tokens;
  // Zeros that change nothing; what the layers hold the weights say; an id without part in decoding.
  settings.Ignore({"pad_head_dim_to_multiple_of", "attention_bias", "bos_token_id"});
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  EARSHOT_RETURN_IF_ERROR(CheckHeads(config.heads, config.width));
  EARSHOT_RETURN_IF_ERROR(CheckHeads(config.decoder.heads, config.width));
  EARSHOT_RETURN_IF_ERROR(CheckRotary(config.rotary));
  EARSHOT_RETURN_IF_ERROR(CheckRotary(config.decoder.rotary));
  return config;
}

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model));
  ir::Graph graph;
  graph.family = "moonshine";
  graph.name = model.name;
  graph.encoder_attention = {"model.encoder.layers.*.self_attn.attend"};
  // Measured on the tiny model: 4 bits in all matrices cost 5.2 points of word error rate, all of them in
  // these (models/moonshine/README.md).
  graph.int4_exceptions = {"model.encoder.*", "*.self_attn.*", "*.encoder_attn.*"};
  blocks::Weights weights(graph, model.weights);
  const Caches caches = AddCaches(graph, config.decoder);
  EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, caches, false));
  AddLoops(graph, config.decoder, "", "encode");
  if (model.example_shapes.contains("attention_mask")) {
    EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, caches, true));
    AddLoops(graph, config.decoder, "masked_", "masked");
  }
  EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, config.decoder, caches));
  return graph;
}

}  // namespace earshot::moonshine
