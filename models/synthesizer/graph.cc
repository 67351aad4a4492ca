// The weights of each variant; what follows is the same for all.
#include "models/synthesizer/graph.h"

#include <cmath>
#include <string>
#include <utility>

#include "models/blocks/layers.h"

namespace earshot::synthesizer {
namespace {

using blocks::Layers;

constexpr int64_t kFactor = 4;         // values of one of the two factors of factorized dense weights
constexpr int64_t kFactorizedDim = 8;  // width of the factors of factorized random weights

struct Sizes {
  int64_t width = 0;
  int64_t length = 0;
};

int Compare(Layers& layers, const std::string& name, int q, int k, double scale) {
  return layers.method().Apply(name + ".scores",
                               ir::MatMul{.transpose_b = true, .scale = static_cast<float>(scale)}, {q, k});
}

int Vanilla(Layers& layers, const Sizes& sizes, int x) {
  const int q = layers.Linear("vanilla.query_fc", x, sizes.width),
            k = layers.Linear("vanilla.key_fc", x, sizes.width);
  return layers.Softmax("vanilla.weights",
                        Compare(layers, "vanilla", q, k, 1.0 / std::sqrt(static_cast<double>(sizes.width))));
}

int Dense(Layers& layers, const Sizes& sizes, int x) {
  const int hidden =
      layers.Activate("dense.relu", ir::Activation::kRelu, layers.Linear("dense.dense.0", x, sizes.length));
  return layers.Softmax("dense.weights", layers.Linear("dense.dense.2", hidden, sizes.length));
}

// The matrix itself, without a softmax.
int Random(Layers& layers, const Sizes& sizes, int) {
  const int64_t length = sizes.length;
  const int matrix = layers.weights().Matrix("random.attention", {1, length, length}, length, length);
  if (matrix == ir::kNone) return ir::kNone;
  return layers.Activate("random.weights", ir::Activation::kNone, layers.Constant(matrix));
}

// A projection whose `count` results are repeated until they make a row: by repeating the rows of its weight.
int TiledLinear(Layers& layers, const Sizes& sizes, const std::string& source, int64_t count, int x) {
  const std::vector<float> weight = layers.weights().Take(source + ".weight", {count, sizes.width});
  const std::vector<float> bias = layers.weights().Take(source + ".bias", {count});
  if (!layers.status().ok()) return ir::kNone;
  std::vector<float> tiled_weight, tiled_bias;
  for (int64_t row = 0; row < sizes.length; ++row) {
    const float* begin = weight.data() + row % count * sizes.width;
    tiled_weight.insert(tiled_weight.end(), begin, begin + sizes.width);
    tiled_bias.push_back(bias[static_cast<size_t>(row % count)]);
  }
  const int tiled =
      layers.weights().Add(source + ".weight", sizes.length, sizes.width, std::move(tiled_weight));
  return layers.Dense(source, x, tiled,
                      layers.weights().Add(source + ".bias", 1, sizes.length, std::move(tiled_bias)));
}

int FactorizedDense(Layers& layers, const Sizes& sizes, int x) {
  const int a = TiledLinear(layers, sizes, "factorized_dense.a_proj", kFactor, x);
  const int b = TiledLinear(layers, sizes, "factorized_dense.b_proj", sizes.length / kFactor, x);
  return layers.Softmax("factorized_dense.weights", layers.Multiply("factorized_dense.product", a, b));
}

int FactorizedRandom(Layers& layers, const Sizes&, int x) {
  const int q = layers.Linear("factorized_random.query_fc", x, kFactorizedDim);
  const int k = layers.Linear("factorized_random.key_fc", x, kFactorizedDim);
  return layers.Softmax("factorized_random.weights", Compare(layers, "factorized_random", q, k, 1.0));
}

int Mixture(Layers& layers, const Sizes& sizes, int x) {
  const int64_t length = sizes.length;
  const int q = layers.Linear("mixture.query_fc", x, sizes.width),
            k = layers.Linear("mixture.key_fc", x, sizes.width);
  const int learned =
      layers.Constant(layers.weights().Matrix("mixture.attention", {1, length, length}, length, length));
  const int sum = layers.Add("mixture.sum", Compare(layers, "mixture", q, k, 1.0), learned);
  return layers.Softmax("mixture.weights", sum);
}

constexpr struct {
  const char* name;
  int (*weights)(Layers& layers, const Sizes& sizes, int x);
} kVariants[] = {{"vanilla", Vanilla},
                 {"dense", Dense},
                 {"random", Random},
                 {"factorized_dense", FactorizedDense},
                 {"factorized_random", FactorizedRandom},
                 {"mixture", Mixture}};

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  constexpr int64_t kMaxLength = 4096;
  const Sizes sizes = {.width = model.settings.Integer("dim"),
                       .length = model.settings.Integer("length", {kFactor, kMaxLength})};
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  if (sizes.length % kFactor != 0)
    return Status::Error(StatusCode::kUnsupported, "a length that is no multiple of %lld",
                         static_cast<long long>(kFactor));
  ir::Graph graph;
  graph.family = "synthesizer";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  for (const auto& variant : kVariants) {
    ir::MethodBuilder method(graph, variant.name);
    Layers layers(weights, method);
    const int x = method.AddInput(
        {.name = "x", .rows = ir::Dim::Fixed(sizes.length), .cols = ir::Dim::Fixed(sizes.width)});
    const int attention = variant.weights(layers, sizes, x);
    const std::string source = variant.name + std::string(".value_fc");
    const int out = method.Apply("mix", ir::MatMul{}, {attention, layers.Linear(source, x, sizes.width)});
    EARSHOT_RETURN_IF_ERROR(layers.status());
    method.MakeOutput(attention, "attention");
    method.MakeOutput(out, "out");
    EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  }
  return graph;
}

}  // namespace earshot::synthesizer
