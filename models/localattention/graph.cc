// Windows, rotary positions, and the package's choices around them.
#include "models/localattention/graph.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/key_selection.h"
#include "models/blocks/layers.h"
#include "models/blocks/rotary.h"

namespace earshot::localattention {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

struct Config {
  int64_t vocabulary = 0, width = 0, depth = 0, heads = 0, head_dim = 0, window = 0, ffn = 0, max_length = 0;
  bool has_xpos = false;
  int64_t xpos_base = 0;
  bool gates_values = false;

  int64_t inner() const { return heads * head_dim; }
};

// Factors by which queries grow and keys shrink with their position (Sun et al. 2022, "xPos"): only
// differences of positions matter, so they count from the middle.
struct XposTable {
  int64_t rows = 1, heads = 1, head_dim = 2, base = 1;
};

int AddXpos(Layers& layers, const XposTable& table, double sign) {
  const std::string name = std::string(sign > 0 ? "xpos of queries, " : "xpos of keys, ") +
                           std::to_string(table.rows) + " by " + std::to_string(table.base);
  const double dim = static_cast<double>(table.head_dim);
  std::vector<float> factors;
  for (int64_t row = 0; row < table.rows; ++row) {
    const double power = sign * static_cast<double>(row - table.rows / 2) / static_cast<double>(table.base);
    for (int64_t col = 0; col < table.heads * table.head_dim; ++col) {
      const double pair = static_cast<double>(col % table.head_dim % (table.head_dim / 2));
      factors.push_back(static_cast<float>(std::pow((2.0 * pair + 0.4 * dim) / (1.4 * dim), power)));
    }
  }
  return layers.Constant(
      layers.weights().Add(name, table.rows, table.heads * table.head_dim, std::move(factors)));
}

// So many positions: the factors must fit f32, with room for products.
int64_t MaxXposPositions(int64_t base) {
  constexpr int64_t kLargestPower = 60;  // (1.4 / 0.4)^60 = 4e32
  return 2 * kLargestPower * base;
}

Status CheckGrowth(int64_t num_positions, int64_t base) {
  if (num_positions <= MaxXposPositions(base)) return Status::Ok();
  return Status::Error(StatusCode::kUnsupported,
                       "xpos over %lld positions with a base of %lld leaves the range of f32: a larger "
                       "xpos_scale_base or fewer positions would not",
                       static_cast<long long>(num_positions), static_cast<long long>(base));
}

class Decoder {
 public:
  Decoder(Layers& layers, const Config& config)
      : layers_(layers), method_(layers.method()), config_(config) {}

  void Build() {
    tokens_ = Dim::Of(method_.AddSymbol("tokens", config_.max_length));
    position_ = Dim::Of(method_.AddSymbol("position", config_.max_length - 1, 0));
    const int ids =
        method_.AddInput({.name = "ids", .dtype = DType::kI32, .rows = tokens_, .cols = Dim::Fixed(1)});
    int x = layers_.Embedding("token_emb", ids, config_.vocabulary, config_.width);
    const int positions =
        layers_.Constant(layers_.weights().Matrix("pos_emb.weight", config_.max_length, config_.width));
    if (!layers_.status().ok()) return;
    x = layers_.Add("embedding", x, RowsAtPosition(positions, "positions", config_.width));
    for (int64_t layer = 0; layer < config_.depth; ++layer) {
      const std::string name = "layers." + std::to_string(layer);
      x = layers_.Add(name + ".mixed", x, Attention(name + ".0.branch.", layer, x));
      x = layers_.Add(name + ".fed", x, FeedForward(name + ".1.branch.", x));
    }
    const int logits =
        layers_.Linear("to_logits.1", layers_.LayerNorm("to_logits.0", x), config_.vocabulary, Bias::kNone);
    if (layers_.status().ok()) method_.MakeOutput(logits, "logits");
  }

 private:
  int RowsAtPosition(int table, const std::string& name, int64_t cols) {
    return method_.View(table, name, {.row_begin = position_, .rows = tokens_, .cols = cols});
  }

  int Attention(const std::string& source, int64_t layer, int x) {
    const int norm = layers_.LayerNorm(source + "norm", x);
    const int64_t inner = config_.inner();
    const int projected = layers_.Linear(source + "to_qkv", norm, 3 * inner, Bias::kNone);
    if (!layers_.status().ok()) return ir::kNone;
    const int q = Place(source + "q", layers_.Columns(projected, source + "q", 0, inner), 1.0);
    const int k = Place(source + "k", layers_.Columns(projected, source + "k", inner, inner), -1.0);
    const int v = layers_.Columns(projected, source + "v", 2 * inner, inner);
    const int ring =
        method_.StateValue(ir::AddState(layers_.weights().graph(), "ring_kv_" + std::to_string(layer),
                                        DType::kF32, blocks::PastRows(config_.window), 2 * inner));
    ir::Attention attention =
        blocks::AttendTo({.heads = config_.heads, .kv_heads = config_.heads, .head_dim = config_.head_dim},
                         {{.selections = {blocks::Local(config_.window, 0)}, .causal = true}});
    attention.past = true;
    int mixed = method_.Apply(source + "attend", attention, {q, k, v, ring}, ring);
    if (config_.gates_values) {
      const int gates = layers_.Activate(source + "gates", ir::Activation::kSigmoid,
                                         layers_.Linear(source + "to_v_gate.0", norm, config_.heads));
      mixed = layers_.Multiply(source + "gated", mixed, gates);
    }
    return layers_.Linear(source + "to_out", mixed, config_.width, Bias::kNone);
  }

