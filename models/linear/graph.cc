// Post-norm encoder blocks around linear attention.
#include "models/linear/graph.h"

#include <string>
#include <utility>

#include "models/blocks/layers.h"

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
  bool is_causal = false;

  int64_t width() const { return heads * head_dim; }
};

int Attention(Layers& layers, const Config& config, const std::string& source, int64_t layer, int x) {
  using ir::UnaryFunction::EluPlusOne;
  const int q = layers.Unary(source + ".phi_q", EluPlusOne,
                             layers.Linear(source + ".query_projection", x, config.width()));
  const int k = layers.Unary(source + ".phi_k", EluPlusOne,
                             layers.Linear(source + ".key_projection", x, config.width()));
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

Result<ir::Graph> Build(ir::ReferenceModel& model, bool is_causal) {
  ir::HyperParameters& settings = model.settings;
  Config config = {.layers = settings.Integer("n_layers", {1, 1024}),
                   .heads = settings.Integer("n_heads"),
                   .head_dim = settings.Integer("d", {1, 1 << 12}),
                   .value_dim = settings.IntegerOr("dv", 0, {1, 1 << 12}),
                   .ffn_width = settings.Integer("ff"),
                   .max_length = settings.IntegerOr("T", model.MaxLength("x", 1)),
                   .is_causal = is_causal};
  if (config.value_dim == 0) config.value_dim = config.head_dim;
  EARSHOT_ASSIGN_OR_RETURN(config.activation, blocks::ActivationNamed(settings.Text("act")));
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  ir::Graph graph;
  graph.family = "linear";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  ir::MethodBuilder method(graph, "forward");
  Layers layers(weights, method);
  const int length = method.AddSymbol("length", config.max_length);
  int x = method.AddInput({.name = "x", .rows = ir::Dim::Of(length), .cols = ir::Dim::Fixed(config.width())});
  for (int64_t layer = 0; layer < config.layers; ++layer) x = Block(layers, config, layer, x);
  x = layers.LayerNorm("norm", x);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(x, "out");
  EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  if (is_causal)
    graph.loops.push_back({.name = "stepwise", .driver = "stepwise", .methods = {"forward"}, .settings = {}});
  return graph;
}

}  // namespace

Result<ir::Graph> BuildEncoder(ir::ReferenceModel& model) { return Build(model, false); }
Result<ir::Graph> BuildCausalEncoder(ir::ReferenceModel& model) { return Build(model, true); }

}  // namespace earshot::linear
