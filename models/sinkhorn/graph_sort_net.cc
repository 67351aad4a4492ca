// Scores of pairs of buckets, then choices or a balanced matrix.
#include "models/sinkhorn/graph_sort_net.h"

#include <cmath>
#include <utility>
#include <vector>

namespace earshot::sinkhorn {
namespace {

using blocks::Layers;
using ir::Dim;

constexpr double kSmallest = 1e-6;  // added to scores before their logarithm
constexpr double kLeak = 0.01;
// Added to scores of buckets that must not be chosen.
constexpr float kImpossible = -1e30f;

float HeadScale(const Config& config) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim)));
}

// What one row for each bucket is made of: its rows with these weights. A convolution by channels whose
// windows are the buckets.
struct Taps {
  const char* name;
  float first;
  float others;
};
constexpr Taps kSum = {"bucket_sum", 1.0f, 1.0f}, kFirst = {"bucket_first", 1.0f, 0.0f};

ir::Conv1d OfBuckets(const Config& config, int64_t channels) {
  return {.kernel = config.bucket, .stride = config.bucket, .groups = channels};
}

int TapsOf(Layers& layers, const Config& config, const Taps& taps, int64_t channels) {
  std::vector<float> weight(static_cast<size_t>(channels * config.bucket), taps.others);
  for (size_t i = 0; i < weight.size(); i += static_cast<size_t>(config.bucket)) weight[i] = taps.first;
  return layers.Constant(layers.weights().Add(std::string(taps.name) + " x " + std::to_string(channels),
                                              channels, config.bucket, std::move(weight)));
}

int PerBucket(Layers& layers, const Config& config, const Taps& taps, const std::string& name, int in) {
  if (!layers.status().ok()) return ir::kNone;
  const int64_t channels = layers.cols(in);
  return layers.method().Apply(name, OfBuckets(config, channels),
                               {in, TapsOf(layers, config, taps, channels)});
}

int Means(Layers& layers, const Config& config, const std::string& name, int in) {
  const Taps taps = {"bucket_mean", 1.0f / static_cast<float>(config.bucket),
                     1.0f / static_cast<float>(config.bucket)};
  return PerBucket(layers, config, taps, name, in);
}

int Products(Layers& layers, const Config& config, const std::string& name, const HeadKeys& heads) {
  if (!layers.status().ok()) return ir::kNone;
  const ir::MatMul product = {
      .groups = static_cast<uint32_t>(heads.num_heads), .transpose_b = true, .scale = HeadScale(config)};
  return layers.method().Apply(name, product, {heads.q, heads.k});
}

// [q, k] W for each head, with the first `cols` columns of W, which the checkpoint keeps as [1, heads, 2 D,
// columns].
int Learned(Layers& layers, const Config& config, const std::string& source, const HeadKeys& heads,
            int64_t cols) {
  const std::string name = source + "sort_net.linear", parts[] = {name + ".q", name + ".k"};
  const int64_t dim = config.head_dim, rows = heads.num_heads * dim, all_cols = config.simple_net_cols;
  blocks::Weights& weights = layers.weights();
  if (weights.Find(parts[0]) == ir::kNone) {
    const std::vector<float> all = weights.Take(name, {1, config.heads, 2 * dim, all_cols});
    if (!layers.status().ok()) return ir::kNone;
    std::vector<float> values[2];
    for (int64_t row = 0; row < 2 * config.inner(); ++row) {
      const float* from = all.data() + row * all_cols;
      std::vector<float>& part = values[row / dim % 2];
      part.insert(part.end(), from, from + cols);
    }
    for (size_t i = 0; i < 2; ++i) weights.Add(parts[i], config.inner(), cols, std::move(values[i]));
  }
  if (!layers.status().ok()) return ir::kNone;
  ir::MethodBuilder& method = layers.method();
  const auto product = [&](const std::string& part, int in) {
    const ir::MatMul per_head = {.groups = static_cast<uint32_t>(heads.num_heads),
                                 .b_layout = ir::GroupLayout::Rows};
    const int of_heads = method.View(
        layers.Constant(weights.Find(part)), part + ".heads",
        {.row_begin = Dim::Fixed(heads.first_head * dim), .rows = Dim::Fixed(rows), .cols = cols});
    return method.Apply(part, per_head, {in, of_heads});
  };
  return layers.Add(name, product(parts[0], heads.q), product(parts[1], heads.k));
}

// Sinkhorn's balancing, in logarithms.
int Balance(Layers& layers, const Config& config, const std::string& source, const HeadKeys& heads,
            int scores, int noise) {
  const int smallest = layers.Constant(layers.weights().Filled(static_cast<float>(-kSmallest)));
  int r = layers.Activate(source + "positive", ir::Activation::kRelu, scores);
  r = layers.Binary(source + "not_zero", ir::BinaryFunction::Subtract, r, smallest);
  r = layers.Unary(source + "log", ir::UnaryFunction::Log, r);
  if (noise != ir::kNone) r = layers.Add(source + "noisy", r, noise);
  r = layers.Scale(source + "tempered", r, 1.0 / config.temperature);
  for (int64_t i = 0; i < config.iterations; ++i) {
    const std::string round = source + "round" + std::to_string(i);
    r = layers.Softmax(round + ".rows", r, {.groups = static_cast<uint32_t>(heads.num_heads), .log = true});
    r = layers.Softmax(round + ".columns", r, {.axis = ir::Axis::Column, .log = true});
  }
  return layers.Unary(source + "mix", ir::UnaryFunction::Exp, r);
}

int Choose(Layers& layers, const std::string& source, const HeadKeys& heads, int scores, int64_t count) {
  const ir::RankedSoftmax choice = {.count = static_cast<uint32_t>(count),
                                    .groups = static_cast<uint32_t>(heads.num_heads)};
  return layers.status().ok() ? layers.method().Apply(source + "choices", choice, {scores}) : ir::kNone;
}