  // Rotated, and grown or shrunk by the position where the model extrapolates.
  int Place(const std::string& name, int in, double sign) {
    const int rotated = blocks::Rotate(layers_, name + ".rotated", in,
                                       {.rows = config_.max_length, .channels = config_.head_dim},
                                       {.heads = config_.heads, .position = position_});
    if (!config_.has_xpos || !layers_.status().ok()) return rotated;
    const XposTable table = {.rows = config_.max_length,
                             .heads = config_.heads,
                             .head_dim = config_.head_dim,
                             .base = config_.xpos_base};
    const int scales = AddXpos(layers_, table, sign);
    if (!layers_.status().ok()) return ir::kNone;
    return layers_.Multiply(name + ".scaled", rotated,
                            RowsAtPosition(scales, name + ".scales", config_.inner()));
  }

  int FeedForward(const std::string& source, int x) {
    const int hidden =
        layers_.Linear(source + "1", layers_.LayerNorm(source + "0", x), 2 * config_.ffn, Bias::kNone);
    if (!layers_.status().ok()) return ir::kNone;
    const int gate = layers_.Activate(source + "gelu", ir::Activation::kGelu,
                                      layers_.Columns(hidden, source + "gate", config_.ffn, config_.ffn));
    const int value = layers_.Columns(hidden, source + "value", 0, config_.ffn);
    return layers_.Linear(source + "4", layers_.Multiply(source + "gated", gate, value), config_.width,
                          Bias::kNone);
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  Dim tokens_, position_;
};

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("num_tokens"),
                   .width = settings.Integer("dim"),
                   .depth = settings.Integer("depth", {1, 1024}),
                   .heads = settings.IntegerOr("heads", 8),
                   .head_dim = settings.IntegerOr("dim_head", 64, {2, 1 << 16}),
                   .window = settings.IntegerOr("local_attn_window_size", 128),
                   .max_length = settings.Integer("max_seq_len", {2, 1 << 20}),
                   .has_xpos = settings.FlagOr("use_xpos", false),
                   .gates_values = settings.FlagOr("gate_values_per_head", false)};
  config.ffn = config.width * settings.IntegerOr("ff_mult", 4) * 2 / 3;
  config.xpos_base = settings.IntegerOr("xpos_scale_base", std::max<int64_t>(1, config.window / 2));
  settings.Require("causal", true, "only the causal model is built");
  settings.Require("num_residual_streams", 1, "only one residual stream is built");
  settings.Require("ignore_index", -1, "says nothing about inference");
  settings.Ignore({"attn_dropout", "ff_dropout"});
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.has_xpos) EARSHOT_RETURN_IF_ERROR(CheckGrowth(config.max_length, config.xpos_base));
  if (config.head_dim % 2 == 0) return config;
  return Status::Error(StatusCode::kUnsupported, "heads of %lld channels have no pairs to rotate",
                       static_cast<long long>(config.head_dim));
}

// Frequencies of the rotary angles, which follow from the width of a head.
void DropTables(ir::WeightSource& source) {
  for (const std::string& name : source.Unused()) {
    if (name.find(".attn_fn.rel_pos.") != std::string::npos) source.Drop(name);
  }
}

}  // namespace

Result<ir::Graph> BuildLanguageModel(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  ir::Graph graph;
  graph.family = "localattention";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  ir::MethodBuilder method(graph, "decode");
  Layers layers(weights, method);
  Decoder(layers, config).Build();
  EARSHOT_RETURN_IF_ERROR(layers.status());
  EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  DropTables(model.weights);
  graph.loops = {{.name = "full",
                  .driver = "stepwise",
                  .methods = {"decode"},
                  .settings = {{"prefill", static_cast<double>(config.max_length)}}},
                 {.name = "incremental", .driver = "stepwise", .methods = {"decode"}, .settings = {}}};
  return graph;
}

