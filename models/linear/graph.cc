// Post-norm encoder blocks around linear attention.
#include "models/linear/graph.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/layers.h"
#include "models/linear/graph_feature_map.h"

namespace earshot::linear {
namespace {

using blocks::Layers;

constexpr float kEpsilon = 1e-6f;

struct Config {
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t head_dim = 0;   // of queries and keys
  int64_t value_dim = 0;  // of values
  int64_t ffn_width = 0;
  int64_t max_length = 0;
  ir::Activation activation = ir::Activation::kGelu;
  FeatureMap map;
  bool is_causal = false;

  int64_t width() const { return heads * head_dim; }
};

int Attention(Layers& layers, const Config& config, const std::string& source, int64_t layer, int x) {
  const bool is_random = config.map.kind != FeatureKind::kElu;
  const int projection = is_random
                             ? layers.method().AddInput({.name = "layer" + std::to_string(layer) + ".omega",
                                                         .rows = ir::Dim::Fixed(config.head_dim),
                                                         .cols = ir::Dim::Fixed(config.map.projections)})
                             : ir::kNone;
  const int q = Features(layers, config.map, source + ".phi_q",
                         layers.Linear(source + ".query_projection", x, config.width()), projection);
  const int k = Features(layers, config.map, source + ".phi_k",
                         layers.Linear(source + ".key_projection", x, config.width()), projection);
  const int v = layers.Linear(source + ".value_projection", x, config.heads * config.value_dim);
  std::vector<int> inputs = {q, k, v};
  int state = ir::kNone;
  if (config.is_causal) {
    state = layers.method().StateValue(ir::AddState(layers.weights().graph(), "state" + std::to_string(layer),
                                                    DType::kF32, config.width(), config.value_dim + 1));
    inputs.push_back(state);
  }
  const int mixed =
      layers.method().Apply(source + ".attend",
                            ir::LinearAttention{.num_heads = static_cast<uint32_t>(config.heads),
                                                .causal = config.is_causal,
                                                .normalizer = ir::LinearNormalizer::AddEpsilon,
                                                .epsilon = kEpsilon},
                            inputs, state);
  return layers.Linear(source + ".out_projection", mixed, config.width());
}

int Block(Layers& layers, const Config& config, int64_t layer, int x) {
  const std::string source = "layers." + std::to_string(layer);
  const int mixed = Attention(layers, config, source + ".attention", layer, x);
  x = layers.LayerNorm(source + ".norm1", layers.Add(source + ".attention.residual", x, mixed));
  int hidden = layers.Linear(source + ".linear1", x, config.ffn_width);
  hidden = layers.Activate(source + ".activation", config.activation, hidden);
  const int out = layers.Linear(source + ".linear2", hidden, config.width());
  return layers.LayerNorm(source + ".norm2", layers.Add(source + ".ffn.residual", x, out));
}

Result<Config> ReadConfig(ir::ReferenceModel& model, bool is_causal) {
  ir::HyperParameters& settings = model.settings;
  Config config = {.layers = settings.Integer("n_layers", {1, 1024}),
                   .heads = settings.Integer("n_heads"),
                   .head_dim = settings.Integer("d", {1, 1 << 12}),
                   .value_dim = settings.IntegerOr("dv", 0, {1, 1 << 12}),
                   .ffn_width = settings.Integer("ff"),
                   .max_length = settings.IntegerOr("T", model.MaxLength("x", 1)),
                   .map = {},
                   .is_causal = is_causal};
  if (config.value_dim == 0) config.value_dim = config.head_dim;
  EARSHOT_ASSIGN_OR_RETURN(config.activation, blocks::ActivationNamed(settings.Text("act")));
  return config;
}

Status BuildMethod(blocks::Weights& weights, const Config& config, const std::string& name) {
  ir::MethodBuilder method(weights.graph(), name);
  Layers layers(weights, method);
  const int length = method.AddSymbol("length", config.max_length);
  int x = method.AddInput({.name = "x", .rows = ir::Dim::Of(length), .cols = ir::Dim::Fixed(config.width())});
  for (int64_t layer = 0; layer < config.layers; ++layer) x = Block(layers, config, layer, x);
  x = layers.LayerNorm("norm", x);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(x, "out");
  return std::move(method).Finish();
}

Result<ir::Graph> Build(ir::ReferenceModel& model, bool is_causal) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model, is_causal));
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  ir::Graph graph;
  graph.family = "linear";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, "forward"));
  if (is_causal)
    graph.loops.push_back({.name = "stepwise", .driver = "stepwise", .methods = {"forward"}, .settings = {}});
  return graph;
}

}  // namespace

Result<ir::Graph> BuildEncoder(ir::ReferenceModel& model) { return Build(model, false); }
Result<ir::Graph> BuildCausalEncoder(ir::ReferenceModel& model) { return Build(model, true); }

Result<ir::Graph> BuildRandomFeatureEncoder(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(Config config, ReadConfig(model, false));
  ir::HyperParameters& settings = model.settings;
  config.map = {
      .kind = FeatureKind::kFavor,
      .heads = config.heads,
      .head_dim = config.head_dim,
      .projections = settings.Integer("n_dims", {2, 1 << 16}) / 2,
      .temperature = settings.NumberOr("softmax_temp", 1.0 / std::sqrt(static_cast<double>(config.head_dim))),
      .is_stabilized = false};
  // Only one map can be stabilized; the settings do not tell the other two apart.
  const bool is_favor = settings.Has("stabilize");
  config.map.is_stabilized = settings.FlagOr("stabilize", false);
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  ir::Graph graph;
  graph.family = "linear";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  if (is_favor) {
    EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, "favor"));
    return graph;
  }
  config.map.kind = FeatureKind::kFourier;
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, "fourier"));
  config.map.kind = FeatureKind::kGeneralized;
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, "generalized"));
  return graph;
}

}  // namespace earshot::linear
