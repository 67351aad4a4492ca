// Heads of local windows beside heads whose rows are routed to clusters.
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/layers.h"
#include "models/clusters/graph.h"
#include "models/clusters/graph_parts.h"

namespace earshot::clusters {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

constexpr float kMeanEpsilon = 1e-5f;  // beside the number of clusters that chose a row

struct Config {
  int64_t vocabulary = 0, width = 0, depth = 0, heads = 0, head_dim = 0, max_length = 0;
  int64_t cluster_size = 0, local_window = 0, memories = 0;
  std::vector<int64_t> local_heads;  // of each layer
  bool is_causal = false, shares_qk = false;
  FeedForwardSize ffn;

  int64_t num_clusters() const { return max_length / cluster_size; }
  bool has_local_heads() const { return std::ranges::count(local_heads, 0) < std::ssize(local_heads); }
};

// What the layers of a method share.
struct Inputs {
  int mask = ir::kNone;
  int windows = ir::kNone;  // the assignment of local heads
};

LocalSize LocalSizeOf(const Config& config, int64_t heads) {
  return {.heads = heads, .window = config.local_window, .is_causal = config.is_causal};
}

int LocalHeads(Layers& layers, const Config& config, const std::string& source, int x, int64_t heads,
               const Inputs& inputs) {
  const int64_t width = heads * config.head_dim;
  const int all = layers.Linear(source + "local_to_qkv", x, 3 * width);
  if (!layers.status().ok()) return ir::kNone;
  const auto part = [&](const char* name, int64_t index) {
    return layers.Columns(all, source + name, index * width, width);
  };
  // The package turns queries as if they stood in the last window of those that they see.
  const int64_t ahead = config.is_causal ? 0 : config.local_window;
  RotarySize rotary = {.heads = heads,
                       .max_length = config.max_length + ahead,
                       .first_position = ahead,
                       .is_interleaved = false};
  const int q = Rotate(layers, source + "local_rotated_q", part("local_q", 0), rotary);
  rotary.first_position = 0;
  const int k = Rotate(layers, source + "local_rotated_k", part("local_k", 1), rotary);
  return LocalAttention(layers, source + "local_attend", {q, k, part("local_v", 2)}, inputs.windows,
                        LocalSizeOf(config, heads));
}

// [heads, clusters, memories, d] to [clusters * memories, heads * d].
int Memories(Layers& layers, const Config& config, const std::string& source, int64_t heads) {
  blocks::Weights& weights = layers.weights();
  const int64_t clusters = config.num_clusters(), count = config.memories, dim = config.head_dim;
  const std::string name = source + ".rows";
  if (const int known = weights.Find(name); known != ir::kNone) return known;
  const std::vector<float> values = weights.Take(source, {heads, clusters, count, dim});
  if (!layers.status().ok()) return ir::kNone;
  std::vector<float> rows(values.size());
  const int64_t per_head = clusters * count * dim;
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t at = static_cast<int64_t>(i), head = at / per_head, row = at % per_head / dim;
    rows[static_cast<size_t>((row * heads + head) * dim + at % dim)] = values[i];
  }
  return weights.Add(name, clusters * count, heads * dim, std::move(rows));
}

class RoutedHeads {
 public:
  RoutedHeads(Layers& layers, const Config& config, std::string source, int64_t heads, int mask)
      : layers_(layers), config_(config), source_(std::move(source)), heads_(heads), mask_(mask) {}

