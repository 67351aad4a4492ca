// Embedding, one of two bodies, and a linear head.
#include "models/ctctext/graph.h"

#include <map>
#include <string>
#include <utility>

#include "models/blocks/layers.h"

namespace earshot::ctctext {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

struct Config {
  int64_t vocabulary = 0, width = 0, layers = 0, max_positions = 0;
  int64_t heads = 0, ffn = 0;  // of a transformer
  int64_t kernel = 0;          // of convolutions
  int64_t blank = 0, gap = 0;
  bool is_transformer = true;
};

int TransformerBlock(Layers& layers, const Config& config, const std::string& name, int x) {
  const int mixed = layers.Attention(name + ".self_attn", x, x, {.heads = config.heads});
  x = layers.LayerNorm(name + ".self_attn_layer_norm", layers.Add(name + ".self_attn.residual", x, mixed));
  const int hidden = layers.Activate(name + ".activation", ir::Activation::kRelu,
                                     layers.Linear(name + ".fc1", x, config.ffn));
  const int out = layers.Linear(name + ".fc2", hidden, config.width);
  return layers.LayerNorm(name + ".final_layer_norm", layers.Add(name + ".ffn.residual", x, out));
}

int ConvolutionBlock(Layers& layers, const Config& config, const std::string& name, int x) {
  int out = layers.Conv1d(
      name + ".conv", x,
      {.out_channels = config.width, .kernel = config.kernel, .padding = config.kernel / 2}, Bias::kNone);
  out = layers.BatchNorm(name + ".norm", out, config.width);
  out = layers.Activate(name + ".activation", ir::Activation::kRelu, out);
  return layers.Add(name + ".residual", x, out);
}

int WithPositions(Layers& layers, const Config& config, int x) {
  const int table =
      layers.Constant(layers.weights().Matrix("embed_positions.weight", config.max_positions, config.width));
  if (!layers.status().ok()) return ir::kNone;
  ir::MethodBuilder& method = layers.method();
  const int rows = method.View(table, "positions",
                               {.row_begin = Dim::Fixed(0), .rows = method.rows(x), .cols = config.width});
  return layers.Add("embedding", x, rows);
}

Status BuildForward(blocks::Weights& weights, const Config& config) {
  ir::MethodBuilder method(weights.graph(), "forward");
  Layers layers(weights, method);
  const Dim source = Dim::Of(method.AddSymbol("source", config.max_positions));
  const int ids =
      method.AddInput({.name = "input_ids", .dtype = DType::kI32, .rows = source, .cols = Dim::Fixed(1)});
  int x = layers.Embedding("embed_tokens", ids, config.vocabulary, config.width);
  if (config.is_transformer) x = WithPositions(layers, config, x);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string name = "layers." + std::to_string(layer);
    x = config.is_transformer ? TransformerBlock(layers, config, name, x)
                              : ConvolutionBlock(layers, config, name, x);
  }
  const int logits = layers.Linear("output", x, config.vocabulary);
  const int best = method.Apply("argmax", ir::ArgMax{}, {logits});
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logits, "logits");
  method.MakeOutput(best, "argmax");
  return std::move(method).Finish();
}

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("vocab_size"),
                   .width = settings.Integer("width"),
                   .layers = settings.Integer("layers", {1, 1024}),
                   .max_positions = settings.Integer("max_positions", {1, 1 << 20}),
                   .blank = settings.Integer("blank", {0, 1 << 24}),
                   .gap = settings.Integer("gap", {0, 1 << 24})};
  const std::string body = settings.Text("body");
  config.is_transformer = body == "transformer";
  if (config.is_transformer) {
    config.heads = settings.Integer("heads", {1, 1024});
    config.ffn = settings.Integer("ffn");
  } else {
    config.kernel = settings.Integer("kernel", {1, 1 << 10});
  }
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (!config.is_transformer && body != "convolution")
    return Status::Error(StatusCode::kUnsupported, "body \"%s\" is neither transformer nor convolution",
                         body.c_str());
  if (config.is_transformer && config.width % config.heads != 0)
    return Status::Error(StatusCode::kInvalidModel, "a width of %lld cannot be split into %lld heads",
                         static_cast<long long>(config.width), static_cast<long long>(config.heads));
  if (!config.is_transformer && config.kernel % 2 == 0)
    return Status::Error(StatusCode::kInvalidModel, "a kernel of %lld has no middle",
                         static_cast<long long>(config.kernel));
  return config;
}

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  ir::Graph graph;
  graph.family = "ctctext";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildForward(weights, config));
  const std::map<std::string, double> settings = {{"blank", static_cast<double>(config.blank)},
                                                  {"gap", static_cast<double>(config.gap)}};
  graph.loops = {{.name = "ctc_greedy", .driver = "ctc_greedy", .methods = {"forward"}, .settings = settings},
                 {.name = "ctc_nll", .driver = "ctc_nll", .methods = {"forward"}, .settings = settings}};
  return graph;
}

}  // namespace earshot::ctctext
