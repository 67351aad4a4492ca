// Pre-norm blocks, or the two streams of a reversible network.
#include "models/sinkhorn/graph.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/layers.h"
#include "models/sinkhorn/graph_attention.h"

namespace earshot::sinkhorn {
namespace {

using blocks::Layers;
using blocks::Weights;
using ir::Dim;

constexpr int64_t kFfnFactor = 4;

struct Form {
  bool is_masked = false;
  bool has_noise = false;
  bool repeats_keys = false;

  std::string name() const {
    return std::string(is_masked   ? "masked"
                       : has_noise ? "with_noise"
                                   : "forward") +
           (repeats_keys ? "_repeated_keys" : "");
  }
};

int FeedForward(Layers& layers, const Config& config, const std::string& source, int x) {
  const int64_t width = kFfnFactor * config.width;
  const int hidden = layers.Linear(source + "w1", x, config.gates_ffn ? 2 * width : width);
  const int active =
      layers.Activate(source + "gelu", ir::Activation::kGelu,
                      config.gates_ffn ? layers.Columns(hidden, source + "value", 0, width) : hidden);
  const int gated = config.gates_ffn ? layers.Multiply(source + "gated", active,
                                                       layers.Columns(hidden, source + "gate", width, width))
                                     : active;
  return layers.Linear(source + "w2", gated, config.width);
}

int Transformer(Layers& layers, const Config& config, const Context& context, int x) {
  int first = x, second = x;
  for (int64_t layer = 0; layer < config.depth; ++layer) {
    const std::string prefix = std::string("sinkhorn_transformer.layers.") +
                               (config.is_reversible ? "blocks." : "layers.") + std::to_string(layer);
    const std::string f = prefix + (config.is_reversible ? ".f.net" : ".0"),
                      g = prefix + (config.is_reversible ? ".g.net" : ".1");
    const int norm = layers.LayerNorm(f + ".norm", second);
    const int mixed = Attention(layers, config, context, f + ".fn.", layer, norm);
    first = layers.Add(f + ".residual", first, mixed);
    if (!config.is_reversible) second = first;
    const int fed = FeedForward(layers, config, g + ".fn.fn.", layers.LayerNorm(g + ".norm", first));
    second = layers.Add(g + ".residual", second, fed);
    if (!config.is_reversible) first = second;
  }
  return config.is_reversible ? layers.Add("sum", first, second) : first;
}

// Of the bucket plus that within the bucket.
int PositionTable(Weights& weights, const Config& config) {
  constexpr const char* kName = "axial_pos_emb";
  if (const int known = weights.Find(kName); known != ir::kNone) return known;
  const int64_t width = config.width, buckets = config.max_buckets(), bucket = config.bucket;
  const std::string name = kName;
  const std::vector<float> outer = weights.Take(name + ".weights.0", {1, buckets, 1, width});
  const std::vector<float> inner = weights.Take(name + ".weights.1", {1, 1, bucket, width});
  if (!weights.status().ok()) return ir::kNone;
  std::vector<float> table;
  for (int64_t i = 0; i < config.max_length * width; ++i) {
    const int64_t position = i / width, col = i % width;
    table.push_back(outer[static_cast<size_t>(position / bucket * width + col)] +
                    inner[static_cast<size_t>(position % bucket * width + col)]);
  }
  return weights.Add(kName, config.max_length, width, std::move(table));
}

Status BuildMethod(Weights& weights, const Config& config, const Form& form) {
  ir::MethodBuilder method(weights.graph(), form.name());
  Layers layers(weights, method);
  Context context = {.repeats_keys = form.repeats_keys};
  if (!config.has_fixed_length()) context.buckets = method.AddSymbol("buckets", config.max_buckets());
  const Dim length = config.Rows(context.buckets, config.bucket);
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = length, .cols = Dim::Fixed(1)});
  if (form.is_masked) context.mask = method.AddInput({.name = "mask", .rows = length, .cols = Dim::Fixed(1)});
  for (int64_t layer = 0; layer < config.depth && form.has_noise; ++layer) {
    context.noise.push_back(method.AddInput({.name = "noise" + std::to_string(layer),
                                             .rows = config.Rows(context.buckets, 1),
                                             .cols = config.Rows(context.buckets, config.heads)}));
  }
  const int tokens = layers.Embedding("to_token_emb", ids, config.vocabulary, config.width);
  const int positions = layers.Constant(PositionTable(weights, config));
  EARSHOT_RETURN_IF_ERROR(layers.status());
  const int view = method.View(positions, "positions", {.rows = length, .cols = config.width});
  const int x = Transformer(layers, config, context, layers.Add("embedding", tokens, view));
  const int logits = layers.Linear("to_logits", layers.LayerNorm("norm", x), config.vocabulary);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logits, "logits");
  return std::move(method).Finish();
}

