// Pre-norm blocks around linear attention whose feature maps are softmaxes: of queries over their channels,
// of keys over time, or, where that would look ahead, their exponentials.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/layers.h"
#include "models/linear/graph.h"

namespace earshot::linear {
namespace {

using blocks::Bias;
using blocks::Layers;
using blocks::Weights;
using ir::Dim;

constexpr int64_t kFfnFactor = 4;
constexpr float kSmallestDivisor = 1e-3f;
constexpr double kMasked = 1e30;  // taken off keys

struct Config {
  int64_t vocabulary = 0, width = 0, depth = 0, heads = 0, head_dim = 0, max_length = 0, window = 0;
  int64_t blindspot =
      1;  // queries of a block of this length see the blocks before it; 1: all up to their own position
  bool is_causal = false, has_rotary = false;

  int64_t inner() const { return heads * head_dim; }
};

// Rows of a table that is computed once.
int TableRows(Layers& layers, const std::string& name, int64_t cols, std::vector<float> values, int like) {
  const int64_t rows = std::ssize(values) / cols;
  const int table = layers.weights().Add(name, rows, cols, std::move(values));
  if (!layers.status().ok()) return ir::kNone;
  return layers.method().View(layers.Constant(table), name + ".rows",
                              {.rows = layers.method().rows(like), .cols = cols});
}

int Rotate(Layers& layers, const Config& config, const std::string& name, int in) {
  const int64_t pairs = config.head_dim / 2;
  const std::vector<float> both = blocks::Sinusoids(0, config.max_length, config.head_dim);
  std::vector<float> sines, cosines;
  for (size_t i = 0; i < both.size(); ++i) {
    const bool is_sine = static_cast<int64_t>(i) % config.head_dim < pairs;
    (is_sine ? sines : cosines).push_back(both[i]);
  }
  const int cosine_rows = TableRows(layers, "rotary_cosines", pairs, std::move(cosines), in);
  const int sine_rows = TableRows(layers, "rotary_sines", pairs, std::move(sines), in);
  const ir::Rotary rotary = {.num_heads = static_cast<uint32_t>(config.heads), .interleaved = true};
  return layers.status().ok() ? layers.method().Apply(name, rotary, {in, cosine_rows, sine_rows}) : ir::kNone;
}

int Keys(Layers& layers, const Config& config, const std::string& source, int k, int mask) {
  if (config.is_causal) return layers.Unary(source + "exp_k", ir::UnaryFunction::Exp, k);
  if (mask != ir::kNone) {
    const int one = layers.Constant(layers.weights().Filled(1.0f));
    const int absent = layers.Binary(source + "absent", ir::BinaryFunction::Subtract, mask, one);
    k = layers.Binary(source + "masked_k", ir::BinaryFunction::Subtract, k,
                      layers.Scale(source + "penalty", absent, -kMasked));
  }
  return layers.Softmax(source + "softmax_k", k, {.axis = ir::Axis::Column});
}

int Attention(Layers& layers, const Config& config, const std::string& source, int x, int mask) {
  int q = layers.Linear(source + "to_q", x, config.inner(), Bias::kNone);
  int k = layers.Linear(source + "to_k", x, config.inner(), Bias::kNone);
  int v = layers.Linear(source + "to_v", x, config.inner(), Bias::kNone);
  if (config.has_rotary) {
    q = Rotate(layers, config, source + "rotated_q", q);
    k = Rotate(layers, config, source + "rotated_k", k);
  }
  q = layers.Softmax(source + "softmax_q", q, {.groups = static_cast<uint32_t>(config.heads)});
  q = layers.Scale(source + "scaled_q", q, 1.0 / std::sqrt(static_cast<double>(config.head_dim)));
  k = Keys(layers, config, source, k, mask);
  if (mask != ir::kNone) v = layers.Multiply(source + "masked_v", v, mask);
  if (!layers.status().ok()) return ir::kNone;
  const ir::LinearAttention attention = {
      .num_heads = static_cast<uint32_t>(config.heads),
      .causal = config.is_causal,
      .normalizer = config.is_causal ? ir::LinearNormalizer::Floor : ir::LinearNormalizer::NoNormalizer,
      .epsilon = config.is_causal ? kSmallestDivisor : 0.0f,
      .blindspot = static_cast<uint32_t>(config.is_causal ? config.blindspot : 1)};
  const int mixed = layers.method().Apply(source + "attend", attention, {q, k, v});
  return layers.Linear(source + "to_out", mixed, config.width);
}

int FeedForward(Layers& layers, const Config& config, const std::string& source, int x) {
  const int hidden = layers.Linear(source + "w1", x, kFfnFactor * config.width);
  return layers.Linear(source + "w2", layers.Activate(source + "gelu", ir::Activation::kGelu, hidden),
                       config.width);
}

// Sinusoids beside rotary positions, or sums of two tables: of the window, and of the place within it.
std::vector<float> Positions(Weights& weights, const Config& config) {
  if (config.has_rotary) return blocks::Sinusoids(0, config.max_length, config.width);
  const int64_t width = config.width, windows = (config.max_length + config.window - 1) / config.window;
  const std::vector<float> outer = weights.Take("pos_emb.weights.0", {1, windows, 1, width});
  const std::vector<float> inner = weights.Take("pos_emb.weights.1", {1, 1, config.window, width});
  std::vector<float> table;
  for (int64_t i = 0; i < config.max_length * width && weights.status().ok(); ++i) {
    const int64_t position = i / width, col = i % width;
    table.push_back(outer[static_cast<size_t>(position / config.window * width + col)] +
                    inner[static_cast<size_t>(position % config.window * width + col)]);
  }
  return table;
}

Status BuildMethod(Weights& weights, const Config& config, bool is_masked) {
  ir::MethodBuilder method(weights.graph(), is_masked ? "masked" : "forward");
  Layers layers(weights, method);
  const Dim length = Dim::Of(method.AddSymbol("length", config.max_length));
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = length, .cols = Dim::Fixed(1)});
  const int mask =
      is_masked ? method.AddInput({.name = "mask", .rows = length, .cols = Dim::Fixed(1)}) : ir::kNone;
  int x = layers.Embedding("token_emb", ids, config.vocabulary, config.width);
  const bool is_known = weights.Find("positions") != ir::kNone;
  const int positions = TableRows(layers, "positions", config.width,
                                  is_known ? std::vector<float>() : Positions(weights, config), x);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  x = layers.Add("embedding", x, positions);
  for (int64_t layer = 0; layer < config.depth; ++layer) {
    const std::string f = "transformer.layers.layers." + std::to_string(layer) + ".0",
                      g = "transformer.layers.layers." + std::to_string(layer) + ".1";
    x = layers.Add(f + ".residual", x,
                   Attention(layers, config, f + ".fn.", layers.LayerNorm(f + ".norm", x), mask));
    x = layers.Add(g + ".residual", x,
                   FeedForward(layers, config, g + ".fn.fn.", layers.LayerNorm(g + ".norm", x)));
  }
  const int logits = layers.Linear("out", layers.LayerNorm("norm", x), config.vocabulary);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logits, "logits");
  return std::move(method).Finish();
}

