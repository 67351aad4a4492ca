// Subsampling by 2-d convolutions, conformer blocks, and a linear head.
#include "models/parakeet/graph.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/conformer.h"
#include "models/common/mel_filters.h"

namespace earshot::parakeet {
namespace {

using blocks::Bias;
using blocks::Layers;

struct Config {
  int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, ffn_width = 0, kernel = 0;
  int64_t subsampling = 0, channels = 0, mels = 0, max_frames = 0;
  bool scales_input = false;
  Bias attention_bias = Bias::kPresent, convolution_bias = Bias::kPresent;
};

// Columns of the linear layer after an image: the checkpoint has them by channel, then frequency.
int ImageLinear(Layers& layers, const std::string& source, int image, int64_t channels, int64_t width) {
  const int64_t cols = layers.cols(image), frequencies = cols / channels;
  blocks::Weights& weights = layers.weights();
  if (weights.Find(source + ".weight") == ir::kNone) {
    const std::vector<float> stored = weights.Take(source + ".weight", {width, cols});
    std::vector<float> ordered;
    for (int64_t row = 0; row < width && !stored.empty(); ++row) {
      for (int64_t col = 0; col < cols; ++col)
        ordered.push_back(
            stored[static_cast<size_t>(row * cols + col % channels * frequencies + col / channels)]);
    }
    weights.Add(source + ".weight", width, cols, std::move(ordered));
  }
  return layers.Dense(source, image, weights.Find(source + ".weight"),
                      weights.Vector(source + ".bias", width));
}

int Subsample(Layers& layers, const Config& config, int features) {
  const std::string source = "encoder.subsampling.layers.";
  const auto relu = [&layers](int64_t index, int in) {
    return layers.Activate("encoder.subsampling.relu." + std::to_string(index), ir::Activation::kRelu, in);
  };
  int x = layers.Conv2d(source + "0", features,
                        {.out_channels = config.channels, .kernel = 3, .stride = 2, .padding = 1});
  x = relu(0, x);
  for (int64_t factor = 4, index = 2; factor <= config.subsampling; factor *= 2, index += 3) {
    x = layers.Conv2d(source + std::to_string(index), x,
                      {.in_channels = config.channels,
                       .out_channels = config.channels,
                       .kernel = 3,
                       .stride = 2,
                       .padding = 1,
                       .groups = config.channels});
    x = layers.Conv2d(source + std::to_string(index + 1), x,
                      {.in_channels = config.channels, .out_channels = config.channels});
    x = relu(index, x);
  }
  return ImageLinear(layers, "encoder.subsampling.linear", x, config.channels, config.width);
}

// Half of what the feed-forward layers make of the normed input is added.
int HalfFeedForward(Layers& layers, const Config& config, const std::string& block, const std::string& part,
                    int x) {
  const std::string source = block + "." + part;
  int y = layers.Linear(source + ".linear1", layers.LayerNorm(block + ".norm_" + part, x), config.ffn_width,
                        config.attention_bias);
  y = layers.Activate(source + ".silu", ir::Activation::kSilu, y);
  y = layers.Linear(source + ".linear2", y, config.width, config.attention_bias);
  return layers.Add(source + ".residual", x, layers.Scale(source + ".half", y, 0.5));
}

struct BlockValues {
  int out = ir::kNone, attention = ir::kNone, convolution = ir::kNone;
};

BlockValues Block(Layers& layers, const Config& config, int64_t layer, int x, int positions) {
  const std::string block = "encoder.layers." + std::to_string(layer);
  BlockValues values;
  x = HalfFeedForward(layers, config, block, "feed_forward1", x);
  values.attention =
      blocks::RelativeAttention(layers, block + ".self_attn",
                                {.x = layers.LayerNorm(block + ".norm_self_att", x), .positions = positions},
                                config.heads, config.attention_bias,
                                {.q = "q_proj",
                                 .k = "k_proj",
                                 .v = "v_proj",
                                 .out = "o_proj",
                                 .position = "relative_k_proj",
                                 .content_bias = "bias_u",
                                 .position_bias = "bias_v"});
  x = layers.Add(block + ".self_attn.residual", x, values.attention);
  values.convolution =
      blocks::ConvolutionModule(layers, block + ".conv", layers.LayerNorm(block + ".norm_conv", x),
                                {.kernel = config.kernel, .norm = "norm", .bias = config.convolution_bias});
  x = layers.Add(block + ".conv.residual", x, values.convolution);
  x = HalfFeedForward(layers, config, block, "feed_forward2", x);
  values.out = layers.LayerNorm(block + ".norm_out", x);
  return values;
}

Status BuildMethod(blocks::Weights& weights, const Config& config, bool puts_out_steps) {
  ir::MethodBuilder method(weights.graph(), puts_out_steps ? "steps" : "forward");
  Layers layers(weights, method);
  const int frames = method.AddSymbol("frames", config.max_frames);
  const int features =
      method.AddInput({.name = "features", .rows = ir::Dim::Of(frames), .cols = ir::Dim::Fixed(config.mels)});
  int x = Subsample(layers, config, features);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  if (puts_out_steps) method.MakeOutput(x, "subsampled");
  x = method.WithOwnLength(x, "encoder_frames");
  const int positions =
      blocks::RelativePositions(layers, x, config.max_frames / config.subsampling + 2, config.width);
  if (config.scales_input)
    x = layers.Scale("encoder.input_scale", x, std::sqrt(static_cast<double>(config.width)));
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const BlockValues values = Block(layers, config, layer, x, positions);
    EARSHOT_RETURN_IF_ERROR(layers.status());
    x = values.out;
    if (!puts_out_steps) continue;
    const std::string name = "layer" + std::to_string(layer);
    method.MakeOutput(values.attention, name + ".attn");
    method.MakeOutput(values.convolution, name + ".conv");
    method.MakeOutput(values.out, name);
  }
  const int head = weights.Matrix("ctc_head.weight", {config.vocabulary, config.width, 1}, config.vocabulary,
                                  config.width);
  const int logits = layers.Dense("ctc_head", x, head, weights.Vector("ctc_head.bias", config.vocabulary));
  const int best = method.Apply("argmax", ir::ArgMax{}, {logits});
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logits, "logits");
  method.MakeOutput(best, "argmax");
  return std::move(method).Finish();
}

