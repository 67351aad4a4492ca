// The feature extractor that both share, then transformer or conformer layers.
#include "models/wav2vec2/graph.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/conformer.h"

namespace earshot::wav2vec2 {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

// Recordings to plan memory for: 30 s at 16 kHz, and of encoders with short frames no more than that is
// elsewhere.
constexpr int64_t kMaxSamples = 30 * 16000;
constexpr int64_t kMaxFrames = 1500;

struct Config {
  std::string prefix;
  int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, ffn_width = 0;
  std::vector<int64_t> conv_channels, conv_kernels, conv_strides;
  bool has_group_norm = false;  // after the first convolution only, else a layer norm after each
  bool has_conv_bias = false;
  int64_t max_samples = 0;
  ir::Activation activation = ir::Activation::kGelu;
  int64_t blank = 0;
  bool puts_out_steps = false;
  // Transformer
  bool is_pre_norm = false;
  int64_t position_kernel = 0, position_groups = 0;
  // Conformer
  int64_t depthwise_kernel = 0;
  bool has_relative_positions = false;  // else rotary ones

  int64_t MinSamples() const {
    int64_t needed = 1;
    for (size_t i = std::min(conv_kernels.size(), conv_strides.size()); i-- > 0;)
      needed = std::min<int64_t>((needed - 1) * conv_strides[i] + conv_kernels[i], kMaxSamples);
    return needed;
  }
  int64_t Stride() const {
    int64_t stride = 1;
    for (const int64_t s : conv_strides) stride = std::min<int64_t>(stride * s, kMaxSamples);
    return stride;
  }
  int64_t MaxFrames() const { return max_samples / Stride() + 1; }
};

struct Masks {
  int frames = ir::kNone;    // [T, 1]
  int key_bias = ir::kNone;  // [1, T]
};

int Extract(Layers& layers, const Config& config, int x) {
  for (size_t i = 0; i < config.conv_channels.size(); ++i) {
    const std::string source = config.prefix + "feature_extractor.conv_layers." + std::to_string(i);
    x = layers.Conv1d(source + ".conv", x,
                      {.out_channels = config.conv_channels[i],
                       .kernel = config.conv_kernels[i],
                       .stride = config.conv_strides[i]},
                      config.has_conv_bias ? Bias::kPresent : Bias::kNone);
    const std::string norm = source + ".layer_norm";
    if (!config.has_group_norm) {
      x = layers.LayerNorm(norm, x);
    } else if (i == 0) {
      // One group for each channel, over time.
      const int gamma = layers.Constant(layers.weights().Vector(norm + ".weight", config.conv_channels[i]));
      const int beta = layers.Constant(layers.weights().Vector(norm + ".bias", config.conv_channels[i]));
      if (!layers.status().ok()) return ir::kNone;
      x = layers.method().Apply(norm, ir::Normalize{.axis = ir::Axis::Column, .epsilon = 1e-5f},
                                {x, gamma, beta});
    }
    x = layers.Activate(source + ".gelu", ir::Activation::kGelu, x);
  }
  return x;
}

// Names of the two tensors of weight norm: as PyTorch writes them, and as it did before 2.0.
std::pair<std::string, std::string> WeightNormNames(const blocks::Weights& weights,
                                                    const std::string& source) {
  if (weights.Has(source + ".weight_g")) return {source + ".weight_g", source + ".weight_v"};
  const std::string parametrized = source + ".parametrizations.weight.";
  return {parametrized + "original0", parametrized + "original1"};
}

// Weight norm: g v / |v|, the length over all channels for each tap.
int PositionConvolution(Layers& layers, const Config& config, int x) {
  const std::string source = config.prefix + "encoder.pos_conv_embed.conv";
  const int64_t kernel = config.position_kernel, channels = config.width / config.position_groups;
  const blocks::ConvSize size = {.out_channels = config.width,
                                 .kernel = kernel,
                                 .padding = kernel / 2,
                                 .padding_end = kernel % 2 == 0 ? kernel / 2 - 1 : kernel / 2,
                                 .groups = config.position_groups};
  std::vector<float> weight;
  if (layers.weights().Find(source + ".weight") == ir::kNone) {
    const auto [gain_name, direction_name] = WeightNormNames(layers.weights(), source);
    const std::vector<float> gain = layers.weights().Take(gain_name, {1, 1, kernel});
    weight = layers.weights().Take(direction_name, {config.width, channels, kernel});
    if (!layers.status().ok()) return ir::kNone;
    std::vector<double> squares(static_cast<size_t>(kernel), 0.0);
    for (size_t i = 0; i < weight.size(); ++i)
      squares[i % static_cast<size_t>(kernel)] +=
          static_cast<double>(weight[i]) * static_cast<double>(weight[i]);
    for (size_t i = 0; i < weight.size(); ++i) {
      const size_t tap = i % static_cast<size_t>(kernel);
      weight[i] = static_cast<float>(static_cast<double>(weight[i]) * static_cast<double>(gain[tap]) /
                                     std::sqrt(squares[tap]));
    }
  }
  int y = layers.Conv1dWith(source, x, size, weight, layers.weights().Vector(source + ".bias", config.width));
  y = layers.Activate(source + ".gelu", ir::Activation::kGelu, y);
  return layers.Add(source + ".residual", x, y);
}

int SelfAttention(Layers& layers, const Config& config, const std::string& source, int x, int key_bias) {
  if (key_bias == ir::kNone) return layers.Attention(source, x, x, {.heads = config.heads});
  const std::string prefix = source + ".";
  const int q = layers.Linear(prefix + "q_proj", x, config.width),
            k = layers.Linear(prefix + "k_proj", x, config.width);
  const int v = layers.Linear(prefix + "v_proj", x, config.width);
  const double head_dim = static_cast<double>(config.width) / static_cast<double>(config.heads);
  const int mixed = layers.ExplicitAttention(
      source, q, k, v,
      {.heads = config.heads, .scale = static_cast<float>(1.0 / std::sqrt(head_dim)), .bias = key_bias});
  return layers.Linear(prefix + "out_proj", mixed, config.width);
}

int FeedForward(Layers& layers, const Config& config, const std::string& source, int x) {
  int y = layers.Linear(source + ".intermediate_dense", x, config.ffn_width);
  y = layers.Activate(source + ".activation", config.activation, y);
  return layers.Linear(source + ".output_dense", y, config.width);
}

int TransformerLayer(Layers& layers, const Config& config, const std::string& source, int x,
                     const Masks& masks) {
  const auto attend = [&](int in) {
    return SelfAttention(layers, config, source + ".attention", in, masks.key_bias);
  };
  const auto feed = [&](int in) { return FeedForward(layers, config, source + ".feed_forward", in); };
  const std::string first = source + ".layer_norm", second = source + ".final_layer_norm";
  if (config.is_pre_norm) {
    x = layers.Add(source + ".attention.residual", x, attend(layers.LayerNorm(first, x)));
    return layers.Add(source + ".feed_forward.residual", x, feed(layers.LayerNorm(second, x)));
  }
  x = layers.LayerNorm(first, layers.Add(source + ".attention.residual", x, attend(x)));
  return layers.LayerNorm(second, layers.Add(source + ".feed_forward.residual", x, feed(x)));
}

// Rotates what queries and keys are projected from.
int RotaryAttention(Layers& layers, const Config& config, const std::string& source, int x, int key_bias) {
  const int64_t head_dim = config.width / config.heads, pairs = head_dim / 2;
  ir::MethodBuilder& method = layers.method();
  if (layers.weights().Find("rotary_sines") == ir::kNone) {
    const std::vector<float> both = blocks::Sinusoids(0, config.MaxFrames(), head_dim);
    std::vector<float> sines, cosines;
    for (size_t i = 0; i < both.size(); ++i)
      (i % static_cast<size_t>(head_dim) < static_cast<size_t>(pairs) ? sines : cosines).push_back(both[i]);
    layers.weights().Add("rotary_sines", config.MaxFrames(), pairs, std::move(sines));
    layers.weights().Add("rotary_cosines", config.MaxFrames(), pairs, std::move(cosines));
  }
  if (!layers.status().ok()) return ir::kNone;
  const auto rows = [&](const char* table) {
    return method.View(layers.Constant(layers.weights().Find(table)), std::string(table) + ".rows",
                       {.rows = method.rows(x), .cols = pairs});
  };
  const int turned =
      method.Apply(source + ".rotary", ir::Rotary{.num_heads = static_cast<uint32_t>(config.heads)},
                   {x, rows("rotary_cosines"), rows("rotary_sines")});
  const int q = layers.Linear(source + ".linear_q", turned, config.width);
  const int k = layers.Linear(source + ".linear_k", turned, config.width);
  const int v = layers.Linear(source + ".linear_v", x, config.width);
  const double scale = 1.0 / std::sqrt(static_cast<double>(head_dim));
  const int mixed = layers.ExplicitAttention(
      source, q, k, v, {.heads = config.heads, .scale = static_cast<float>(scale), .bias = key_bias});
  return layers.Linear(source + ".linear_out", mixed, config.width);
}

struct ConformerContext {
  Masks masks;
  int positions = ir::kNone;
};

int ConformerLayer(Layers& layers, const Config& config, const std::string& source, int x,
                   const ConformerContext& context) {
  const auto half = [&](const std::string& part, int in) {
    const std::string name = source + "." + part;
    const int y = FeedForward(layers, config, name, layers.LayerNorm(name + "_layer_norm", in));
    return layers.Add(name + ".residual", in, layers.Scale(name + ".half", y, 0.5));
  };
  x = half("ffn1", x);
  const int norm = layers.LayerNorm(source + ".self_attn_layer_norm", x);
  const int mixed =
      config.has_relative_positions
          ? blocks::RelativeAttention(
                layers, source + ".self_attn",
                {.x = norm, .positions = context.positions, .key_bias = context.masks.key_bias}, config.heads,
                Bias::kPresent)
          : RotaryAttention(layers, config, source + ".self_attn", norm, context.masks.key_bias);
  x = layers.Add(source + ".self_attn.residual", x, mixed);
  const std::string module = source + ".conv_module";
  const int convolved =
      blocks::ConvolutionModule(layers, module, layers.LayerNorm(module + ".layer_norm", x),
                                {.kernel = config.depthwise_kernel, .activation = config.activation});
  x = half("ffn2", layers.Add(module + ".residual", x, convolved));
  return layers.LayerNorm(source + ".final_layer_norm", x);
}

class MethodOf {
 public:
  MethodOf(blocks::Weights& weights, const Config& config, bool is_masked)
      : config_(config),
        method_(weights.graph(), is_masked ? "masked" : "forward"),
        layers_(weights, method_),
        is_masked_(is_masked) {}

