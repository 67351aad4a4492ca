// Layers of torch.nn with a choice of what each decoder layer remembers.
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/key_value_cache.h"
#include "models/blocks/layers.h"
#include "models/crossattention/graph.h"

namespace earshot::crossattention {
namespace {

using blocks::KeyValueCache;
using blocks::Layers;
using blocks::Weights;
using ir::Dim;

struct Config {
  int64_t width = 0, heads = 0, ffn = 0, encoder_layers = 0, decoder_layers = 0, vocabulary = 0,
          positions = 0;
  bool is_pre_norm = false;
  ir::Activation activation = ir::Activation::kRelu;
  std::map<std::string, std::vector<int64_t>> maps;

  ir::Attention Attend(ir::PatternKind pattern) const {
    const double head_dim = static_cast<double>(width) / static_cast<double>(heads);
    return {.num_heads = heads,
            .num_kv_heads = heads,
            .scale = static_cast<float>(1.0 / std::sqrt(head_dim)),
            .pattern = pattern};
  }
};

struct States {
  std::vector<int> encoder;  // [S, D], the embedding first
  std::vector<KeyValueCache> self;
};

// One of the three parts of in_proj.
struct Projection {
  int weight = ir::kNone;
  int bias = ir::kNone;
};
Projection Part(Layers& layers, const std::string& source, int64_t part, int64_t width) {
  Weights& weights = layers.weights();
  if (weights.Find("q." + source) == ir::kNone) {
    const std::vector<float> weight = weights.Take(source + ".in_proj_weight", {3 * width, width});
    const std::vector<float> bias = weights.Take(source + ".in_proj_bias", {3 * width});
    for (int64_t i = 0; i < 3 && layers.status().ok(); ++i) {
      const std::string prefix = std::string(1, "qkv"[i]) + "." + source;
      weights.Add(prefix, width, width,
                  {weight.data() + i * width * width, weight.data() + (i + 1) * width * width});
      weights.Add(prefix + ".bias", 1, width, {bias.data() + i * width, bias.data() + (i + 1) * width});
    }
  }
  const std::string prefix = std::string(1, "qkv"[part]) + "." + source;
  return {weights.Find(prefix), weights.Find(prefix + ".bias")};
}

int Project(Layers& layers, const std::string& source, int64_t part, int in) {
  const Projection projection = Part(layers, source, part, layers.cols(in));
  return layers.Dense(source + "." + "qkv"[part], in, projection.weight, projection.bias);
}

void ProjectInto(Layers& layers, const std::string& source, int64_t part, int in, int out) {
  const Projection projection = Part(layers, source, part, layers.cols(in));
  if (!layers.status().ok()) return;
  layers.method().ApplyInto(
      source + "." + "qkv" [part], ir::Linear {},
      {in, layers.Constant(projection.weight), layers.Constant(projection.bias)}, out);
}

template <class Body>
int Sublayer(Layers& layers, const Config& config, const std::string& norm, int x, const Body& body) {
  if (config.is_pre_norm) return layers.Add(norm + ".residual", x, body(layers.LayerNorm(norm, x)));
  return layers.LayerNorm(norm, layers.Add(norm + ".residual", x, body(x)));
}

int FeedForward(Layers& layers, const Config& config, const std::string& source, int x) {
  const int hidden = layers.Activate(source + ".activation", config.activation,
                                     layers.Linear(source + ".linear1", x, config.ffn));
  return layers.Linear(source + ".linear2", hidden, config.width);
}

int Embed(Layers& layers, const Config& config, int ids, Dim position) {
  const int tokens = layers.Embedding("emb", ids, config.vocabulary, config.width);
  const int table = layers.Constant(layers.weights().Matrix("pos.weight", config.positions, config.width));
  if (!layers.status().ok()) return ir::kNone;
  const int rows = layers.method().View(
      table, "positions", {.row_begin = position, .rows = layers.method().rows(ids), .cols = config.width});
  return layers.Add("embedding", tokens, rows);
}

Status BuildEncode(Weights& weights, const Config& config, const States& states) {
  ir::MethodBuilder method(weights.graph(), "encode");
  Layers layers(weights, method);
  const Dim source = Dim::Of(method.AddSymbol("source", config.positions));
  const int ids =
      method.AddInput({.name = "src", .dtype = DType::kI32, .rows = source, .cols = Dim::Fixed(1)});
  int x = Embed(layers, config, ids, Dim::Fixed(0));
  for (int64_t layer = 0; layer <= config.encoder_layers; ++layer) {
    if (layer > 0) {
      const std::string name = "enc." + std::to_string(layer - 1);
      x = Sublayer(layers, config, name + ".norm1", x, [&](int in) {
        const std::string attention = name + ".self_attn";
        const int q = Project(layers, attention, 0, in), k = Project(layers, attention, 1, in);
        const int v = Project(layers, attention, 2, in);
        const int mixed =
            method.Apply(attention + ".attend", config.Attend(ir::PatternKind::kFull), {q, k, v});
        return layers.Linear(attention + ".out_proj", mixed, config.width);
      });
      x = Sublayer(layers, config, name + ".norm2", x,
                   [&](int in) { return FeedForward(layers, config, name, in); });
    }
    EARSHOT_RETURN_IF_ERROR(layers.status());
    const int kept = method.View(method.StateValue(states.encoder[static_cast<size_t>(layer)]), "kept",
                                 {.rows = source, .cols = config.width});
    method.ApplyInto("keep", ir::Activate{ir::Activation::kNone}, {x}, kept);
    method.MakeOutput(x, "enc_state" + std::to_string(layer));
  }
  return std::move(method).Finish();
}

// What each decoder layer attends to: one state, a mixture of all, or two one after the other.
enum class Memory { kState, kMixture, kTwoViews };

class Decoder {
 public:
  struct View {
    Memory memory = Memory::kState;
    std::vector<int64_t> map;  // state of each layer
  };