  // Assignments are made outputs, numbered from *next_assignment on.
  int Build(int x, int* next_assignment) {
    const int q = Projected("to_q", x);
    const int v = Projected("to_v", x);
    const int unit_q = UnitVectors(layers_, source_ + "unit_q", q, heads_);
    const int k = config_.shares_qk ? unit_q : Projected("to_k", x);
    if (!layers_.status().ok()) return ir::kNone;
    const int query_scores = Scores("query_scores", unit_q), queries = Choose("queries", query_scores, 0);
    layers_.method().MakeOutput(queries, "picked" + std::to_string((*next_assignment)++));
    std::vector<int> inputs = {q, WithMemories(k, "mem_key"), WithMemories(v, "mem_value"), queries};
    if (!config_.shares_qk) {
      const int scores = Scores("key_scores", UnitVectors(layers_, source_ + "unit_k", k, heads_));
      inputs.push_back(Choose("keys", scores, config_.memories));
      layers_.method().MakeOutput(inputs.back(), "picked" + std::to_string((*next_assignment)++));
    } else if (config_.memories > 0) {
      inputs.push_back(Choose("keys", query_scores, config_.memories));
    }
    // The package gives all keys of a cluster the same, lowest score where a query may see none of them.
    const bool sees_all = mask_ != ir::kNone && !config_.shares_qk && config_.memories == 0;
    if (sees_all) inputs[0] = layers_.Multiply(source_ + "masked_q", q, mask_);
    const ir::ClusterAttention attention = {
        .num_heads = static_cast<uint32_t>(heads_),
        .scale = ScaleOf(config_.head_dim),
        .causal = config_.is_causal,
        .own = config_.shares_qk ? ir::OwnKey::OnlyIfAlone : ir::OwnKey::Seen,
        .masked = sees_all ? ir::MaskedQuery::Everything : ir::MaskedQuery::Memories,
        .memories = static_cast<uint32_t>(config_.num_clusters() * config_.memories),
        .merge = ir::Merge::Mean,
        .epsilon = kMeanEpsilon};
    return layers_.method().Apply(source_ + "route", attention, inputs);
  }

 private:
  int Projected(const std::string& name, int x) {
    const int projected = layers_.Linear(source_ + name, x, heads_ * config_.head_dim, Bias::kNone);
    return Rotate(layers_, source_ + name + ".rotated", projected,
                  {.heads = heads_, .max_length = config_.max_length});
  }

  int Scores(const std::string& name, int unit) {
    const int64_t clusters = config_.num_clusters();
    const int means = layers_.Constant(layers_.weights().Matrix(source_ + "global_attn.kmeans.means",
                                                                {heads_, clusters, config_.head_dim},
                                                                heads_ * clusters, config_.head_dim));
    if (!layers_.status().ok()) return ir::kNone;
    return layers_.method().Apply(
        source_ + name,
        ir::MatMul{
            .groups = static_cast<uint32_t>(heads_), .transpose_b = true, .b_layout = ir::GroupLayout::Rows},
        {unit, means});
  }

  int Choose(const std::string& name, int scores, int64_t memories) {
    std::vector<int> inputs = {scores};
    if (mask_ != ir::kNone) inputs.push_back(mask_);
    return layers_.method().Apply(source_ + name,
                                  ir::TopRows{.heads = static_cast<uint32_t>(heads_),
                                              .count = static_cast<uint32_t>(config_.cluster_size),
                                              .memories = static_cast<uint32_t>(memories)},
                                  inputs);
  }

  int WithMemories(int x, const std::string& name) {
    const std::string tensor = source_ + "global_attn." + name;
    if (config_.memories == 0) return x;
    const int memories = layers_.Constant(Memories(layers_, config_, tensor, heads_));
    return layers_.status().ok() ? WithLastRows(layers_, source_ + name + ".appended", x, memories)
                                 : ir::kNone;
  }

  Layers& layers_;
  const Config& config_;
  std::string source_;
  int64_t heads_;
  int mask_;
};

int Attention(Layers& layers, const Config& config, int64_t layer, int x, const Inputs& inputs,
              int* next_assignment) {
  const std::string source = "routing_transformer.layers.layers." + std::to_string(layer) + ".0.";
  x = PreNorm(layers, source + "norm", x);
  const int64_t local = config.local_heads[static_cast<size_t>(layer)], routed = config.heads - local;
  int left = ir::kNone, right = ir::kNone;
  if (local > 0) left = LocalHeads(layers, config, source + "fn.", x, local, inputs);
  if (routed > 0) {
    right = RoutedHeads(layers, config, source + "fn.", routed, inputs.mask).Build(x, next_assignment);
    layers.method().MakeOutput(right, "kmeans_attn" + std::to_string(layer));
  }
  const int mixed = layers.SideBySide(source + "heads", left, right);
  return layers.status().ok() ? layers.Linear(source + "fn.to_out", mixed, config.width, Bias::kNone)
                              : ir::kNone;
}

