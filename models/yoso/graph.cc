// An encoder with norms after its residuals, and weights that are no softmax: (1 - angle / pi)^bits.
#include "models/yoso/graph.h"

#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/layers.h"

namespace earshot::yoso {
namespace {

using blocks::Layers;

constexpr int64_t kFirstPosition = 2;  // rows of the position table that belong to padding
constexpr float kUnitEpsilon = 1e-12f;

struct Config {
  int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, ffn_width = 0, max_length = 0, token_types = 1;
  int64_t hash_bits = 9;
  ir::Activation activation = ir::Activation::kGelu;
  float epsilon = 1e-12f;

  ir::Normalize unit_heads() const {
    return {
        .kind = ir::NormalizeKind::Length, .groups = static_cast<uint32_t>(heads), .epsilon = kUnitEpsilon};
  }
};

// How likely all bits of the hashes of two unit vectors agree, from their product.
int Agreement(Layers& layers, const Config& config, const std::string& name, int products) {
  const auto number = [&layers](double value) {
    return layers.Constant(layers.weights().Filled(static_cast<float>(value)));
  };
  // Rounding may leave the range of cosines.
  int x = layers.Binary(name + ".at_most_1", ir::BinaryFunction::Minimum, products, number(1.0));
  x = layers.Binary(name + ".cosines", ir::BinaryFunction::Maximum, x, number(-1.0));
  const int angles = layers.Unary(name + ".angles", ir::UnaryFunction::Acos, x);
  const int bit = layers.Binary(name + ".bit", ir::BinaryFunction::Subtract,
                                layers.Scale(name + ".share", angles, -1.0 / std::numbers::pi), number(-1.0));
  int all = bit;
  for (int64_t i = 1; i < config.hash_bits; ++i)
    all = layers.Multiply(name + ".bits" + std::to_string(i + 1), all, bit);
  return all;
}

int Attention(Layers& layers, const Config& config, const std::string& source, int x) {
  ir::MethodBuilder& method = layers.method();
  const auto unit = [&](const char* name) {
    return method.Apply(source + name + ".unit", config.unit_heads(),
                        {layers.Linear(source + name, x, config.width)});
  };
  const int q = unit("query"), k = unit("key"), v = layers.Linear(source + "value", x, config.width);
  const uint32_t groups = static_cast<uint32_t>(config.heads);
  const int products = method.Apply(
      source + "products",
      ir::MatMul{.groups = groups, .transpose_b = true, .out_layout = ir::GroupLayout::Rows}, {q, k});
  const int weights = Agreement(layers, config, source + "agreement", products);
  const int sums = method.Apply(
      source + "sums", ir::MatMul{.groups = groups, .a_layout = ir::GroupLayout::Rows}, {weights, v});
  return method.Apply(source + "attend", config.unit_heads(), {sums});
}

int Layer(Layers& layers, const Config& config, int64_t index, int x) {
  const std::string source = "encoder.layer." + std::to_string(index) + ".";
  const int mixed = layers.Linear(source + "attention.output.dense",
                                  Attention(layers, config, source + "attention.self.", x), config.width);
  x = layers.LayerNorm(source + "attention.output.LayerNorm",
                       layers.Add(source + "attention.residual", x, mixed), config.epsilon);
  const int hidden = layers.Activate(source + "activation", config.activation,
                                     layers.Linear(source + "intermediate.dense", x, config.ffn_width));
  const int out = layers.Linear(source + "output.dense", hidden, config.width);
  return layers.LayerNorm(source + "output.LayerNorm", layers.Add(source + "residual", x, out),
                          config.epsilon);
}

// Words, positions and the first type of tokens.
int Embedding(Layers& layers, const Config& config, int ids) {
  const std::string source = "embeddings.";
  const int words = layers.Embedding(source + "word_embeddings", ids, config.vocabulary, config.width);
  const int positions = layers.Constant(layers.weights().Matrix(
      source + "position_embeddings.weight", config.max_length + kFirstPosition, config.width));
  const int types = layers.Constant(
      layers.weights().Matrix(source + "token_type_embeddings.weight", config.token_types, config.width));
  if (!layers.status().ok()) return ir::kNone;
  ir::MethodBuilder& method = layers.method();
  const int rows = method.View(
      positions, "positions",
      {.row_begin = ir::Dim::Fixed(kFirstPosition), .rows = method.rows(words), .cols = config.width});
  const int type = method.View(types, "type", {.rows = ir::Dim::Fixed(1), .cols = config.width});
  const int sum = layers.Add(source + "sum", layers.Add(source + "typed", words, type), rows);
  return layers.LayerNorm(source + "LayerNorm", sum, config.epsilon);
}

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("vocab_size"),
                   .width = settings.Integer("hidden_size", {1, 1 << 16}),
                   .layers = settings.Integer("num_hidden_layers", {1, 1024}),
                   .heads = settings.Integer("num_attention_heads", {1, 1024}),
                   .ffn_width = settings.Integer("intermediate_size"),
                   .max_length = settings.Integer("max_position_embeddings"),
                   .token_types = settings.IntegerOr("type_vocab_size", 1),
                   .hash_bits = settings.IntegerOr("hash_code_len", 9, {1, 64}),
                   .epsilon = static_cast<float>(settings.NumberOr("layer_norm_eps", 1e-12))};
  EARSHOT_ASSIGN_OR_RETURN(config.activation, blocks::ActivationNamed(settings.TextOr("hidden_act", "gelu")));
  settings.Require("use_expectation", true, "hashes are not drawn");
  settings.Require("position_embedding_type", "absolute", "only absolute positions are built");
  settings.Ignore({"num_hash", "use_fast_hash", "lsh_backward", "hidden_dropout_prob",
                   "attention_probs_dropout_prob", "initializer_range", "pad_token_id", "bos_token_id",
                   "eos_token_id"});
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.width % config.heads == 0) return config;
  return Status::Error(StatusCode::kInvalidModel, "hidden_size %lld does not make %lld heads",
                       static_cast<long long>(config.width), static_cast<long long>(config.heads));
}

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  ir::Graph graph;
  graph.family = "yoso";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  ir::MethodBuilder method(graph, "encode");
  Layers layers(weights, method);
  const ir::Dim length = ir::Dim::Of(method.AddSymbol("length", config.max_length));
  const int ids =
      method.AddInput({.name = "input_ids", .dtype = DType::kI32, .rows = length, .cols = ir::Dim::Fixed(1)});
  int x = Embedding(layers, config, ids);
  for (int64_t layer = 0; layer < config.layers; ++layer) x = Layer(layers, config, layer, x);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(x, "last_hidden_state");
  EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  return graph;
}

}  // namespace earshot::yoso
