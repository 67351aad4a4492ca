// Attention by hashes, alone and in a language model of two streams.
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

struct HashSize {
  int64_t heads = 1;
  int64_t bucket_size = 64;
  int64_t hashes = 4;
  int64_t memories = 0;  // last rows, for keys at any time
  bool is_causal = false;
  bool same_bucket_only = false;
  bool counts_pairs_once = false;
};

// Hashes make an even number of buckets, of bucket_size rows each: lengths are multiples of two of them.
struct Length {
  int symbol;
  Dim rows;
};
Length AddLength(ir::MethodBuilder& method, const HashSize& size, int64_t max_rows) {
  const int64_t step = 2 * size.bucket_size;
  const int symbol =
      method.AddSymbol("bucket_pairs", std::max<int64_t>(1, max_rows / step), size.memories / step + 1);
  return {symbol, Dim::Of(symbol, step)};
}

int AddRotation(ir::MethodBuilder& method, const std::string& name, const HashSize& size,
                const Length& length, int64_t head_dim) {
  return method.AddInput(
      {.name = name, .rows = Dim::Fixed(head_dim), .cols = Dim::Of(length.symbol, size.hashes)});
}

// [T, heads * hashes], made an output.
int Buckets(Layers& layers, const std::string& name, int qk, int rotation, const HashSize& size) {
  const uint32_t heads = static_cast<uint32_t>(size.heads);
  const int turned = layers.method().Apply(
      name + ".rotated", ir::MatMul{.groups = heads, .b_layout = ir::GroupLayout::Shared}, {qk, rotation});
  const int buckets = layers.method().Apply(
      name, ir::ArgMax{.groups = static_cast<uint32_t>(size.heads * size.hashes), .both_signs = true},
      {turned});
  layers.method().MakeOutput(buckets, name);
  return buckets;
}

struct HashedInputs {
  int qk, v;    // [T, heads * d]
  int buckets;  // [T, heads * hashes]
  int mask = ir::kNone;
};

int AttendByHashes(Layers& layers, const std::string& name, const HashedInputs& in, const HashSize& size) {
  if (!layers.status().ok()) return ir::kNone;
  const uint32_t heads = static_cast<uint32_t>(size.heads), chunk = static_cast<uint32_t>(size.bucket_size);
  std::vector<int> sorted = {in.buckets};
  if (in.mask != ir::kNone) sorted.push_back(in.mask);
  const int assignment = layers.method().Apply(
      name + ".sort",
      ir::BucketSort{
          .heads = heads, .chunk = chunk, .before = 1, .cyclic = true, .same_bucket = size.same_bucket_only},
      sorted);
  const int k = UnitVectors(layers, name + ".keys", in.qk, size.heads);
  const ir::ClusterAttention attention = {.num_heads = heads,
                                          .scale = ScaleOf(layers.cols(in.qk) / size.heads),
                                          .chunk = chunk,
                                          .before = 1,
                                          .causal = size.is_causal,
                                          .own = ir::OwnKey::OnlyIfAlone,
                                          .memories = static_cast<uint32_t>(size.memories),
                                          .pairs_once = size.counts_pairs_once};
  return layers.method().Apply(name, attention, {in.qk, k, in.v, assignment});
}

struct Config {
  int64_t vocabulary = 0, width = 0, depth = 0, heads = 0, head_dim = 0, max_length = 0, local_heads = 0;
  std::vector<int64_t> axes;  // of axial positions; none: rotary ones, within attention
  HashSize hashes;
  FeedForwardSize ffn;

  LocalSize local() const {
    return {.heads = local_heads,
            .window = 2 * hashes.bucket_size,
            .is_causal = hashes.is_causal,
            .shares_qk = true};
  }
};

// What the layers of the language model share.
struct Shared {
  Length length;            // with memories
  Dim tokens;               // without
  int windows = ir::kNone;  // the assignment of local heads
};

class AttentionLayer {
 public:
  AttentionLayer(Layers& layers, const Config& config, const Shared& shared, int64_t layer)
      : layers_(layers), config_(config), shared_(shared), layer_(std::to_string(layer)) {}

