// Feature maps out of elementary ops, LinearAttention over them, and the package's choices of norms and
// residuals.
#include "models/performer/graph.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/key_selection.h"
#include "models/blocks/layers.h"
#include "models/blocks/rotary.h"

namespace earshot::performer {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

// Added to features so that none is zero, and to sums of keys.
constexpr double kSoftmaxEpsilon = 1e-4, kGeneralizedEpsilon = 1e-3;
constexpr float kKeyEpsilon = 1e-6f;

struct Config {
  int64_t vocabulary = 0, width = 0, depth = 0, heads = 0, head_dim = 0, features = 0, ffn_factor = 4,
          max_length = 0;
  bool is_causal = false, is_generalized = false, has_rotary = true, is_reversible = false;
  bool has_scale_norm = false, has_rezero = false, shifts_tokens = false, gates_ffn = false,
       ties_embedding = false;
  bool masks_keys = false;                    // else only values
  int64_t local_heads = 0, local_window = 0;  // beside `heads` others

  int64_t inner() const { return (heads + local_heads) * head_dim; }
};

// [rows, width] rows of a table that is computed.
int TableRows(Layers& layers, const std::string& name, int64_t rows, int64_t cols, std::vector<float> values,
              int like) {
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
  const int cosine_rows =
      TableRows(layers, "rotary_cosines", config.max_length, pairs, std::move(cosines), in);
  const int sine_rows = TableRows(layers, "rotary_sines", config.max_length, pairs, std::move(sines), in);
  const ir::Rotary rotary = {.num_heads = static_cast<uint32_t>(config.heads), .interleaved = true};
  return layers.status().ok() ? layers.method().Apply(name, rotary, {in, cosine_rows, sine_rows}) : ir::kNone;
}

int AddToFeatures(Layers& layers, const Config& config, const std::string& name, int in, double summand) {
  const int row = layers.weights().Filled(static_cast<float>(summand), config.heads * config.features);
  return layers.status().ok() ? layers.Add(name, in, layers.Constant(row)) : ir::kNone;
}

enum class Side { kQueries, kKeys };

// exp(x P^T - |x|^2 / 2 - largest) + epsilon, over sqrt(number of features); the largest is that of the row
// for queries, and that of the whole sequence for keys, where all must be divided alike.
int Features(Layers& layers, const Config& config, const std::string& source, const std::string& name, int in,
             Side side) {
  ir::MethodBuilder& method = layers.method();
  const uint32_t heads = static_cast<uint32_t>(config.heads);
  const double scale = std::pow(static_cast<double>(config.head_dim), -0.25);
  const int projection = layers.Constant(
      layers.weights().Matrix(source + "fast_attention.projection_matrix", config.features, config.head_dim));
  if (!layers.status().ok()) return ir::kNone;
  const int products = method.Apply(name + ".products",
                                    ir::MatMul{.groups = heads,
                                               .transpose_b = true,
                                               .b_layout = ir::GroupLayout::Shared,
                                               .scale = static_cast<float>(scale)},
                                    {in, projection});
  if (config.is_generalized) {
    return AddToFeatures(layers, config, name,
                         layers.Activate(name + ".relu", ir::Activation::kRelu, products),
                         kGeneralizedEpsilon);
  }
  const int squares =
      method.Apply(name + ".lengths", ir::Reduce{.function = ir::ReduceFunction::Sum, .groups = heads},
                   {layers.Unary(name + ".squares", ir::UnaryFunction::Square, in)});
  const int halves = layers.Scale(name + ".halves", squares, scale * scale / 2.0);
  const ir::Reduce row_maximum = {.function = ir::ReduceFunction::Maximum, .groups = heads};
  int largest = products;
  if (side == Side::kKeys) {
    const ir::Reduce over_time = {.function = ir::ReduceFunction::Maximum, .axis = ir::Axis::Column};
    largest = method.Apply(name + ".largest_of_column", over_time, {products});
  }
  largest = method.Apply(name + ".largest", row_maximum, {largest});
  int x = layers.Binary(name + ".centred", ir::BinaryFunction::Subtract, products, halves);
  x = layers.Binary(name + ".exponents", ir::BinaryFunction::Subtract, x, largest);
  x = AddToFeatures(layers, config, name + ".positive",
                    layers.Unary(name + ".exp", ir::UnaryFunction::Exp, x), kSoftmaxEpsilon);
  return layers.Scale(name, x, 1.0 / std::sqrt(static_cast<double>(config.features)));
}

struct Projections {
  int q = ir::kNone, k = ir::kNone, v = ir::kNone;
};

// The columns of some heads.
Projections HeadsOf(Layers& layers, const std::string& name, const Projections& all, int64_t begin,
                    int64_t cols) {
  return {.q = layers.Columns(all.q, name + "q", begin, cols),
          .k = layers.Columns(all.k, name + "k", begin, cols),
          .v = layers.Columns(all.v, name + "v", begin, cols)};
}

// Random features in place of the softmax, summed from the left or over all.
int LinearHeads(Layers& layers, const Config& config, const std::string& source, const Projections& in,
                int mask) {
  int q = in.q, k = in.k;
  if (config.has_rotary) {
    q = Rotate(layers, config, source + "rotated_q", q);
    k = Rotate(layers, config, source + "rotated_k", k);
  }
  q = Features(layers, config, source, source + "phi_q", q, Side::kQueries);
  k = Features(layers, config, source, source + "phi_k", k, Side::kKeys);
  if (mask != ir::kNone && config.masks_keys) k = layers.Multiply(source + "masked_keys", k, mask);
  const ir::LinearAttention attention = {
      .num_heads = static_cast<uint32_t>(config.heads),
      .causal = config.is_causal,
      .normalizer = config.is_causal ? ir::LinearNormalizer::KeyEpsilon : ir::LinearNormalizer::AddEpsilon,
      .epsilon = config.is_causal ? kKeyEpsilon : 0.0f};
  return layers.method().Apply(source + "attend", attention, {q, k, in.v});
}

// Softmax over the query's window and the one before, positions by rotation.
int LocalHeads(Layers& layers, const Config& config, const std::string& source, const Projections& in) {
  const blocks::RotaryAngles angles = {.rows = config.max_length, .channels = config.head_dim};
  const blocks::Rotation rotation = {.heads = config.local_heads};
  const int q = blocks::Rotate(layers, source + "rotated_q", in.q, angles, rotation);
  const int k = blocks::Rotate(layers, source + "rotated_k", in.k, angles, rotation);
  const ir::Attention attention = blocks::AttendTo(
      {.heads = config.local_heads, .kv_heads = config.local_heads, .head_dim = config.head_dim},
      {{.selections = {blocks::Bucket(config.local_window, config.local_window)}, .causal = true}});
  return layers.method().Apply(source + "attend", attention, {q, k, in.v});
}

int Attention(Layers& layers, const Config& config, const std::string& source, int x, int mask) {
  int q = layers.Linear(source + "to_q", x, config.inner(), Bias::kOptional);
  int k = layers.Linear(source + "to_k", x, config.inner(), Bias::kOptional);
  int v = layers.Linear(source + "to_v", x, config.inner(), Bias::kOptional);
  if (mask != ir::kNone) v = layers.Multiply(source + "masked_values", v, mask);
  const Projections all = {.q = q, .k = k, .v = v};
  if (config.local_heads == 0)
    return layers.Linear(source + "to_out", LinearHeads(layers, config, source, all, mask), config.width,
                         Bias::kOptional);
  const int64_t linear_cols = config.heads * config.head_dim;
  const int linear =
      LinearHeads(layers, config, source, HeadsOf(layers, source + "linear_", all, 0, linear_cols), mask);
  const std::string local = source + "local_";
  const int windowed = LocalHeads(
      layers, config, local, HeadsOf(layers, local, all, linear_cols, config.local_heads * config.head_dim));
  return layers.Linear(source + "to_out", layers.SideBySide(source + "mixed", linear, windowed), config.width,
                       Bias::kOptional);
}

int FeedForward(Layers& layers, const Config& config, const std::string& source, int x) {
  const int64_t hidden_width = config.ffn_factor * config.width;
  const int hidden = layers.Linear(source + "fn.w1", x, config.gates_ffn ? 2 * hidden_width : hidden_width);
  if (!config.gates_ffn)
    return layers.Linear(source + "fn.w2", layers.Activate(source + "gelu", ir::Activation::kGelu, hidden),
                         config.width);
  const int active = layers.Activate(source + "gelu", ir::Activation::kGelu,
                                     layers.Columns(hidden, source + "value", 0, hidden_width));
  const int gate = layers.Columns(hidden, source + "gate", hidden_width, hidden_width);
  return layers.Linear(source + "fn.w2", layers.Multiply(source + "gated", active, gate), config.width);
}

// The second half of the channels comes from the row before: a convolution by channels whose taps are 0
// and 1.
int ShiftTokens(Layers& layers, const Config& config, const std::string& name, int x) {
  std::vector<float> taps;
  const int64_t unshifted = (config.width + 1) / 2;
  for (int64_t channel = 0; channel < config.width; ++channel) {
    taps.push_back(channel < unshifted ? 0.0f : 1.0f);
    taps.push_back(channel < unshifted ? 1.0f : 0.0f);
  }
  return layers.Conv1dWith(
      name, x,
      {.out_channels = config.width, .kernel = 2, .padding = 1, .padding_end = 0, .groups = config.width},
      taps, ir::kNone);
}

// Norm before, gain after, whichever the model has, around what `body` computes from the prefix of its
// weights.
template <class Body>
int Wrapped(Layers& layers, const Config& config, const std::string& source, int x, const Body& body) {
  const auto gain = [&] { return layers.Constant(layers.weights().Matrix(source + ".g", {1}, 1, 1)); };
  if (config.has_scale_norm) {
    x = layers.method().Apply(source + ".unit",
                              ir::Normalize{.kind = ir::NormalizeKind::Length, .epsilon = 1e-5f}, {x});
    x = layers.Multiply(source + ".norm", x, gain());
  } else if (!config.has_rezero) {
    x = layers.LayerNorm(source + ".norm", x);
  }
  if (config.shifts_tokens) x = ShiftTokens(layers, config, source + ".shift", x);
  x = body(source + (config.shifts_tokens ? ".fn.fn." : ".fn."), x);
  return config.has_rezero && layers.status().ok() ? layers.Multiply(source + ".gain", x, gain()) : x;
}

int Transformer(Layers& layers, const Config& config, int x, int mask) {
  int first = x, second = x;
  for (int64_t layer = 0; layer < config.depth; ++layer) {
    const std::string prefix = std::string("performer.net.") +
                               (config.is_reversible ? "blocks." : "layers.") + std::to_string(layer);
    const std::string f = prefix + (config.is_reversible ? ".f.net" : ".0"),
                      g = prefix + (config.is_reversible ? ".g.net" : ".1");
    const int mixed = Wrapped(layers, config, f, second, [&](const std::string& source, int in) {
      return Attention(layers, config, source, in, mask);
    });
    first = layers.Add(f + ".residual", first, mixed);
    if (!config.is_reversible) second = first;
    const int fed = Wrapped(layers, config, g, first, [&](const std::string& source, int in) {
      return FeedForward(layers, config, source, in);
    });
    second = layers.Add(g + ".residual", second, fed);
    if (!config.is_reversible) first = second;
  }
  return config.is_reversible ? layers.Add("sum", first, second) : first;
}

Status BuildMethod(blocks::Weights& weights, const Config& config, bool is_masked) {
  ir::MethodBuilder method(weights.graph(), is_masked ? "masked" : "forward");
  Layers layers(weights, method);
  const Dim length = Dim::Of(method.AddSymbol("length", config.max_length));
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = length, .cols = Dim::Fixed(1)});
  const int mask =
      is_masked ? method.AddInput({.name = "mask", .rows = length, .cols = Dim::Fixed(1)}) : ir::kNone;
  int x = layers.Embedding("token_emb", ids, config.vocabulary, config.width);
  const int positions =
      config.has_rotary
          ? TableRows(layers, "positions", config.max_length, config.width,
                      blocks::Sinusoids(0, config.max_length, config.width), x)
          : TableRows(layers, "pos_emb.emb.weight", config.max_length, config.width,
                      weights.Find("pos_emb.emb.weight") == ir::kNone
                          ? weights.Take("pos_emb.emb.weight", {config.max_length, config.width})
                          : std::vector<float>(),
                      x);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  x = Transformer(layers, config, layers.Add("embedding", x, positions), mask);
  x = layers.LayerNorm("norm", x);
  const int logits = config.ties_embedding ? layers.Dense("to_out", x, weights.Find("token_emb.weight"))
                                           : layers.Linear("to_out", x, config.vocabulary);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logits, "logits");
  return std::move(method).Finish();
}