// [T, C] -> the mean of the first 1, 2, ... rows: linear attention whose queries are 1 / t, and whose keys
// are 1.
int RunningMean(Layers& layers, const Config& config, const std::string& name, int in) {
  const int64_t length = config.max_length;
  std::vector<float> shares;
  for (int64_t t = 1; t <= length; ++t) shares.push_back(1.0f / static_cast<float>(t));
  blocks::Weights& weights = layers.weights();
  const int queries = layers.Constant(weights.Add("running_mean.shares", length, 1, std::move(shares)));
  const int keys = layers.Constant(
      weights.Add("running_mean.ones", length, 1, std::vector<float>(static_cast<size_t>(length), 1.0f)));
  if (!layers.status().ok()) return ir::kNone;
  const ir::LinearAttention sums = {
      .num_heads = 1, .causal = true, .normalizer = ir::LinearNormalizer::NoNormalizer};
  return layers.method().Apply(name, sums, {queries, keys, in});
}

// Rows of zeros for the null buckets, then the sums of the buckets.
int PastKeys(Layers& layers, const Config& config, const std::string& source, int k) {
  const int64_t cols = layers.cols(k), nulls = config.choices;
  const int zeros =
      layers.Constant(layers.weights().Add("null_sums x " + std::to_string(cols), nulls, cols,
                                           std::vector<float>(static_cast<size_t>(nulls * cols))));
  const int means = RunningMean(layers, config, source + "mean_keys", k);
  const int taps = TapsOf(layers, config, kSum, cols);
  if (!layers.status().ok()) return ir::kNone;
  ir::MethodBuilder& method = layers.method();
  const Dim buckets = Dim::Fixed(config.max_buckets());
  const int all = method.AddActivation({.name = source + "past_keys",
                                        .rows = Dim::Fixed(config.max_buckets() + nulls),
                                        .cols = Dim::Fixed(cols)});
  method.ApplyInto(source + "null_sums", ir::Activate{ir::Activation::kNone}, {zeros},
                   method.View(all, source + "null_rows", {.rows = Dim::Fixed(nulls), .cols = cols}));
  method.ApplyInto(
      source + "key_sums", OfBuckets(config, cols), {means, taps},
      method.View(all, source + "key_rows", {.row_begin = Dim::Fixed(nulls), .rows = buckets, .cols = cols}));
  return all;
}

// [buckets, heads * (nulls + buckets)]: impossible from the own bucket on.
int AheadPenalty(Layers& layers, const Config& config, const HeadKeys& heads) {
  const int64_t buckets = config.max_buckets(), width = config.choices + buckets;
  std::vector<float> penalty;
  for (int64_t i = 0; i < buckets; ++i) {
    for (int64_t col = 0; col < heads.num_heads * width; ++col)
      penalty.push_back(col % width - config.choices >= i ? kImpossible : 0.0f);
  }
  return layers.Constant(layers.weights().Add("ahead x " + std::to_string(heads.num_heads), buckets,
                                              heads.num_heads * width, std::move(penalty)));
}

}  // namespace

int SortBuckets(Layers& layers, const Config& config, const std::string& source, const HeadKeys& heads,
                int noise) {
  HeadKeys rows = heads;
  int scores = ir::kNone;
  if (config.has_simple_net) {
    rows.q = PerBucket(layers, config, kSum, source + "query_sums", heads.q);
    rows.k = PerBucket(layers, config, kSum, source + "key_sums", heads.k);
    scores = layers.Activate(source + "scores", ir::Activation::kRelu,
                             Learned(layers, config, source, rows, config.max_buckets()));
  } else {
    const ir::Reduce mean = {.function = ir::ReduceFunction::Mean, .axis = ir::Axis::Column};
    rows.q = config.shared > 0 ? layers.method().Apply(source + "mean_query", mean, {heads.q})
                               : Means(layers, config, source + "mean_queries", heads.q);
    rows.k = Means(layers, config, source + "mean_keys", heads.k);
    scores = Products(layers, config, source + "scores", rows);
  }
  if (config.is_soft) return Balance(layers, config, source, heads, scores, noise);
  if (config.has_simple_net) scores = layers.Scale(source + "tempered", scores, 1.0 / config.temperature);
  return Choose(layers, source, heads, scores, config.shared > 0 ? config.shared : config.choices);
}

int SortPastBuckets(Layers& layers, const Config& config, const std::string& source, const HeadKeys& heads) {
  HeadKeys rows = heads;
  int scores = ir::kNone;
  if (config.has_simple_net) {
    rows.q = PerBucket(layers, config, kFirst, source + "first_means",
                       RunningMean(layers, config, source + "mean_keys", heads.k));
    rows.k = PerBucket(layers, config, kFirst, source + "first_keys", heads.k);
    scores = Learned(layers, config, source, rows, config.max_buckets() + config.choices);
    scores = layers.Binary(source + "leaky", ir::BinaryFunction::Maximum, scores,
                           layers.Scale(source + "leak", scores, kLeak));
  } else {
    rows.q = PerBucket(layers, config, kFirst, source + "first_queries",
                       RunningMean(layers, config, source + "mean_queries", heads.q));
    rows.k = PastKeys(layers, config, source, heads.k);
    scores = Products(layers, config, source + "scores", rows);
  }
  scores = layers.Add(source + "past_scores", scores, AheadPenalty(layers, config, heads));
  return Choose(layers, source, heads, layers.Scale(source + "tempered", scores, 1.0 / config.temperature),
                config.choices);
}

}  // namespace earshot::sinkhorn