Status BuildMethod(blocks::Weights& weights, const Config& config, bool is_masked) {
  ir::MethodBuilder method(weights.graph(), is_masked ? "masked" : "forward");
  Layers layers(weights, method);
  const int64_t step = config.has_local_heads() ? config.local_window : 1;
  const int symbol = method.AddSymbol(step == 1 ? "length" : "windows", config.max_length / step,
                                      (config.cluster_size + step - 1) / step);
  const Dim length = Dim::Of(symbol, step);
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = length, .cols = Dim::Fixed(1)});
  Inputs inputs;
  if (is_masked) inputs.mask = method.AddInput({.name = "mask", .rows = length, .cols = Dim::Fixed(1)});
  int x = layers.Embedding("token_emb", ids, config.vocabulary, config.width);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  if (config.has_local_heads())
    inputs.windows = LocalAssignment(layers, "windows", x, inputs.mask, LocalSizeOf(config, 1));
  int next_assignment = 0;
  for (int64_t layer = 0; layer < config.depth; ++layer) {
    const std::string source = "routing_transformer.layers.layers." + std::to_string(layer) + ".1.";
    x = layers.Add(source + "input", x, Attention(layers, config, layer, x, inputs, &next_assignment));
    const int fed = FeedForward(layers, source + "fn.fn.", PreNorm(layers, source + "norm", x), config.ffn);
    x = layers.Add(source + "residual", x, fed);
    EARSHOT_RETURN_IF_ERROR(layers.status());
  }
  const int logits = layers.Linear("out", layers.LayerNorm("norm", x), config.vocabulary);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logits, "logits");
  return std::move(method).Finish();
}

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("num_tokens"),
                   .width = settings.Integer("dim", {1, 1 << 16}),
                   .depth = settings.Integer("depth", {1, 1024}),
                   .heads = settings.IntegerOr("heads", 8, {1, 1024}),
                   .head_dim = settings.IntegerOr("dim_head", 0, {2, 1 << 12}),
                   .max_length = settings.Integer("max_seq_len"),
                   .cluster_size = settings.IntegerOr("window_size", 64),
                   .memories = settings.IntegerOr("num_mem_kv", 0, {0, 1 << 12}),
                   .is_causal = settings.FlagOr("causal", false)};
  config.local_heads = settings.Has("n_local_attn_heads")
                           ? settings.IntegersFor("n_local_attn_heads", config.depth, {0, config.heads})
                           : std::vector<int64_t>(static_cast<size_t>(config.depth), 0);
  config.local_window = settings.IntegerOr("local_attn_window_size", config.cluster_size / 2);
  config.shares_qk = settings.FlagOr("shared_qk", config.is_causal);
  config.ffn.is_gated = settings.FlagOr("ff_glu", false);
  settings.Ignore({"ff_chunks", "ff_dropout", "attn_dropout", "attn_layer_dropout", "layer_dropout",
                   "kmeans_ema_decay", "commitment_factor", "_register_kmeans_update", "use_scale_norm"});
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.head_dim == 0) config.head_dim = config.width / config.heads;
  if (config.is_causal && !config.shares_qk) config.memories = std::max<int64_t>(config.memories, 1);
  if (config.max_length % config.cluster_size != 0 || config.head_dim % 2 != 0) {
    return Status::Error(StatusCode::kInvalidModel,
                         "max_seq_len must be a multiple of window_size, and dim_head even");
  }
  return config;
}

// Angles that are computed, and memories without rows.
void DropRest(ir::WeightSource& source, const Config& config) {
  for (const std::string& name : source.Unused()) {
    const bool is_memory = name.ends_with(".mem_key") || name.ends_with(".mem_value");
    if (name.ends_with(".rel_pos.inv_freq") || (is_memory && config.memories == 0)) source.Drop(name);
  }
}

}  // namespace

Result<ir::Graph> BuildRoutingTransformer(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  ir::Graph graph;
  graph.family = "routing-transformer";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  for (const bool is_masked : {false, true}) EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, is_masked));
  DropRest(model.weights, config);
  return graph;
}

}  // namespace earshot::clusters