  Decoder(Layers& layers, const Config& config, const States& states, const View& view)
      : layers_(layers), method_(layers.method()), config_(config), states_(states), view_(view) {}

  Status Build() {
    const Dim tokens = Dim::Of(method_.AddSymbol("tokens", config_.positions));
    const Dim position = Dim::Of(method_.AddSymbol("position", config_.positions - 1, 0));
    end_ = Dim::Of(method_.AddSymbol("end", config_.positions));
    const int source = method_.AddSymbol("source", config_.positions);
    source_ = Dim::Of(source);
    twice_source_ = Dim::Of(source, 2);
    new_rows_ = {.row_begin = position, .rows = tokens};
    const int ids =
        method_.AddInput({.name = "tgt", .dtype = DType::kI32, .rows = tokens, .cols = Dim::Fixed(1)});
    int x = Embed(layers_, config_, ids, position);
    for (int64_t layer = 0; layer < config_.decoder_layers; ++layer) x = Block(layer, x);
    const int logits = layers_.Linear("out", x, config_.vocabulary);
    EARSHOT_RETURN_IF_ERROR(layers_.status());
    method_.MakeOutput(logits, "logits");
    return std::move(method_).Finish();
  }

 private:
  int Block(int64_t layer, int x) {
    const std::string name = "dec." + std::to_string(layer);
    x = Sublayer(layers_, config_, name + ".norm1", x,
                 [&](int in) { return SelfAttention(name + ".self_attn", layer, in); });
    x = Sublayer(layers_, config_, name + ".norm2", x,
                 [&](int in) { return CrossAttention(name + ".multihead_attn", layer, in); });
    return Sublayer(layers_, config_, name + ".norm3", x,
                    [&](int in) { return FeedForward(layers_, config_, name, in); });
  }

  int SelfAttention(const std::string& source, int64_t layer, int x) {
    const KeyValueCache& cache = states_.self[static_cast<size_t>(layer)];
    ProjectInto(layers_, source, 1, x, cache.Keys(method_, source, new_rows_));
    ProjectInto(layers_, source, 2, x, cache.Values(method_, source, new_rows_));
    const int q = Project(layers_, source, 0, x);
    const ir::ViewWindow rows = {.rows = end_};
    const int mixed = method_.Apply(
        source + ".attend", config_.Attend(ir::PatternKind::kCausal),
        {q, cache.Keys(method_, source + ".cached", rows), cache.Values(method_, source + ".cached", rows)});
    return layers_.Linear(source + ".out_proj", mixed, config_.width);
  }

  int EncoderState(int64_t index) {
    return method_.View(method_.StateValue(states_.encoder[static_cast<size_t>(index)]), "state",
                        {.rows = source_, .cols = config_.width});
  }

  int CrossAttention(const std::string& source, int64_t layer, int x) {
    const int q = Project(layers_, source, 0, x);
    const int k = Remembered(source, layer, 1), v = Remembered(source, layer, 2);
    const int mixed = method_.Apply(source + ".attend", config_.Attend(ir::PatternKind::kFull), {q, k, v});
    return layers_.Linear(source + ".out_proj", mixed, config_.width);
  }

  // Keys (1) or values (2).
  int Remembered(const std::string& source, int64_t layer, int64_t part) {
    const int64_t state = view_.map.empty() ? 0 : view_.map[static_cast<size_t>(layer)];
    if (view_.memory == Memory::kState) return Project(layers_, source, part, EncoderState(state));
    if (view_.memory == Memory::kMixture) return Project(layers_, source, part, Mixture(layer));
    const int both = method_.AddActivation(
        {.name = source + ".two_views", .rows = twice_source_, .cols = Dim::Fixed(config_.width)});
    const int64_t last = config_.encoder_layers;
    const ir::ViewWindow first = {.rows = source_, .cols = config_.width};
    const ir::ViewWindow second = {.row_begin = source_, .rows = source_, .cols = config_.width};
    ProjectInto(layers_, source, part, EncoderState(last), method_.View(both, "first_view", first));
    ProjectInto(layers_, source, part, EncoderState(state), method_.View(both, "second_view", second));
    return both;
  }

