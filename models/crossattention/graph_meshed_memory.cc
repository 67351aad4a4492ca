// The meshed-memory transformer.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/key_value_cache.h"
#include "models/blocks/layers.h"
#include "models/crossattention/graph.h"

namespace earshot::crossattention {
namespace {

using blocks::Bias;
using blocks::KeyValueCache;
using blocks::Layers;
using blocks::Weights;
using ir::Dim;

struct Config {
  int64_t width = 0, heads = 0, key_dim = 0, ffn = 0, vocabulary = 0, slots = 0, features = 0, max_tokens = 0,
          max_features = 0;
  int64_t encoder_layers = 0, decoder_layers = 0;

  int64_t inner() const { return heads * key_dim; }
  ir::Attention Attend(ir::PatternKind pattern) const {
    return {.num_heads = heads,
            .num_kv_heads = heads,
            .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(key_dim))),
            .pattern = pattern};
  }
};

struct States {
  std::vector<int> encoder;  // [S, D] of each layer
  std::vector<KeyValueCache> self;
};

int FeedForward(Layers& layers, const Config& config, const std::string& source, int x) {
  const int hidden =
      layers.Activate(source + ".relu", ir::Activation::kRelu, layers.Linear(source + ".fc1", x, config.ffn));
  const int out = layers.Linear(source + ".fc2", hidden, config.width);
  return layers.LayerNorm(source + ".layer_norm", layers.Add(source + ".residual", x, out));
}

// Norm(x + projection of what was attended to).
int Finish(Layers& layers, const Config& config, const std::string& source, int x, int mixed) {
  const int out = layers.Linear(source + ".attention.fc_o", mixed, config.width);
  return layers.LayerNorm(source + ".layer_norm", layers.Add(source + ".residual", x, out));
}

// Projected rows, then the learned slots times a factor.
int WithSlots(Layers& layers, const Config& config, const std::string& source, const char* slots,
              double factor, int in) {
  Weights& weights = layers.weights();
  const std::string name = source + "." + slots;
  if (weights.Find(name) == ir::kNone) {
    std::vector<float> values = weights.Take(name, {1, config.slots, config.inner()});
    for (float& value : values) value = static_cast<float>(static_cast<double>(value) * factor);
    weights.Add(name, config.slots, config.inner(), std::move(values));
  }
  if (!layers.status().ok()) return ir::kNone;
  ir::MethodBuilder& method = layers.method();
  const Dim rows = method.rows(in);
  Dim all_rows = rows;
  all_rows.addend += config.slots;
  const int all =
      method.AddActivation({.name = name + ".all", .rows = all_rows, .cols = Dim::Fixed(config.inner())});
  const std::string projection = source + (slots[2] == 'k' ? ".fc_k" : ".fc_v");
  layers.LinearInto(projection, in,
                    method.View(all, name + ".projected", {.rows = rows, .cols = config.inner()}));
  const int tail = method.View(all, name + ".slots",
                               {.row_begin = rows, .rows = Dim::Fixed(config.slots), .cols = config.inner()});
  if (!layers.status().ok()) return ir::kNone;
  method.ApplyInto(name + ".copy", ir::Activate{ir::Activation::kNone}, {layers.Constant(weights.Find(name))},
                   tail);
  return all;
}

int EncoderLayer(Layers& layers, const Config& config, const std::string& source, int x) {
  const std::string attention = source + ".mhatt.attention";
  const int q = layers.Linear(attention + ".fc_q", x, config.inner());
  const int k =
      WithSlots(layers, config, attention, "m_k", std::sqrt(static_cast<double>(config.key_dim)), x);
  const int v = WithSlots(layers, config, attention, "m_v", std::sqrt(static_cast<double>(config.slots)), x);
  const int mixed =
      layers.method().Apply(attention + ".attend", config.Attend(ir::PatternKind::kFull), {q, k, v});
  return FeedForward(layers, config, source + ".pwff", Finish(layers, config, source + ".mhatt", x, mixed));
}