Config ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("num_tokens"),
                   .width = settings.Integer("dim"),
                   .depth = settings.Integer("depth", {1, 1024}),
                   .heads = settings.IntegerOr("heads", 8),
                   .head_dim = settings.IntegerOr("dim_head", 0, {2, 1 << 12}),
                   .max_length = settings.Integer("max_seq_len"),
                   .window = settings.IntegerOr("local_attn_window_size", 128),
                   .blindspot = settings.IntegerOr("blindspot_size", 1),
                   .is_causal = settings.FlagOr("causal", false),
                   .has_rotary = settings.FlagOr("use_rotary_emb", false)};
  if (config.head_dim == 0) config.head_dim = std::max<int64_t>(config.width / config.heads, 1);
  settings.Require("n_local_attn_heads", 0, "local heads are not built");
  // The package does not pass ff_glu on to the layers that would heed it.
  settings.Ignore({"ff_glu", "ff_chunks", "ff_dropout", "attn_dropout", "attn_layer_dropout", "emb_dropout",
                   "layer_dropout"});
  return config;
}

}  // namespace

Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model) {
  const Config config = ReadConfig(model.settings);
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  ir::Graph graph;
  graph.family = "linear";
  graph.name = model.name;
  Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, false));
  if (!config.is_causal) EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, true));
  return graph;
}

}  // namespace earshot::linear