Config ReadConfig(ir::HyperParameters& settings) {
  const auto flag = [&settings](const char* key, bool absent) { return settings.FlagOr(key, absent); };
  Config config = {.vocabulary = settings.Integer("num_tokens"),
                   .width = settings.Integer("dim"),
                   .max_length = settings.Integer("max_seq_len"),
                   .depth = settings.Integer("depth", {1, 1024}),
                   .heads = settings.IntegerOr("heads", 8),
                   .head_dim = settings.IntegerOr("dim_head", 0, {1, 1 << 12}),
                   .bucket = settings.IntegerOr("bucket_size", 64, {1, 1 << 12}),
                   .choices = settings.IntegerOr("n_top_buckets", 2),
                   .shared = settings.IntegerOr("n_sortcut", 0, {0, 1 << 20}),
                   .iterations = settings.IntegerOr("sinkhorn_iter", 7, {0, 1024}),
                   .temperature = settings.NumberOr("temperature", 0.75),
                   .is_causal = flag("causal", false),
                   .is_soft = !flag("non_permutative", true),
                   .has_simple_net = flag("use_simple_sort_net", false),
                   .is_reversible = flag("reversible", false),
                   .gates_ffn = flag("ff_glu", false)};
  if (config.head_dim == 0) config.head_dim = config.width / config.heads;
  settings.Require("n_local_attn_heads", 0, "local heads are not built");
  settings.Ignore(
      {"ff_chunks", "ff_dropout", "attn_dropout", "attn_layer_dropout", "layer_dropout", "emb_dropout"});
  return config;
}

// Some settings mean nothing beside others.
Status CheckConfig(Config& config) {
  if (config.max_length % config.bucket != 0)
    return Status::Error(StatusCode::kInvalidModel, "the longest sequence is no multiple of the bucket");
  if (config.width < config.heads || config.temperature <= 0.0)
    return Status::Error(StatusCode::kInvalidModel, "heads or temperature make no sense");
  if (config.is_soft && config.shared > 0 && !config.is_causal)
    return Status::Error(StatusCode::kUnsupported,
                         "n_sortcut chooses buckets, which non_permutative = false mixes");
  if (config.shared > 0 && config.has_simple_net)
    return Status::Error(StatusCode::kUnsupported, "n_sortcut with use_simple_sort_net is not built");
  if (config.is_causal) {
    config.is_soft = false;
    config.shared = 0;
  }
  config.choices = std::min(config.choices, config.max_buckets());
  if (config.shared > config.max_buckets())
    return Status::Error(StatusCode::kInvalidModel, "n_sortcut exceeds the number of buckets");
  return Status::Ok();
}

std::vector<Form> FormsOf(const Config& config) {
  std::vector<Form> forms = {{}};
  if (!config.is_causal) forms.push_back(config.is_soft ? Form{.has_noise = true} : Form{.is_masked = true});
  if (config.is_causal || config.shared > 0) return forms;
  for (size_t i = 0; i < 2; ++i) {
    Form repeated = forms[i];
    repeated.repeats_keys = true;
    forms.push_back(repeated);
  }
  return forms;
}

}  // namespace

Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model) {
  Config config = ReadConfig(model.settings);
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  EARSHOT_RETURN_IF_ERROR(CheckConfig(config));
  if (config.has_simple_net) {
    const std::string block = config.is_reversible ? "blocks.0.f.net" : "layers.0.0";
    const std::vector<int64_t> shape = model.weights.ShapeOf("sinkhorn_transformer.layers." + block +
                                                             ".fn.sinkhorn_attention.sort_net.linear");
    config.simple_net_cols = shape.size() == 4 ? shape[3] : 0;
    const int64_t needed = config.max_buckets() + (config.is_causal ? config.choices : 0);
    if (config.simple_net_cols < needed)
      return Status::Error(StatusCode::kInvalidModel, "the sort net does not know all buckets");
  }
  ir::Graph graph;
  graph.family = "sinkhorn";
  graph.name = model.name;
  Weights weights(graph, model.weights);
  for (const Form& form : FormsOf(config)) EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, form));
  return graph;
}

}  // namespace earshot::sinkhorn