// Filters for the features of models/ctc/features.h.
Status AddAudioFrontEnd(ir::Graph& graph, int64_t mels) {
  ir::AudioFrontEnd& audio = graph.audio;
  audio.num_mels = mels;
  audio.fft_length = 512;
  EARSHOT_ASSIGN_OR_RETURN(
      std::vector<float> filters,
      MelFilterBank({.num_mels = static_cast<int>(mels), .fft_length = static_cast<int>(audio.fft_length)}));
  audio.mel_filters = ir::AddTensor(graph, "mel_filters", mels, audio.fft_length / 2 + 1, std::move(filters));
  return Status::Ok();
}

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  const char* section = model.settings.Has("encoder_config") ? "encoder_config" : "encoder";
  ir::HyperParameters& encoder = model.settings.Section(section);
  const Config config = {
      .vocabulary = model.settings.Integer("vocab_size"),
      .width = encoder.Integer("hidden_size"),
      .layers = encoder.Integer("num_hidden_layers", {1, 1024}),
      .heads = encoder.Integer("num_attention_heads"),
      .ffn_width = encoder.Integer("intermediate_size"),
      .kernel = encoder.Integer("conv_kernel_size", {1, 1 << 10}),
      .subsampling = encoder.IntegerOr("subsampling_factor", 8, {2, 64}),
      .channels = encoder.Integer("subsampling_conv_channels", {1, 1 << 12}),
      .mels = encoder.Integer("num_mel_bins", {1, 1024}),
      .max_frames = std::max<int64_t>(3000, model.MaxLength("input_features", 1)),
      .scales_input = encoder.FlagOr("scale_input", true),
      .attention_bias = encoder.FlagOr("attention_bias", true) ? Bias::kPresent : Bias::kNone,
      .convolution_bias = encoder.FlagOr("convolution_bias", true) ? Bias::kPresent : Bias::kNone};
  const int64_t padding = model.settings.IntegerOr("pad_token_id", config.vocabulary - 1, {0, 1 << 20});
  const int64_t blank = model.settings.IntegerOr("pad_token_id(blank)", padding, {0, 1 << 20});
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  ir::Graph graph;
  graph.family = "parakeet";
  graph.name = model.name;
  EARSHOT_RETURN_IF_ERROR(AddAudioFrontEnd(graph, config.mels));
  blocks::Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, false));
  if (model.example_shapes.contains("attention_mask"))
    EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, true));
  graph.loops = {{.name = "greedy",
                  .driver = "ctc_greedy",
                  .methods = {"forward"},
                  .settings = {{"blank", static_cast<double>(blank)}}}};
  return graph;
}

}  // namespace earshot::parakeet