  // Softmax of the learned logits, times the states.
  int Mixture(int64_t layer) {
    const int64_t count = config_.encoder_layers + 1;
    const std::vector<double> shares = MixtureShares(layer);
    int sum = ir::kNone;
    for (int64_t state = 0; state < count && !shares.empty(); ++state) {
      const int part = layers_.Scale("share", EncoderState(state), shares[static_cast<size_t>(state)]);
      sum = sum == ir::kNone ? part : layers_.Add("mixture", sum, part);
    }
    return sum;
  }

  std::vector<double> MixtureShares(int64_t layer) {
    Weights& weights = layers_.weights();
    const int64_t count = config_.encoder_layers + 1;
    const int tensor = weights.Matrix("view_logits", config_.decoder_layers, count);
    if (tensor == ir::kNone) return {};
    const std::vector<float>& logits = weights.graph().tensors[static_cast<size_t>(tensor)].values;
    std::vector<double> shares;
    double total = 0.0;
    for (int64_t i = 0; i < count; ++i) {
      shares.push_back(std::exp(static_cast<double>(logits[static_cast<size_t>(layer * count + i)])));
      total += shares.back();
    }
    for (double& share : shares) share /= total;
    return shares;
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  const States& states_;
  const View& view_;
  Dim end_, source_, twice_source_;
  ir::ViewWindow new_rows_;
};

Status BuildDecode(Weights& weights, const Config& config, const States& states, const std::string& name,
                   const Decoder::View& view) {
  ir::MethodBuilder method(weights.graph(), "decode_" + name);
  Layers layers(weights, method);
  EARSHOT_RETURN_IF_ERROR(Decoder(layers, config, states, view).Build());
  const std::vector<std::string> methods = {"encode", "decode_" + name};
  weights.graph().loops.push_back(
      {.name = name, .driver = "stepwise", .methods = methods, .settings = {{"prefill", 1e6}}});
  weights.graph().loops.push_back(
      {.name = name + "_stepwise", .driver = "stepwise", .methods = methods, .settings = {}});
  return Status::Ok();
}

// Rows of the table of positions, which no setting holds.
int64_t PositionRows(const ir::WeightSource& weights) {
  const std::vector<int64_t> shape = weights.ShapeOf("pos.weight");
  return shape.empty() ? 1 : shape[0];
}

Result<Config> ReadConfig(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  Config config = {.width = settings.Integer("d"),
                   .heads = settings.Integer("h"),
                   .ffn = settings.Integer("ff"),
                   .encoder_layers = settings.Integer("ne", {1, 64}),
                   .decoder_layers = settings.Integer("nd", {1, 64}),
                   .vocabulary = settings.Integer("V"),
                   .positions = settings.IntegerOr("max_len", PositionRows(model.weights)),
                   .is_pre_norm = settings.FlagOr("norm_first", false)};
  EARSHOT_ASSIGN_OR_RETURN(config.activation, blocks::ActivationNamed(settings.TextOr("act", "relu")));
  ir::HyperParameters& maps = settings.Section("maps");
  for (const std::string& name : maps.Keys()) {
    config.maps[name] = maps.Integers(name, {0, config.encoder_layers});
    if (static_cast<int64_t>(config.maps[name].size()) == config.decoder_layers) continue;
    return Status::Error(StatusCode::kInvalidModel, "maps.%s does not name a state for each decoder layer",
                         name.c_str());
  }
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.width % config.heads != 0)
    return Status::Error(StatusCode::kInvalidModel, "heads that do not fit the width");
  return config;
}

}  // namespace

Result<ir::Graph> BuildLayerwise(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model));
  ir::Graph graph;
  graph.family = "crossattention";
  graph.name = model.name;
  graph.f16_states = {"self_kv_*"};
  States states;
  for (int64_t i = 0; i <= config.encoder_layers; ++i)
    states.encoder.push_back(ir::AddState(graph, "encoder_state_" + std::to_string(i), DType::kF32,
                                          config.positions, config.width));
  for (int64_t i = 0; i < config.decoder_layers; ++i)
    states.self.push_back(
        KeyValueCache::Add(graph, "self_kv_" + std::to_string(i), config.positions, config.width));
  Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, states));
  for (const auto& [name, map] : config.maps)
    EARSHOT_RETURN_IF_ERROR(
        BuildDecode(weights, config, states, name, {.memory = Memory::kState, .map = map}));
  if (weights.Has("view_logits"))
    EARSHOT_RETURN_IF_ERROR(
        BuildDecode(weights, config, states, "transparent", {.memory = Memory::kMixture, .map = {}}));
  const auto consistent = config.maps.find("consistent");
  if (consistent != config.maps.end()) {
    EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, config, states, "two_views",
                                        {.memory = Memory::kTwoViews, .map = consistent->second}));
  }
  return graph;
}

}  // namespace earshot::crossattention