Status BuildEncode(Weights& weights, const Config& config, const States& states) {
  ir::MethodBuilder method(weights.graph(), "encode");
  Layers layers(weights, method);
  const Dim source = Dim::Of(method.AddSymbol("source", config.max_features));
  const int features =
      method.AddInput({.name = "features", .rows = source, .cols = Dim::Fixed(config.features)});
  const int projected = layers.Linear("encoder.fc", features, config.width);
  int x = layers.LayerNorm("encoder.layer_norm",
                           layers.Activate("encoder.relu", ir::Activation::kRelu, projected));
  for (int64_t layer = 0; layer < config.encoder_layers; ++layer) {
    x = EncoderLayer(layers, config, "encoder.layers." + std::to_string(layer), x);
    EARSHOT_RETURN_IF_ERROR(layers.status());
    const int kept = method.View(method.StateValue(states.encoder[static_cast<size_t>(layer)]), "kept",
                                 {.rows = source, .cols = config.width});
    method.ApplyInto("keep", ir::Activate{ir::Activation::kNone}, {x}, kept);
    method.MakeOutput(x, "enc_layer" + std::to_string(layer));
  }
  return std::move(method).Finish();
}

class Decoder {
 public:
  Decoder(Layers& layers, const Config& config, const States& states)
      : layers_(layers), method_(layers.method()), config_(config), states_(states) {}

  Status Build() {
    const Dim tokens = Dim::Of(method_.AddSymbol("tokens", config_.max_tokens));
    const Dim position = Dim::Of(method_.AddSymbol("position", config_.max_tokens - 1, 0));
    end_ = Dim::Of(method_.AddSymbol("end", config_.max_tokens));
    source_ = Dim::Of(method_.AddSymbol("source", config_.max_features));
    new_rows_ = {.row_begin = position, .rows = tokens};
    const int ids =
        method_.AddInput({.name = "tgt", .dtype = DType::kI32, .rows = tokens, .cols = Dim::Fixed(1)});
    int x = layers_.Embedding("decoder.word_emb", ids, config_.vocabulary, config_.width);
    // Positions count from 1; row 0 of the table is for padding.
    const int table = layers_.Constant(
        layers_.weights().Matrix("decoder.pos_emb.weight", config_.max_tokens + 1, config_.width));
    EARSHOT_RETURN_IF_ERROR(layers_.status());
    Dim first = position;
    first.addend += 1;
    x = layers_.Add(
        "embedding", x,
        method_.View(table, "positions", {.row_begin = first, .rows = tokens, .cols = config_.width}));
    for (int64_t layer = 0; layer < config_.decoder_layers; ++layer) x = Block(layer, x);
    const int fc = layers_.weights().Matrix("decoder.fc.weight", config_.vocabulary, config_.width);
    const int choice = layers_.Softmax("log_softmax", layers_.Dense("decoder.fc", x, fc), {.log = true});
    EARSHOT_RETURN_IF_ERROR(layers_.status());
    method_.MakeOutput(choice, "logprobs");
    return std::move(method_).Finish();
  }

 private:
  int Block(int64_t layer, int x) {
    const std::string name = "decoder.layers." + std::to_string(layer);
    const int self = SelfAttention(name + ".self_att", states_.self[static_cast<size_t>(layer)], x);
    int sum = ir::kNone;
    for (int64_t k = 0; k < config_.encoder_layers; ++k) {
      const int seen = CrossAttention(name + ".enc_att", self, k);
      const int gate = Gate(name + ".fc_alpha" + std::to_string(k + 1), self, seen);
      const int part = layers_.Multiply(name + ".gated", seen, gate);
      sum = sum == ir::kNone ? part : layers_.Add(name + ".meshed", sum, part);
    }
    sum = layers_.Scale(name + ".mean", sum, 1.0 / std::sqrt(static_cast<double>(config_.encoder_layers)));
    return FeedForward(layers_, config_, name + ".pwff", sum);
  }

  int SelfAttention(const std::string& source, const KeyValueCache& cache, int x) {
    const std::string attention = source + ".attention";
    const int q = layers_.Linear(attention + ".fc_q", x, config_.inner());
    layers_.LinearInto(attention + ".fc_k", x, cache.Keys(method_, attention, new_rows_));
    layers_.LinearInto(attention + ".fc_v", x, cache.Values(method_, attention, new_rows_));
    const ir::ViewWindow rows = {.rows = end_};
    const int mixed = method_.Apply(attention + ".attend", config_.Attend(ir::PatternKind::kCausal),
                                    {q, cache.Keys(method_, attention + ".cached", rows),
                                     cache.Values(method_, attention + ".cached", rows)});
    return Finish(layers_, config_, source, x, mixed);
  }