namespace {

struct Mode {
  int64_t window = 1, look_backward = 1, look_forward = 0;
  bool is_causal = false, is_exact = false, has_rotary = false, has_xpos = false, shares_keys = false;
  int64_t xpos_base = 1;
};

Result<Mode> ReadMode(ir::HyperParameters& settings, int64_t head_dim) {
  Mode mode = {.window = settings.Integer("window_size"),
               .look_backward = settings.IntegerOr("look_backward", 1, {0, 1024}),
               .is_causal = settings.FlagOr("causal", false),
               .is_exact = settings.FlagOr("exact_windowsize", false),
               .has_xpos = settings.FlagOr("use_xpos", false),
               .shares_keys = settings.FlagOr("shared_qk", false)};
  mode.look_forward = settings.IntegerOr("look_forward", mode.is_causal ? 0 : 1, {0, 1024});
  mode.has_rotary = settings.Has("dim") && settings.FlagOr("use_rotary_pos_emb", true);
  mode.xpos_base = settings.IntegerOr("xpos_scale_base", std::max<int64_t>(1, mode.window / 2));
  settings.Require("dim", head_dim, "the width of a head is another one");
  settings.Ignore({"autopad", "dropout"});
  EARSHOT_RETURN_IF_ERROR(settings.status());
  if (mode.is_causal && mode.look_forward > 0)
    return Status::Error(StatusCode::kInvalidModel, "a causal mode cannot look forward");
  if (mode.shares_keys && !mode.is_causal)
    return Status::Error(StatusCode::kUnsupported, "shared_qk is built for causal modes only");
  if (mode.has_rotary && head_dim % 2 != 0)
    return Status::Error(StatusCode::kUnsupported, "heads of %lld channels have no pairs to rotate",
                         static_cast<long long>(head_dim));
  return mode;
}

ir::HeadPattern PatternOf(const Mode& mode) {
  const int64_t left = mode.window * mode.look_backward, right = mode.window * mode.look_forward;
  return {
      .selections = {mode.is_exact ? blocks::Local(left, right) : blocks::Bucket(mode.window, left, right)},
      .causal = mode.is_causal,
      .own_last = mode.shares_keys};
}

// What the modes have in common.
struct AttentionSize {
  blocks::HeadSize heads;
  int64_t max_length = 1;

  int64_t width() const { return heads.heads * heads.head_dim; }
};

// Queries are rotated as if they stood in the last bucket that they look at.
int PlaceRows(Layers& layers, const AttentionSize& size, const Mode& mode, const std::string& name, int in) {
  const bool is_query = name == "q";
  const int64_t shift = mode.window * mode.look_forward;
  const Dim position = Dim::Fixed(is_query ? shift : 0);
  int x = blocks::Rotate(layers, name + ".rotated", in,
                         {.rows = size.max_length + shift, .channels = size.heads.head_dim},
                         {.heads = size.heads.heads, .position = position});
  if (!mode.has_xpos || !layers.status().ok()) return x;
  const XposTable table = {.rows = size.max_length + shift,
                           .heads = size.heads.heads,
                           .head_dim = size.heads.head_dim,
                           .base = mode.xpos_base};
  const int scales = AddXpos(layers, table, is_query ? 1.0 : -1.0);
  if (!layers.status().ok()) return ir::kNone;
  const int rows =
      layers.method().View(scales, name + ".scales",
                           {.row_begin = position, .rows = layers.method().rows(in), .cols = size.width()});
  return layers.Multiply(name + ".scaled", x, rows);
}

Status BuildMode(blocks::Weights& weights, const AttentionSize& size, const Mode& mode,
                 const std::string& name) {
  ir::MethodBuilder method(weights.graph(), name);
  Layers layers(weights, method);
  const Dim rows = Dim::Of(method.AddSymbol("length", size.max_length));
  std::vector<int> inputs;
  for (const char* input : {"q", "k", "v"})
    inputs.push_back(method.AddInput({.name = input, .rows = rows, .cols = Dim::Fixed(size.width())}));
  if (mode.shares_keys) {
    const ir::Normalize unit = {.kind = ir::NormalizeKind::Length,
                                .groups = static_cast<uint32_t>(size.heads.heads),
                                .epsilon = 1e-12f};
    inputs[1] = method.Apply("unit_k", unit, {inputs[1]});
  }
  if (mode.has_rotary) {
    inputs[0] = PlaceRows(layers, size, mode, "q", inputs[0]);
    inputs[1] = PlaceRows(layers, size, mode, "k", inputs[1]);
  }
  const int out = method.Apply("attend", blocks::AttendTo(size.heads, {PatternOf(mode)}), inputs);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(out, "out");
  return std::move(method).Finish();
}

}  // namespace

Result<ir::Graph> BuildAttention(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const int64_t heads = settings.Integer("heads"), head_dim = model.ExampleLength("q", 3, 1);
  const AttentionSize size = {.heads = {.heads = heads, .kv_heads = heads, .head_dim = head_dim},
                              .max_length = model.MaxLength("q", 2)};
  ir::Graph graph;
  graph.family = "localattention";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  const std::vector<ir::HyperParameters*> modes = settings.Sections("modes");
  for (size_t i = 0; i < modes.size(); ++i) {
    EARSHOT_ASSIGN_OR_RETURN(const Mode mode, ReadMode(*modes[i], head_dim));
    AttentionSize mode_size = size;
    if (mode.has_xpos) {
      const int64_t shift = mode.window * mode.look_forward;
      const int64_t example = model.ExampleLength("q", 2, 1) + mode.window + shift;  // filled up
      EARSHOT_RETURN_IF_ERROR(CheckGrowth(example, mode.xpos_base));
      mode_size.max_length = std::min(size.max_length, MaxXposPositions(mode.xpos_base) - shift);
    }
    EARSHOT_RETURN_IF_ERROR(BuildMode(weights, mode_size, mode, "mode" + std::to_string(i)));
  }
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  return graph;
}

}  // namespace earshot::localattention
