// Compression is one product with the transposed projection; then attention is the ordinary one over few
// keys.
#include "models/linformer/graph.h"

#include <cmath>
#include <string>
#include <utility>

#include "models/blocks/layers.h"

namespace earshot::linformer {
namespace {

using blocks::Bias;
using blocks::Layers;

struct Config {
  int64_t width = 0;
  int64_t max_length = 0;
  int64_t compressed = 0;  // keys after compression
  int64_t heads = 0;
  int64_t head_dim = 0;
  bool has_one_kv_head = false;
  bool shares_kv = false;  // the values are the compressed keys
};

Config ReadConfig(ir::HyperParameters& settings) {
  Config config = {.width = settings.Integer("dim"),
                   .max_length = settings.Integer("seq_len"),
                   .compressed = settings.IntegerOr("k", 256),
                   .heads = settings.IntegerOr("heads", 8),
                   .head_dim = settings.IntegerOr("dim_head", 0, {1, 1 << 16}),
                   .has_one_kv_head = settings.FlagOr("one_kv_head", false),
                   .shares_kv = settings.FlagOr("share_kv", false)};
  if (config.head_dim == 0) config.head_dim = config.width / config.heads;
  return config;
}

// [T, C] -> [k, C].
int Compress(Layers& layers, const Config& config, const std::string& source, int in) {
  const int projection = layers.weights().Matrix(source, config.max_length, config.compressed);
  if (!layers.status().ok()) return ir::kNone;
  const int rows = layers.method().View(layers.Constant(projection), source + ".rows",
                                        {.rows = layers.method().rows(in), .cols = config.compressed});
  return layers.method().Apply(source, ir::MatMul{.transpose_a = true}, {rows, in});
}

int Attention(Layers& layers, const Config& config, const std::string& source, int x, int context) {
  const int64_t kv_heads = config.has_one_kv_head ? 1 : config.heads;
  const int q = layers.Linear(source + "to_q", x, config.heads * config.head_dim, Bias::kNone);
  const int k = Compress(layers, config, source + "proj_k",
                         layers.Linear(source + "to_k", context, kv_heads * config.head_dim, Bias::kNone));
  const int v =
      config.shares_kv
          ? k
          : Compress(layers, config, source + "proj_v",
                     layers.Linear(source + "to_v", context, kv_heads * config.head_dim, Bias::kNone));
  const ir::Attention attention = {
      .num_heads = config.heads,
      .num_kv_heads = kv_heads,
      .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim)))};
  return layers.Linear(source + "to_out", layers.method().Apply(source + "attend", attention, {q, k, v}),
                       config.width);
}

constexpr int64_t kFfnFactor = 4;

int FeedForward(Layers& layers, const Config& config, const std::string& source, int x) {
  const int hidden = layers.Linear(source + "w1", x, kFfnFactor * config.width);
  return layers.Linear(source + "w2", layers.Activate(source + "gelu", ir::Activation::kGelu, hidden),
                       config.width);
}

// Either x + f(x) twice over, or the two streams of a reversible network.
int Transformer(Layers& layers, const Config& config, int64_t depth, bool is_reversible, int x) {
  int first = x, second = x;
  for (int64_t layer = 0; layer < depth; ++layer) {
    const std::string prefix =
        std::string("linformer.net.") + (is_reversible ? "blocks." : "layers.") + std::to_string(layer);
    const std::string f = prefix + (is_reversible ? ".f.net" : ".0"),
                      g = prefix + (is_reversible ? ".g.net" : ".1");
    const int norm = layers.LayerNorm(f + ".norm", second);
    first = layers.Add(f + ".residual", first, Attention(layers, config, f + ".fn.", norm, norm));
    if (!is_reversible) second = first;
    second = layers.Add(g + ".residual", second,
                        FeedForward(layers, config, g + ".fn.", layers.LayerNorm(g + ".norm", first)));
    if (!is_reversible) first = second;
  }
  return is_reversible ? layers.Add("sum", first, second) : first;
}

}  // namespace

Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const Config config = ReadConfig(settings);
  const int64_t vocabulary = settings.Integer("num_tokens"), depth = settings.Integer("depth", {1, 1024});
  const bool is_reversible = settings.FlagOr("reversible", false);
  settings.Ignore({"dropout"});
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  ir::Graph graph;
  graph.family = "linformer";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  ir::MethodBuilder method(graph, "forward");
  Layers layers(weights, method);
  const ir::Dim length = ir::Dim::Of(method.AddSymbol("length", config.max_length));
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = length, .cols = ir::Dim::Fixed(1)});
  const int tokens = layers.Embedding("token_emb", ids, vocabulary, config.width);
  const int positions = layers.Constant(weights.Matrix("pos_emb.weight", config.max_length, config.width));
  EARSHOT_RETURN_IF_ERROR(layers.status());
  int x = layers.Add("embedding", tokens,
                     method.View(positions, "positions", {.rows = length, .cols = config.width}));
  x = Transformer(layers, config, depth, is_reversible, x);
  const int logits = layers.Linear("to_logits", x, vocabulary);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logits, "logits");
  EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  return graph;
}

Result<ir::Graph> BuildAttention(ir::ReferenceModel& model) {
  const Config config = ReadConfig(model.settings);
  model.settings.Ignore({"dropout"});
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  ir::Graph graph;
  graph.family = "linformer";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  for (const bool is_cross : {false, true}) {
    ir::MethodBuilder method(graph, is_cross ? "cross" : "self");
    Layers layers(weights, method);
    const ir::Dim width = ir::Dim::Fixed(config.width);
    // Of queries, any number would do.
    const ir::Dim length = ir::Dim::Of(method.AddSymbol("length", config.max_length));
    const int x = method.AddInput({.name = "x", .rows = length, .cols = width});
    int context = x;
    if (is_cross) {
      const int keys = method.AddSymbol("keys", config.max_length);
      context = method.AddInput({.name = "context", .rows = ir::Dim::Of(keys), .cols = width});
    }
    const int out = Attention(layers, config, "", x, context);
    EARSHOT_RETURN_IF_ERROR(layers.status());
    method.MakeOutput(out, is_cross ? "cross" : "self");
    EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  }
  return graph;
}

}  // namespace earshot::linformer