  int Build(const std::string& source, int x) {
    const int64_t width = config_.heads * config_.head_dim, local = config_.local_heads * config_.head_dim;
    const int all = WithMemories(source, x);
    const int qk = layers_.Linear(source + "toqk", all, width, Bias::kNone);
    const int v = layers_.Linear(source + "tov", all, width, Bias::kNone);
    if (!layers_.status().ok()) return ir::kNone;
    int left = ir::kNone, right = ir::kNone;
    if (local > 0)
      left =
          Local(source, Tokens(qk, source + "local_qk", 0, local), Tokens(v, source + "local_v", 0, local));
    if (local < width) {
      const int mixed =
          Hashed(source, qk, layers_.Columns(v, source + "hashed_v", local, width - local), local);
      layers_.method().MakeOutput(mixed, "lsh_out" + layer_);
      right = Tokens(mixed, source + "hashed_tokens", 0, width - local);
    }
    return layers_.Linear(source + "to_out", layers_.SideBySide(source + "heads", left, right),
                          config_.width);
  }

 private:
  int WithMemories(const std::string& source, int x) {
    const int64_t count = config_.hashes.memories;
    if (count == 0) return x;
    const int memories = layers_.Constant(
        layers_.weights().Matrix(source + "mem_kv", {1, count, config_.width}, count, config_.width));
    return WithLastRows(layers_, source + "with_memories", x, memories);
  }

  int Tokens(int value, const std::string& name, int64_t begin, int64_t count) {
    return layers_.method().View(value, name, {.rows = shared_.tokens, .col_begin = begin, .cols = count});
  }

  int Local(const std::string& source, int qk, int v) {
    const int k = UnitVectors(layers_, source + "local_k", qk, config_.local_heads);
    return LocalAttention(layers_, source + "local_attend", {qk, k, v}, shared_.windows, config_.local());
  }

  // By the columns of all heads from `begin` on.
  int Hashed(const std::string& source, int all_qk, int v, int64_t begin) {
    int qk = layers_.Columns(all_qk, source + "hashed_qk", begin, layers_.cols(v));
    const int rotation =
        AddRotation(layers_.method(), "rot_call" + layer_, config_.hashes, shared_.length, config_.head_dim);
    const int buckets = Buckets(layers_, "buckets" + layer_, qk, rotation, config_.hashes);
    if (config_.axes.empty()) qk = RotateTokens(source, all_qk, begin, layers_.cols(v));
    return AttendByHashes(layers_, source + "attend", {.qk = qk, .v = v, .buckets = buckets}, config_.hashes);
  }

  // Memories have no position.
  int RotateTokens(const std::string& source, int all_qk, int64_t begin, int64_t cols) {
    ir::MethodBuilder& method = layers_.method();
    const RotarySize rotary = {.heads = config_.hashes.heads, .max_length = config_.max_length};
    const Dim start = Dim::Fixed(0), tokens = shared_.tokens, memories = Dim::Fixed(config_.hashes.memories);
    const int in = method.View(all_qk, source + "to_rotate",
                               {.row_begin = start, .rows = tokens, .col_begin = begin, .cols = cols});
    if (config_.hashes.memories == 0) return Rotate(layers_, source + "rotated", in, rotary);
    const int all = method.AddActivation(
        {.name = source + "rotated", .rows = shared_.length.rows, .cols = Dim::Fixed(cols)});
    Rotate(layers_, source + "rotate", in, rotary,
           method.View(all, source + "rotated_tokens", {.row_begin = start, .rows = tokens, .cols = cols}));
    const int unrotated =
        method.View(all_qk, source + "memories",
                    {.row_begin = tokens, .rows = memories, .col_begin = begin, .cols = cols});
    method.ApplyInto(
        source + "copy_memories", ir::Activate{}, {unrotated},
        method.View(all, source + "unrotated", {.row_begin = tokens, .rows = memories, .cols = cols}));
    return all;
  }

