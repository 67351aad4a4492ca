// Blocks with pre-norm; self-attention over a cache of turned keys, cross-attention without positions, a
// gated feed-forward layer.
#include "models/moonshine/graph_decoder.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

namespace earshot::moonshine {
namespace {

using blocks::Bias;
using blocks::KeyValueCache;
using blocks::Layers;
using ir::Dim;

constexpr char kDecoderTable[] = "model.decoder.rotary";
constexpr char kTokenTable[] = "model.decoder.embed_tokens.weight";
constexpr char kProjection[] = "proj_out.weight";

std::string Layer(int64_t layer) { return "model.decoder.layers." + std::to_string(layer); }

float Scale(const DecoderConfig& config) {
  return static_cast<float>(
      1.0 / std::sqrt(static_cast<double>(config.width) / static_cast<double>(config.heads.heads)));
}

// Cosines and sines of all positions, made once.
void AddAngles(blocks::Weights& weights, const Rotary& rotary, const std::string& table) {
  if (weights.Find(table + ".cosines") != ir::kNone) return;
  std::vector<float> cosines, sines;
  for (int64_t position = 0; position < rotary.positions; ++position) {
    for (int64_t pair = 0; pair < rotary.pairs(); ++pair) {
      const double exponent = 2.0 * static_cast<double>(pair) / static_cast<double>(rotary.channels);
      const double angle = static_cast<double>(position) * std::pow(rotary.base, -exponent);
      cosines.push_back(static_cast<float>(std::cos(angle)));
      sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  weights.Add(table + ".cosines", rotary.positions, rotary.pairs(), std::move(cosines));
  weights.Add(table + ".sines", rotary.positions, rotary.pairs(), std::move(sines));
}

// The operands of a rotary op; empty after an error.
std::vector<int> RotaryInputs(Layers& layers, const std::string& name, int x, const RotaryRows& rows) {
  AddAngles(layers.weights(), rows.rotary, rows.table);
  if (!layers.status().ok()) return {};
  ir::MethodBuilder& method = layers.method();
  const auto angles = [&](const char* function) {
    const int table = layers.Constant(layers.weights().Find(std::string(rows.table) + function));
    return method.View(table, name + function,
                       {.row_begin = rows.position, .rows = method.rows(x), .cols = rows.rotary.pairs()});
  };
  const int cosines = angles(".cosines"), sines = angles(".sines");
  return {x, cosines, sines};
}

ir::Rotary Attributes(const RotaryRows& rows) {
  ir::Rotary attributes;
  attributes.num_heads = static_cast<uint32_t>(rows.heads);
  attributes.interleaved = true;
  return attributes;
}

// Some checkpoints hold the shared matrix a second time.
Status CheckTiedProjection(blocks::Weights& weights, const DecoderConfig& config) {
  if (!config.ties_projection || !weights.Has(kProjection)) return Status::Ok();
  const std::vector<float> projection = weights.Take(kProjection, {config.vocabulary, config.width});
  EARSHOT_RETURN_IF_ERROR(weights.status());
  if (weights.graph().tensors[static_cast<size_t>(weights.Find(kTokenTable))].values == projection)
    return Status::Ok();
  return Status::Error(StatusCode::kUnsupported,
                       "%s differs from %s, though tie_word_embeddings says that they are one", kProjection,
                       kTokenTable);
}

class Decoder {
 public:
  Decoder(Layers& layers, const DecoderConfig& config, const Caches& caches)
      : layers_(layers), method_(layers.method()), config_(config), caches_(caches) {}

  void Build() {
    tokens_ = Dim::Of(method_.AddSymbol("tokens", config_.max_tokens));
    position_ = Dim::Of(method_.AddSymbol("position", config_.max_tokens - 1, 0));
    end_ = Dim::Of(method_.AddSymbol("end", config_.max_tokens));
    source_ = Dim::Of(method_.AddSymbol("source", config_.max_source));
    const int ids = method_.AddInput(
        {.name = "decoder_input_ids", .dtype = DType::kI32, .rows = tokens_, .cols = Dim::Fixed(1)});
    int x = layers_.Embedding("model.decoder.embed_tokens", ids, config_.vocabulary, config_.width);
    for (int64_t layer = 0; layer < config_.layers; ++layer) x = Block(layer, x);
    // Nobody reads the logits of other rows: for a whole text they would take more memory than all else.
    const int last = method_.View(x, "model.decoder.last",
                                  {.row_begin = {.symbol = tokens_.symbol, .addend = -1},
                                   .rows = Dim::Fixed(1),
                                   .cols = config_.width});
    const int logits = layers_.Dense("logits", layers_.LayerNorm("model.decoder.norm", last), Projection());
    if (layers_.status().ok()) method_.MakeOutput(logits, "logits");
  }

 private:
  int Block(int64_t layer, int x) {
    const std::string name = Layer(layer);
    const std::string self = name + ".self_attn", cross = name + ".encoder_attn";
    x = layers_.Add(self + ".residual", x,
                    SelfAttention(layer, layers_.LayerNorm(name + ".input_layernorm", x)));
    x = layers_.Add(cross + ".residual", x,
                    CrossAttention(layer, layers_.LayerNorm(name + ".post_attention_layernorm", x)));
    const int fed = GatedFeedForward(name + ".mlp", layers_.LayerNorm(name + ".final_layernorm", x));
    return layers_.Add(name + ".mlp.residual", x, fed);
  }

  int SelfAttention(int64_t layer, int x) {
    const std::string name = Layer(layer) + ".self_attn";
    const KeyValueCache& cache = caches_.self[static_cast<size_t>(layer)];
    const ir::ViewWindow rows = {.row_begin = position_, .rows = tokens_};
    const int q = layers_.Linear(name + ".q_proj", x, config_.width, Bias::kOptional);
    const int k = layers_.Linear(name + ".k_proj", x, cache.width, Bias::kOptional);
    layers_.LinearInto(name + ".v_proj", x, cache.Values(method_, name, rows), Bias::kOptional);
    RotateInto(layers_, name + ".k_rotary", k, Turned(config_.heads.kv_heads),
               cache.Keys(method_, name, rows));
    const int turned = Rotate(layers_, name + ".q_rotary", q, Turned(config_.heads.heads));
    return Attend(name, turned, cache, {.pattern = ir::PatternKind::kCausal, .rows = end_});
  }

  int CrossAttention(int64_t layer, int x) {
    const std::string name = Layer(layer) + ".encoder_attn";
    const int q = layers_.Linear(name + ".q_proj", x, config_.width, Bias::kOptional);
    return Attend(name, q, caches_.cross[static_cast<size_t>(layer)],
                  {.pattern = ir::PatternKind::kFull, .rows = source_});
  }

  RotaryRows Turned(int64_t heads) const {
    return {.rotary = config_.rotary, .table = kDecoderTable, .heads = heads, .position = position_};
  }

  struct Keys {
    ir::PatternKind pattern;
    Dim rows;
  };
  int Attend(const std::string& name, int q, const KeyValueCache& cache, const Keys& keys) {
    const ir::Attention attention = {.num_heads = config_.heads.heads,
                                     .num_kv_heads = config_.heads.kv_heads,
                                     .scale = Scale(config_),
                                     .pattern = keys.pattern};
    const int k = cache.Keys(method_, name + ".cached", {.rows = keys.rows});
    const int v = cache.Values(method_, name + ".cached", {.rows = keys.rows});
    const int mixed = method_.Apply(name + ".attend", attention, {q, k, v});
    return layers_.Linear(name + ".o_proj", mixed, config_.width, Bias::kOptional);
  }

  // fc1 makes what goes on, then what gates it.
  int GatedFeedForward(const std::string& source, int x) {
    const int both = layers_.Linear(source + ".fc1", x, 2 * config_.ffn_width);
    const int hidden = layers_.Columns(both, source + ".hidden", 0, config_.ffn_width);
    const int gate = layers_.Columns(both, source + ".gate", config_.ffn_width, config_.ffn_width);
    const int gated = layers_.Multiply(source + ".gated", hidden,
                                       layers_.Activate(source + ".activation", config_.activation, gate));
    return layers_.Linear(source + ".fc2", gated, config_.width);
  }

  int Projection() {
    const char* source = config_.ties_projection ? kTokenTable : kProjection;
    return layers_.weights().Matrix(source, config_.vocabulary, config_.width);
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const DecoderConfig& config_;
  const Caches& caches_;
  Dim tokens_, position_, end_, source_;
};

}  // namespace

DecoderConfig ReadDecoder(ir::HyperParameters& settings, const std::string& prefix) {
  DecoderConfig config = {.vocabulary = settings.Integer("vocab_size"),
                          .width = settings.Integer("hidden_size"),
                          .layers = settings.Integer(prefix + "num_hidden_layers", {1, 1024}),
                          .heads = {.heads = settings.Integer(prefix + "num_attention_heads")},
                          .ffn_width = settings.Integer("intermediate_size"),
                          .max_tokens = settings.IntegerOr("max_position_embeddings", 512, {2, 1 << 16}),
                          .start = settings.IntegerOr("decoder_start_token_id", 1, {0, 1 << 24}),
                          .end_of_text = settings.IntegerOr("eos_token_id", 2, {0, 1 << 24})};
  config.heads.kv_heads = settings.IntegerOr(prefix + "num_key_value_heads", config.heads.heads);
  return config;
}

Rotary ReadRotary(ir::HyperParameters& settings, double default_share, int64_t head_width) {
  settings.Require("rope_scaling", nullptr, "positions cannot be scaled");
  ir::HyperParameters& rope =
      settings.Has("rope_parameters") ? settings.Section("rope_parameters") : settings;
  rope.Require("rope_type", "default", "only plain rotary positions are built");
  const double share =
      rope.NumberOr("partial_rotary_factor", settings.NumberOr("partial_rotary_factor", default_share));
  Rotary rotary = {.base = rope.NumberOr("rope_theta", settings.NumberOr("rope_theta", 10000.0))};
  // No share is above one, and what is none at all turns nothing.
  const bool is_share = share >= 0.0 && share <= 1.0;
  rotary.channels = is_share ? static_cast<int64_t>(static_cast<double>(head_width) * share) : -1;
  return rotary;
}

Status CheckRotary(const Rotary& rotary) {
  if (rotary.channels >= 1 && rotary.base > 0) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "partial_rotary_factor or rope_theta leave no channel to turn");
}

Status CheckHeads(const HeadCounts& heads, int64_t width) {
  if (width % heads.heads == 0 && heads.kv_heads <= heads.heads && heads.heads % heads.kv_heads == 0)
    return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "a width of %lld cannot be split into %lld heads with keys of %lld heads",
                       static_cast<long long>(width), static_cast<long long>(heads.heads),
                       static_cast<long long>(heads.kv_heads));
}

Caches AddCaches(ir::Graph& graph, const DecoderConfig& config) {
  graph.int8_states = {"cross_kv_*"};  // read with every token
  graph.f16_states = {"cross_kv_*"};
  Caches caches;
  const int64_t width = config.heads.KeyWidth(config.width);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string number = std::to_string(layer);
    caches.cross.push_back(KeyValueCache::Add(graph, "cross_kv_" + number, config.max_source, width));
    caches.self.push_back(KeyValueCache::Add(graph, "self_kv_" + number, config.max_tokens, width));
  }
  return caches;
}

int Rotate(Layers& layers, const std::string& name, int x, const RotaryRows& rows) {
  const std::vector<int> inputs = RotaryInputs(layers, name, x, rows);
  return inputs.empty() ? ir::kNone : layers.method().Apply(name, Attributes(rows), inputs);
}

void RotateInto(Layers& layers, const std::string& name, int x, const RotaryRows& rows, int out) {
  const std::vector<int> inputs = RotaryInputs(layers, name, x, rows);
  if (!inputs.empty()) layers.method().ApplyInto(name, Attributes(rows), inputs, out);
}

int FeedForward(Layers& layers, const std::string& source, int x, ir::Activation activation, int64_t width) {
  const int hidden =
      layers.Activate(source + ".activation", activation, layers.Linear(source + ".fc1", x, width));
  return layers.Linear(source + ".fc2", hidden, layers.cols(x));
}

void FillCrossCaches(Layers& layers, const DecoderConfig& config, const Caches& caches, int memory) {
  if (!layers.status().ok()) return;
  ir::MethodBuilder& method = layers.method();
  const ir::ViewWindow rows = {.rows = method.rows(memory)};
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string name = Layer(layer) + ".encoder_attn";
    const KeyValueCache& cache = caches.cross[static_cast<size_t>(layer)];
    layers.LinearInto(name + ".k_proj", memory, cache.Keys(method, name, rows), Bias::kOptional);
    layers.LinearInto(name + ".v_proj", memory, cache.Values(method, name, rows), Bias::kOptional);
  }
}

Status BuildDecode(blocks::Weights& weights, const DecoderConfig& config, const Caches& caches) {
  ir::MethodBuilder method(weights.graph(), "decode");
  Layers layers(weights, method);
  Decoder(layers, config, caches).Build();
  EARSHOT_RETURN_IF_ERROR(layers.status());
  EARSHOT_RETURN_IF_ERROR(CheckTiedProjection(weights, config));
  return std::move(method).Finish();
}

void AddLoops(ir::Graph& graph, const DecoderConfig& config, const std::string& prefix,
              const std::string& encode) {
  const std::vector<std::string> methods = {encode, "decode"};
  const auto number = [](int64_t x) { return static_cast<double>(x); };
  graph.loops.push_back(
      {.name = prefix + "incremental", .driver = "stepwise", .methods = methods, .settings = {}});
  graph.loops.push_back({.name = prefix + "full", .driver = "prefixes", .methods = methods, .settings = {}});
  graph.loops.push_back({.name = prefix + "greedy",
                         .driver = "greedy",
                         .methods = methods,
                         .settings = {{"start", number(config.start)},
                                      {"eos", number(config.end_of_text)},
                                      {"max_tokens", number(config.max_tokens)}}});
}

}  // namespace earshot::moonshine