  Status Build() {
    const int samples = method_.AddSymbol("samples", config_.max_samples, config_.MinSamples());
    const int audio =
        method_.AddInput({.name = "input_values", .rows = Dim::Of(samples), .cols = Dim::Fixed(1)});
    const int features = Extract(layers_, config_, audio);
    const std::string projection = config_.prefix + "feature_projection.";
    int x = layers_.Linear(projection + "projection", layers_.LayerNorm(projection + "layer_norm", features),
                           config_.width);
    EARSHOT_RETURN_IF_ERROR(layers_.status());
    if (config_.puts_out_steps) {
      method_.MakeOutput(features, "conv_features");
      method_.MakeOutput(x, "projected");
    }
    x = method_.WithOwnLength(x, "frames");
    if (is_masked_) x = Mask(x);
    x = Encode(x);
    const int logits = layers_.Linear("lm_head", x, config_.vocabulary);
    const int best = method_.Apply("argmax", ir::ArgMax{}, {logits});
    EARSHOT_RETURN_IF_ERROR(layers_.status());
    method_.MakeOutput(logits, "logits");
    method_.MakeOutput(best, "argmax");
    return std::move(method_).Finish();
  }

 private:
  int Mask(int x) {
    masks_.frames = method_.AddInput({.name = "frame_mask", .rows = method_.rows(x), .cols = Dim::Fixed(1)});
    masks_.key_bias = method_.AddInput({.name = "key_bias", .rows = Dim::Fixed(1), .cols = method_.rows(x)});
    return layers_.Multiply("masked", x, masks_.frames);
  }