  Layers& layers_;
  const Config& config_;
  const Shared& shared_;
  std::string layer_;
};

// The package stores reversible and plain blocks; both have the same weights.
struct BlockNames {
  const char* prefix;
  const char* net;
};
BlockNames NamesOf(const blocks::Weights& weights) {
  const std::string plain = "reformer.layers.irrev_blocks.";
  const bool has_plain = weights.Has(plain + "0.f.norm.weight") || weights.Has(plain + "0.f.norm.g");
  return has_plain ? BlockNames{"reformer.layers.irrev_blocks.", ""}
                   : BlockNames{"reformer.layers.blocks.", ".net"};
}

int Transformer(Layers& layers, const Config& config, const Shared& shared, int x) {
  const BlockNames names = NamesOf(layers.weights());
  int first = x, second = x;
  for (int64_t layer = 0; layer < config.depth; ++layer) {
    const std::string block = names.prefix + std::to_string(layer);
    const std::string f = block + ".f" + names.net, g = block + ".g" + names.net;
    const int mixed =
        AttentionLayer(layers, config, shared, layer).Build(f + ".fn.", PreNorm(layers, f + ".norm", second));
    first = layers.Add(f + ".residual", first, mixed);
    const int fed = FeedForward(layers, g + ".fn.fn.", PreNorm(layers, g + ".norm", first), config.ffn);
    second = layers.Add(g + ".residual", second, fed);
    if (!layers.status().ok()) return ir::kNone;
  }
  return layers.Scale("mean", layers.Add("sum", first, second), 0.5);
}

// Sums of a row of each table, one for the rows and one for the columns of a grid.
int AxialPositions(Layers& layers, const Config& config) {
  blocks::Weights& weights = layers.weights();
  const int64_t rows = config.axes[0], cols = config.axes[1], width = config.width;
  const std::vector<float> by_row = weights.Take("pos_emb.weights.0", {1, rows, 1, width});
  const std::vector<float> by_col = weights.Take("pos_emb.weights.1", {1, 1, cols, width});
  if (!layers.status().ok()) return ir::kNone;
  std::vector<float> table(static_cast<size_t>(rows * cols * width));
  for (int64_t i = 0; i < rows * cols * width; ++i) {
    const int64_t channel = i % width, position = i / width;
    table[static_cast<size_t>(i)] = by_row[static_cast<size_t>(position / cols * width + channel)] +
                                    by_col[static_cast<size_t>(position % cols * width + channel)];
  }
  return weights.Add("positions", rows * cols, width, std::move(table));
}

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("num_tokens"),
                   .width = settings.Integer("dim", {1, 1 << 16}),
                   .depth = settings.Integer("depth", {1, 1024}),
                   .heads = settings.IntegerOr("heads", 8, {1, 1024}),
                   .head_dim = settings.IntegerOr("dim_head", 64, {2, 1 << 12}),
                   .max_length = settings.Integer("max_seq_len"),
                   .local_heads = settings.IntegerOr("n_local_attn_heads", 0, {0, 1024})};
  config.hashes = {.heads = config.heads - config.local_heads,
                   .bucket_size = settings.IntegerOr("bucket_size", 64, {1, 1 << 16}),
                   .hashes = settings.IntegerOr("n_hashes", 4, {1, 1024}),
                   .memories = settings.IntegerOr("num_mem_kv", 0, {0, 1 << 16}),
                   .is_causal = settings.FlagOr("causal", false)};
  config.ffn = {.factor = settings.IntegerOr("ff_mult", 4, {1, 64}),
                .is_gated = settings.FlagOr("ff_glu", false)};
  if (settings.FlagOr("axial_position_emb", false)) config.axes = settings.Integers("axial_position_shape");
  settings.Ignore({"ff_chunks", "attn_chunks", "lsh_dropout", "ff_dropout", "post_attn_dropout",
                   "layer_dropout", "reverse_thres", "use_scale_norm"});
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.hashes.heads < 0 || (!config.axes.empty() && config.axes.size() != 2)) {
    return Status::Error(StatusCode::kInvalidModel,
                         "n_local_attn_heads is above heads, or axial_position_shape is no pair");
  }
  return config;
}

