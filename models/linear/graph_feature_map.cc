// Features of two kinds lie side by side in each head because the projection is doubled before.
#include "models/linear/graph_feature_map.h"

#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

namespace earshot::linear {
namespace {

using blocks::Layers;
using ir::Dim;

// [W, factor * W].
int Doubled(Layers& layers, const FeatureMap& map, const std::string& name, int projection, double factor) {
  if (!layers.status().ok()) return ir::kNone;
  ir::MethodBuilder& method = layers.method();
  const Dim rows = method.rows(projection);
  const int both =
      method.AddActivation({.name = name, .rows = rows, .cols = Dim::Fixed(2 * map.projections)});
  const auto half = [&](const char* suffix, int64_t col_begin) {
    return method.View(both, name + suffix, {.rows = rows, .col_begin = col_begin, .cols = map.projections});
  };
  method.ApplyInto(name + ".first", ir::Activate{ir::Activation::kNone}, {projection}, half(".first", 0));
  const int scale = layers.Constant(layers.weights().Filled(static_cast<float>(factor)));
  method.ApplyInto(name + ".second", ir::Binary{.function = ir::BinaryFunction::Multiply},
                   {projection, scale}, half(".second", map.projections));
  return both;
}

int Project(Layers& layers, const FeatureMap& map, const std::string& name, int in, int projection) {
  if (!layers.status().ok()) return ir::kNone;
  const ir::MatMul product = {.groups = static_cast<uint32_t>(map.heads),
                              .b_layout = ir::GroupLayout::Shared,
                              .scale = static_cast<float>(std::sqrt(map.temperature))};
  return layers.method().Apply(name, product, {in, projection});
}

int Favor(Layers& layers, const FeatureMap& map, const std::string& name, int in, int projection) {
  using ir::BinaryFunction::Subtract;
  ir::MethodBuilder& method = layers.method();
  int x = Project(layers, map, name + ".projected", in,
                  Doubled(layers, map, name + ".projection", projection, -1.0));
  if (!layers.status().ok()) return ir::kNone;
  const ir::Reduce sum = {.function = ir::ReduceFunction::Sum, .groups = static_cast<uint32_t>(map.heads)};
  const int squares =
      method.Apply(name + ".lengths", sum, {layers.Unary(name + ".squares", ir::UnaryFunction::Square, in)});
  x = layers.Binary(name + ".centred", Subtract, x,
                    layers.Scale(name + ".half_lengths", squares, map.temperature / 2.0));
  if (map.is_stabilized) {
    const ir::Reduce over_time = {.function = ir::ReduceFunction::Maximum, .axis = ir::Axis::Column};
    const int largest = method.Apply(name + ".largest", over_time, {squares});
    x = layers.Binary(name + ".stable", Subtract, x,
                      layers.Scale(name + ".scaled_largest", largest, map.temperature));
  }
  x = layers.Unary(name + ".exp", ir::UnaryFunction::Exp, x);
  return layers.Scale(name, x, 1.0 / std::sqrt(2.0 * static_cast<double>(map.projections)));
}

// sin(u) = cos(u - pi / 2).
int Fourier(Layers& layers, const FeatureMap& map, const std::string& name, int in, int projection) {
  std::vector<float> phases;
  for (int64_t i = 0; i < map.heads * 2 * map.projections; ++i) {
    const bool is_sine = i % (2 * map.projections) >= map.projections;
    phases.push_back(is_sine ? static_cast<float>(-std::numbers::pi / 2.0) : 0.0f);
  }
  const int64_t cols = std::ssize(phases);
  const int shift = layers.Constant(layers.weights().Add("fourier_phases", 1, cols, std::move(phases)));
  const int x = Project(layers, map, name + ".projected", in,
                        Doubled(layers, map, name + ".projection", projection, 1.0));
  if (!layers.status().ok()) return ir::kNone;
  const int cosines =
      layers.Unary(name + ".cos", ir::UnaryFunction::Cos, layers.Add(name + ".shifted", x, shift));
  return layers.Scale(name, cosines, 1.0 / std::sqrt(static_cast<double>(map.projections)));
}

}  // namespace

int Features(Layers& layers, const FeatureMap& map, const std::string& name, int in, int projection) {
  switch (map.kind) {
    case FeatureKind::kElu:
      return layers.Unary(name, ir::UnaryFunction::EluPlusOne, in);
    case FeatureKind::kFavor:
      return Favor(layers, map, name, in, projection);
    case FeatureKind::kFourier:
      return Fourier(layers, map, name, in, projection);
    case FeatureKind::kGeneralized:
      break;
  }
  return layers.Activate(name, ir::Activation::kRelu,
                         Project(layers, map, name + ".projected", in, projection));
}

}  // namespace earshot::linear