  // Layer `index`'s input is an output of the method.
  int PutOut(int x, int64_t index) {
    if (layers_.status().ok() && config_.puts_out_steps)
      method_.MakeOutput(x, "hidden" + std::to_string(index));
    return x;
  }

  int Encode(int x) {
    const bool is_conformer = config_.depthwise_kernel > 0;
    const std::string norm = config_.prefix + "encoder.layer_norm";
    ConformerContext context = {.masks = masks_, .positions = ir::kNone};
    if (!is_conformer) x = PositionConvolution(layers_, config_, x);
    if (!is_conformer && !config_.is_pre_norm) x = layers_.LayerNorm(norm, x);
    if (is_conformer && config_.has_relative_positions)
      context.positions = blocks::RelativePositions(layers_, x, config_.MaxFrames(), config_.width);
    if (is_conformer && !is_masked_) x = layers_.Activate("hidden0.copy", ir::Activation::kNone, x);
    x = PutOut(x, 0);
    for (int64_t layer = 0; layer < config_.layers; ++layer) {
      const std::string source = config_.prefix + "encoder.layers." + std::to_string(layer);
      x = is_conformer ? ConformerLayer(layers_, config_, source, x, context)
                       : TransformerLayer(layers_, config_, source, x, masks_);
      x = PutOut(x, layer + 1);
    }
    return is_conformer || config_.is_pre_norm ? layers_.LayerNorm(norm, x) : x;
  }