Status BuildForward(blocks::Weights& weights, const Config& config) {
  ir::MethodBuilder method(weights.graph(), "forward");
  Layers layers(weights, method);
  const int64_t memories = config.hashes.memories;
  Shared shared = {.length = AddLength(method, config.hashes, config.max_length + memories), .tokens = {}};
  shared.tokens = shared.length.rows;
  shared.tokens.addend -= memories;
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = shared.tokens, .cols = Dim::Fixed(1)});
  int x = layers.Embedding("token_emb", ids, config.vocabulary, config.width);
  if (!config.axes.empty()) {
    const int table = layers.Constant(AxialPositions(layers, config));
    EARSHOT_RETURN_IF_ERROR(layers.status());
    x = layers.Add("embedding", x,
                   method.View(table, "positions", {.rows = shared.tokens, .cols = config.width}));
  }
  EARSHOT_RETURN_IF_ERROR(layers.status());
  if (config.local_heads > 0)
    shared.windows = LocalAssignment(layers, "windows", x, ir::kNone, config.local());
  x = Transformer(layers, config, shared, x);
  const int logits = layers.Linear("out.1", layers.LayerNorm("norm", x), config.vocabulary);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logits, "logits");
  return std::move(method).Finish();
}

// The second copy of the blocks, and angles that are computed.
void DropRest(ir::WeightSource& source) {
  for (const std::string& name : source.Unused()) {
    if (name.starts_with("reformer.layers.blocks.") || name.ends_with("layer_pos_emb.inv_freq"))
      source.Drop(name);
  }
}

Status BuildMode(blocks::Weights& weights, const HashSize& size, const std::string& name, int64_t head_dim,
                 int64_t max_length, bool is_masked) {
  ir::MethodBuilder method(weights.graph(), name);
  Layers layers(weights, method);
  const Length length = AddLength(method, size, max_length);
  const auto input = [&](const char* input_name, int64_t cols) {
    return method.AddInput({.name = input_name, .rows = length.rows, .cols = Dim::Fixed(cols)});
  };
  HashedInputs in = {.qk = input("qk", head_dim), .v = input("v", head_dim), .buckets = ir::kNone};
  if (is_masked) in.mask = input("mask", 1);
  in.buckets =
      Buckets(layers, "buckets", in.qk, AddRotation(method, "rotation", size, length, head_dim), size);
  const int out = AttendByHashes(layers, "attend", in, size);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(out, "out");
  return std::move(method).Finish();
}

}  // namespace

Result<ir::Graph> BuildLshAttention(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  HashSize size = {.bucket_size = settings.IntegerOr("bucket_size", 64, {1, 1 << 16}),
                   .hashes = settings.IntegerOr("n_hashes", 8, {1, 1024})};
  ir::Graph graph;
  graph.family = "reformer";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  const int64_t head_dim = model.ExampleLength("qk", 2, 64), max_length = model.MaxLength("qk", 1);
  int64_t index = 0;
  for (ir::HyperParameters* mode : settings.Sections("modes")) {
    size.is_causal = mode->FlagOr("causal", false);
    size.same_bucket_only = !mode->FlagOr("attend_across_buckets", true);
    size.counts_pairs_once = !mode->FlagOr("allow_duplicate_attention", true);
    const std::string name = "mode" + std::to_string(index++);
    EARSHOT_RETURN_IF_ERROR(BuildMode(weights, size, name, head_dim, max_length, false));
    EARSHOT_RETURN_IF_ERROR(BuildMode(weights, size, name + "_masked", head_dim, max_length, true));
  }
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  return graph;
}

Result<ir::Graph> BuildReformer(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  ir::Graph graph;
  graph.family = "reformer";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildForward(weights, config));
  DropRest(model.weights);
  return graph;
}

}  // namespace earshot::clusters