  // The same weights for all layers of the encoder.
  int CrossAttention(const std::string& source, int x, int64_t encoder_layer) {
    const std::string attention = source + ".attention";
    const int memory = method_.View(method_.StateValue(states_.encoder[static_cast<size_t>(encoder_layer)]),
                                    "memory", {.rows = source_, .cols = config_.width});
    const int q = layers_.Linear(attention + ".fc_q", x, config_.inner());
    const int k = layers_.Linear(attention + ".fc_k", memory, config_.inner());
    const int v = layers_.Linear(attention + ".fc_v", memory, config_.inner());
    const int mixed = method_.Apply(attention + ".attend", config_.Attend(ir::PatternKind::kFull), {q, k, v});
    return Finish(layers_, config_, source, x, mixed);
  }

  // Sigmoid of a layer over both side by side.
  int Gate(const std::string& source, int self, int seen) {
    const int both = method_.AddActivation(
        {.name = source + ".both", .rows = method_.rows(self), .cols = Dim::Fixed(2 * config_.width)});
    const ir::Activate copy = {ir::Activation::kNone};
    method_.ApplyInto(source + ".self", copy, {self},
                      layers_.Columns(both, source + ".first", 0, config_.width));
    method_.ApplyInto(source + ".seen", copy, {seen},
                      layers_.Columns(both, source + ".second", config_.width, config_.width));
    return layers_.Activate(source + ".sigmoid", ir::Activation::kSigmoid,
                            layers_.Linear(source, both, config_.width));
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  const States& states_;
  Dim end_, source_;
  ir::ViewWindow new_rows_;
};

Status BuildDecode(Weights& weights, const Config& config, const States& states) {
  ir::MethodBuilder method(weights.graph(), "decode");
  Layers layers(weights, method);
  return Decoder(layers, config, states).Build();
}

// Layers of a kind that the checkpoint has, which no setting says.
int64_t CountLayers(const ir::WeightSource& weights, const std::string& prefix, const std::string& suffix) {
  int64_t count = 0;
  while (weights.Has(prefix + std::to_string(count) + suffix)) ++count;
  return count;
}

}  // namespace

Result<ir::Graph> BuildMeshedMemory(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const Config config = {
      .width = settings.Integer("d"),
      .heads = settings.Integer("h"),
      .key_dim = settings.Integer("dk"),
      .ffn = settings.Integer("ff"),
      .vocabulary = settings.Integer("V"),
      .slots = settings.Integer("mem"),
      .features = settings.Integer("d_in"),
      .max_tokens = settings.Integer("max_len"),
      .max_features = model.MaxLength("features", 1),
      .encoder_layers = CountLayers(model.weights, "encoder.layers.", ".mhatt.layer_norm.weight"),
      .decoder_layers = CountLayers(model.weights, "decoder.layers.", ".self_att.layer_norm.weight")};
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.encoder_layers < 1 || config.decoder_layers < 1)
    return Status::Error(StatusCode::kInvalidModel, "the checkpoint has no layers");
  ir::Graph graph;
  graph.family = "crossattention";
  graph.name = model.name;
  graph.f16_states = {"self_kv_*"};
  States states;
  for (int64_t i = 0; i < config.encoder_layers; ++i)
    states.encoder.push_back(ir::AddState(graph, "encoder_state_" + std::to_string(i), DType::kF32,
                                          config.max_features, config.width));
  for (int64_t i = 0; i < config.decoder_layers; ++i)
    states.self.push_back(
        KeyValueCache::Add(graph, "self_kv_" + std::to_string(i), config.max_tokens, config.inner()));
  Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, states));
  EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, config, states));
  graph.loops = {
      {.name = "full", .driver = "stepwise", .methods = {"encode", "decode"}, .settings = {{"prefill", 1e6}}},
      {.name = "incremental", .driver = "stepwise", .methods = {"encode", "decode"}, .settings = {}}};
  return graph;
}

}  // namespace earshot::crossattention