  const Config& config_;
  ir::MethodBuilder method_;
  Layers layers_;
  bool is_masked_;
  Masks masks_;
};

Config ReadConfig(ir::ReferenceModel& model, const char* prefix) {
  ir::HyperParameters& settings = model.settings;
  Config config = {.prefix = std::string(prefix) + ".",
                   .vocabulary = settings.Integer("vocab_size"),
                   .width = settings.Integer("hidden_size"),
                   .layers = settings.Integer("num_hidden_layers", {1, 1024}),
                   .heads = settings.Integer("num_attention_heads"),
                   .ffn_width = settings.Integer("intermediate_size"),
                   .conv_channels = settings.Integers("conv_dim"),
                   .conv_kernels = settings.Integers("conv_kernel", {1, 1 << 12}),
                   .conv_strides = settings.Integers("conv_stride", {1, 1 << 12}),
                   .has_group_norm = settings.TextOr("feat_extract_norm", "group") != "layer",
                   .has_conv_bias = settings.FlagOr("conv_bias", false),
                   .is_pre_norm = settings.FlagOr("do_stable_layer_norm", false),
                   .position_kernel = settings.IntegerOr("num_conv_pos_embeddings", 128, {1, 1 << 12}),
                   .position_groups = settings.IntegerOr("num_conv_pos_embedding_groups", 16)};
  config.max_samples = std::max({std::min(kMaxSamples, kMaxFrames * config.Stride()), config.MinSamples(),
                                 model.ExampleLength("input_values", 1, 1)});
  if (config.has_group_norm)
    settings.Require("feat_extract_norm", "group", "convolutions have norms of the kind group or layer");
  config.puts_out_steps = model.example_shapes.contains("attention_mask");
  settings.Require("feat_extract_activation", "gelu", "only GELU is built");
  const int64_t padding = settings.IntegerOr("pad_token_id", 0, {0, 1 << 20});
  config.blank = settings.IntegerOr("blank", padding, {0, 1 << 20});
  return config;
}

Result<ir::Graph> Build(ir::ReferenceModel& model, Config config) {
  EARSHOT_ASSIGN_OR_RETURN(config.activation,
                           blocks::ActivationNamed(model.settings.TextOr("hidden_act", "gelu")));
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  if (config.conv_channels.size() != config.conv_kernels.size() ||
      config.conv_channels.size() != config.conv_strides.size() || config.conv_channels.empty() ||
      config.width % config.heads != 0 || config.blank >= config.vocabulary ||
      config.width % config.position_groups != 0) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the lists of convolutions, or width, heads and groups, or vocabulary and blank, do "
                         "not fit each other");
  }
  ir::Graph graph;
  graph.family = "wav2vec2";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(MethodOf(weights, config, false).Build());
  if (config.puts_out_steps) EARSHOT_RETURN_IF_ERROR(MethodOf(weights, config, true).Build());
  const std::map<std::string, double> blank = {{"blank", static_cast<double>(config.blank)}};
  graph.loops = {{.name = "greedy", .driver = "ctc_greedy", .methods = {"forward"}, .settings = blank},
                 {.name = "ctc_nll", .driver = "ctc_nll", .methods = {"forward"}, .settings = blank}};
  if (config.puts_out_steps)
    graph.loops.push_back(
        {.name = "masked_ctc_nll", .driver = "ctc_nll", .methods = {"masked"}, .settings = blank});
  return graph;
}

}  // namespace

Result<ir::Graph> BuildTransformer(ir::ReferenceModel& model) {
  return Build(model, ReadConfig(model, "wav2vec2"));
}

Result<ir::Graph> BuildConformer(ir::ReferenceModel& model) {
  Config config = ReadConfig(model, "wav2vec2_conformer");
  config.depthwise_kernel = model.settings.IntegerOr("conv_depthwise_kernel_size", 31, {1, 1 << 10});
  config.has_relative_positions = model.settings.TextOr("position_embeddings_type", "relative") != "rotary";
  if (config.has_relative_positions)
    model.settings.Require("position_embeddings_type", "relative", "positions are relative or rotary");
  return Build(model, config);
}

}  // namespace earshot::wav2vec2
