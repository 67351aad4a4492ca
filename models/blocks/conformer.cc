// Relative attention with its scores in full, and the convolution module.
#include "models/blocks/conformer.h"

#include <cmath>
#include <utility>
#include <vector>

namespace earshot::blocks {
namespace {

// A 1x1 convolution is a linear layer.
int Pointwise(Layers& layers, const std::string& source, int in, int64_t out_cols, Bias bias) {
  const int64_t in_cols = layers.cols(in);
  const int weight = layers.weights().Matrix(source + ".weight", {out_cols, in_cols, 1}, out_cols, in_cols);
  const bool has_bias =
      bias == Bias::kPresent || (bias == Bias::kOptional && layers.weights().Has(source + ".bias"));
  return layers.Dense(source, in, weight,
                      has_bias ? layers.weights().Vector(source + ".bias", out_cols) : ir::kNone);
}

}  // namespace

int RelativePositions(Layers& layers, int like, int64_t max_rows, int64_t cols) {
  if (!layers.status().ok()) return ir::kNone;
  const std::string name = "relative_positions";
  if (layers.weights().Find(name) == ir::kNone) {
    const std::vector<float> ascending =
        Sinusoids(1 - max_rows, 2 * max_rows - 1, cols, {.interleaved = true});
    std::vector<float> ordered;
    for (int64_t i = 0; i < 2 * max_rows - 1; ++i) {
      const int64_t distance = i % 2 == 1 ? (i + 1) / 2 : -i / 2;
      const float* begin = ascending.data() + (distance + max_rows - 1) * cols;
      ordered.insert(ordered.end(), begin, begin + cols);
    }
    layers.weights().Add(name, 2 * max_rows - 1, cols, std::move(ordered));
  }
  ir::Dim rows = layers.method().rows(like);
  rows.multiplier *= 2;
  rows.addend = 2 * rows.addend - 1;
  const int table = layers.Constant(layers.weights().Find(name));
  const int view = layers.method().View(table, name + ".rows", {.rows = rows, .cols = cols});
  // A copy: what reads whole vectors may read past the end of a weight.
  return layers.Activate(name, ir::Activation::kNone, view);
}

int RelativeAttention(Layers& layers, const std::string& source, const RelativeAttentionInputs& in,
                      int64_t heads, Bias bias, const RelativeAttentionNames& names) {
  const int64_t width = layers.cols(in.x);
  const std::string prefix = source + ".";
  ir::MethodBuilder& method = layers.method();
  const int q = layers.Linear(prefix + names.q, in.x, width, bias);
  const int k = layers.Linear(prefix + names.k, in.x, width, bias);
  const int v = layers.Linear(prefix + names.v, in.x, width, bias);
  const int positions = layers.Linear(prefix + names.position, in.positions, width, Bias::kNone);
  const auto biased = [&](const char* name) {
    const int row = layers.weights().Matrix(prefix + name, {heads, width / heads}, 1, width);
    return layers.status().ok() ? layers.Add(prefix + name, q, layers.Constant(row)) : ir::kNone;
  };
  const int q_content = biased(names.content_bias), q_position = biased(names.position_bias);
  const uint32_t groups = static_cast<uint32_t>(heads);
  const double head_dim = static_cast<double>(width) / static_cast<double>(heads);
  const ir::MatMul product = {.groups = groups,
                              .transpose_b = true,
                              .out_layout = ir::GroupLayout::Rows,
                              .scale = static_cast<float>(1.0 / std::sqrt(head_dim))};
  const int content = method.Apply(prefix + "content_scores", product, {q_content, k});
  const int distances = method.Apply(prefix + "distance_scores", product, {q_position, positions});
  const int shifted =
      method.Apply(prefix + "position_scores", ir::RelativeShift{.groups = groups}, {distances});
  int scores = layers.Add(prefix + "scores", content, shifted);
  if (in.key_bias != ir::kNone) scores = layers.Add(prefix + "masked_scores", scores, in.key_bias);
  const int weights = layers.Softmax(prefix + "weights", scores);
  const int mixed = method.Apply(
      prefix + "attend", ir::MatMul{.groups = groups, .a_layout = ir::GroupLayout::Rows}, {weights, v});
  return layers.Linear(prefix + names.out, mixed, width, bias);
}

int ConvolutionModule(Layers& layers, const std::string& source, int x, const ConvModule& module) {
  const int64_t width = layers.cols(x);
  int y = Pointwise(layers, source + ".pointwise_conv1", x, 2 * width, module.bias);
  y = layers.GatedUnit(source + ".glu", y);
  y = layers.Conv1d(
      source + ".depthwise_conv", y,
      {.out_channels = width, .kernel = module.kernel, .padding = (module.kernel - 1) / 2, .groups = width},
      module.bias);
  y = layers.BatchNorm(source + "." + module.norm, y, width);
  y = layers.Activate(source + ".activation", module.activation, y);
  return Pointwise(layers, source + ".pointwise_conv2", y, width, module.bias);
}

}  // namespace earshot::blocks
