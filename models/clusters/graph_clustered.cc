// Queries of a group share the weights of their mean: attention of a few centroids, handed back to the rows.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/layers.h"
#include "models/clusters/graph.h"
#include "models/clusters/graph_parts.h"

namespace earshot::clusters {
namespace {

using blocks::Layers;
using ir::Dim;

struct Config {
  int64_t heads = 1, head_dim = 1, clusters = 1, top_keys = 1, max_length = 1;

  int64_t width() const { return heads * head_dim; }
  uint32_t groups() const { return static_cast<uint32_t>(heads); }
};

struct Operands {
  int q, k, v;     // [T, heads * d]
  int groups;      // [T, heads]
  int membership;  // [T, heads * clusters], a 1 in each part of a row
  int ones;        // [T, 1]
};

// op(a)^T b for each head, b perhaps one matrix for all: sums over time.
int SumOverTime(Layers& layers, const Config& config, const std::string& name, int weights, int values,
                ir::GroupLayout layout = ir::GroupLayout::Columns) {
  return layers.method().Apply(name,
                               ir::MatMul{.groups = config.groups(), .transpose_a = true, .b_layout = layout},
                               {weights, values});
}

// Row `groups` of a table for each head: [clusters, heads * n] to [T, heads * n].
int HandOut(Layers& layers, const std::string& name, const Operands& in, int table) {
  return layers.method().Apply(name, ir::Embedding{}, {in.groups, table});
}

int Membership(Layers& layers, const Config& config, int groups) {
  const int64_t cols = config.heads * config.clusters;
  std::vector<float> identity(static_cast<size_t>(config.clusters * cols));
  for (int64_t row = 0; row < config.clusters; ++row) {
    for (int64_t head = 0; head < config.heads; ++head)
      identity[static_cast<size_t>(row * cols + head * config.clusters + row)] = 1.0f;
  }
  const int table =
      layers.Constant(layers.weights().Add("identity", config.clusters, cols, std::move(identity)));
  const int computed = layers.Activate("unit_rows", ir::Activation::kNone, table);
  return layers.method().Apply("membership", ir::Embedding{}, {groups, computed});
}

Operands AddOperands(Layers& layers, const Config& config, int64_t min_length) {
  ir::MethodBuilder& method = layers.method();
  const Dim length = Dim::Of(method.AddSymbol("length", config.max_length, min_length));
  const auto input = [&](const char* name) {
    return method.AddInput({.name = name, .rows = length, .cols = Dim::Fixed(config.width())});
  };
  Operands in = {.q = input("q"), .k = input("k"), .v = input("v"), .groups = 0, .membership = 0, .ones = 0};
  in.groups = method.AddInput(
      {.name = "groups", .dtype = DType::kI32, .rows = length, .cols = Dim::Fixed(config.heads)});
  in.membership = Membership(layers, config, in.groups);
  const int ones = layers.weights().Add("ones", config.max_length, 1,
                                        std::vector<float>(static_cast<size_t>(config.max_length), 1.0f));
  in.ones = method.View(layers.Constant(ones), "ones", {.rows = length, .cols = 1});
  return in;
}

// Means of the queries of each group, [clusters, heads * d]; 0 for groups that have none.
int Centroids(Layers& layers, const Config& config, const Operands& in) {
  const int counts = SumOverTime(layers, config, "count", in.membership, in.ones, ir::GroupLayout::Shared);
  layers.method().MakeOutput(counts, "counts");
  const int divisors = layers.Binary("divisors", ir::BinaryFunction::Maximum, counts,
                                     layers.Constant(layers.weights().Filled(1.0f)));
  return layers.Binary("centroids", ir::BinaryFunction::Divide,
                       SumOverTime(layers, config, "sums", in.membership, in.q), divisors);
}

int Clustered(Layers& layers, const Config& config, const Operands& in) {
  const ir::Attention attention = {
      .num_heads = config.heads, .num_kv_heads = config.heads, .scale = ScaleOf(config.head_dim)};
  const int mixed = layers.method().Apply("attend", attention, {Centroids(layers, config, in), in.k, in.v});
  return HandOut(layers, "handed_out", in, mixed);
}

// The keys with the highest weights of a centroid are attended by each query of its group, in place of what
// the centroid gives them.
int Improved(Layers& layers, const Config& config, const Operands& in) {
  ir::MethodBuilder& method = layers.method();
  const int scores = method.Apply(
      "scores", ir::MatMul{.groups = config.groups(), .transpose_b = true, .scale = ScaleOf(config.head_dim)},
      {in.k, Centroids(layers, config, in)});  // [T, heads * clusters]
  const int weights = layers.Softmax("weights", scores, {.axis = ir::Axis::Column});
  const int top = method.Apply(
      "top_keys", ir::TopRows{.heads = config.groups(), .count = static_cast<uint32_t>(config.top_keys)},
      {scores});
  const int rest = method.Apply("rest", ir::DropListed{}, {weights, top});
  const int queries =
      method.Apply("queries", ir::BucketSort{.heads = config.groups(), .same_bucket = true}, {in.groups});
  const int mixed = method.Apply(
      "attend", ir::ClusterAttention{.num_heads = config.groups(), .scale = ScaleOf(config.head_dim)},
      {in.q, in.k, in.v, queries, top});
  const int share =
      HandOut(layers, "share_of_rest", in,
              SumOverTime(layers, config, "sum_of_rest", rest, in.ones, ir::GroupLayout::Shared));
  const int others =
      HandOut(layers, "handed_out", in, SumOverTime(layers, config, "attend_rest", rest, in.v));
  const int share_of_top = layers.Add("share_of_top", layers.Scale("minus_share", share, -1.0),
                                      layers.Constant(layers.weights().Filled(1.0f, config.heads)));
  return layers.Add("result", others, layers.Multiply("weighted", mixed, share_of_top));
}

}  // namespace

Result<ir::Graph> BuildClusteredAttention(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const Config config = {.heads = model.ExampleLength("q", 2, 1),
                         .head_dim = model.ExampleLength("q", 3, 64),
                         .clusters = settings.Integer("clusters", {1, 1 << 16}),
                         .top_keys = settings.IntegerOr("topk", 32, {1, 1 << 16}),
                         .max_length = model.MaxLength("q", 1)};
  settings.Ignore({"iterations", "bits", "hash_bias"});  // of the search for groups, which are given
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.top_keys > config.max_length) {
    return Status::Error(StatusCode::kUnsupported, "topk %lld is above the longest input, %lld",
                         static_cast<long long>(config.top_keys), static_cast<long long>(config.max_length));
  }
  ir::Graph graph;
  graph.family = "clustered-attention";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  for (const bool is_improved : {false, true}) {
    ir::MethodBuilder method(graph, is_improved ? "improved" : "clustered");
    Layers layers(weights, method);
    const Operands in = AddOperands(layers, config, is_improved ? config.top_keys : 1);
    const int out = is_improved ? Improved(layers, config, in) : Clustered(layers, config, in);
    EARSHOT_RETURN_IF_ERROR(layers.status());
    method.MakeOutput(out, "out");
    EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  }
  return graph;
}

}  // namespace earshot::clusters