// The package stores its modules a second time, for the redrawing of projections in training.
void DropDuplicates(ir::WeightSource& source) {
  for (const std::string& name : source.Unused()) {
    const bool is_angle = name.ends_with(".rel_pos.inv_freq");  // computed
    if (is_angle || name.starts_with("performer.proj_updater.")) source.Drop(name);
  }
}

Config ReadConfig(ir::HyperParameters& settings) {
  const auto flag = [&settings](const char* key, bool absent = false) {
    return settings.FlagOr(key, absent);
  };
  Config config = {.vocabulary = settings.Integer("num_tokens"),
                   .width = settings.Integer("dim", {2, 1 << 16}),
                   .depth = settings.Integer("depth", {1, 1024}),
                   .heads = settings.Integer("heads"),
                   .head_dim = settings.IntegerOr("dim_head", 64, {2, 1 << 12}),
                   .features = settings.Integer("nb_features"),
                   .ffn_factor = settings.IntegerOr("ff_mult", 4, {1, 64}),
                   .max_length = settings.Integer("max_seq_len"),
                   .is_causal = flag("causal"),
                   .is_generalized = flag("generalized_attention"),
                   .has_rotary = flag("rotary_position_emb", true),
                   .is_reversible = flag("reversible"),
                   .has_scale_norm = flag("use_scalenorm"),
                   .has_rezero = flag("use_rezero"),
                   .shifts_tokens = flag("shift_tokens"),
                   .gates_ffn = flag("ff_glu"),
                   .ties_embedding = flag("tie_embed")};
  config.local_heads = settings.IntegerOr("local_attn_heads", 0, {0, 1 << 12});
  config.local_window = settings.IntegerOr("local_window_size", 256);
  config.heads -= config.local_heads;
  settings.Require("kernel_fn", "relu", "only ReLU features are built");
  settings.Ignore({"ff_chunks", "feature_redraw_interval", "emb_dropout", "ff_dropout", "attn_dropout",
                   "auto_check_redraw"});
  return config;
}

// The package shifts local queries against their keys where they look ahead; that is not built.
Status CheckHeads(const Config& config) {
  if (config.local_heads > 0 && !config.is_causal)
    return Status::Error(StatusCode::kUnsupported,
                         "local_attn_heads is %lld: local heads are built for causal models",
                         static_cast<long long>(config.local_heads));
  if (config.heads >= 1) return Status::Ok();
  return Status::Error(StatusCode::kUnsupported,
                       "all heads are local ones: at least one of another kind is needed");
}

}  // namespace

Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model) {
  const Config config = ReadConfig(model.settings);
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  EARSHOT_RETURN_IF_ERROR(CheckHeads(config));
  ir::Graph graph;
  graph.family = "performer";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, false));
  if (!config.is_causal) EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, true));
  DropDuplicates(model.weights);
  return graph;
}

}  // namespace earshot::performer
