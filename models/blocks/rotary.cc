// Tables under a name that says what they hold, so that layers share them.
#include "models/blocks/rotary.h"

#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

namespace earshot::blocks {
namespace {

struct Tables {
  int cosines = ir::kNone;
  int sines = ir::kNone;
};

Tables AddTables(Weights& weights, const RotaryAngles& angles) {
  char name[96];
  std::snprintf(name, sizeof(name), "rotary base %.9g, %lld x %lld", angles.base,
                static_cast<long long>(angles.rows), static_cast<long long>(angles.channels));
  const std::string cosine_name = std::string(name) + " cosines", sine_name = std::string(name) + " sines";
  if (weights.Find(cosine_name) == ir::kNone) {
    const std::vector<float> both = Sinusoids(0, angles.rows, angles.channels, {.base = angles.base});
    std::vector<float> sines, cosines;
    for (size_t i = 0; i < both.size(); ++i) {
      const int64_t column = static_cast<int64_t>(i) % angles.channels;
      (column < angles.channels / 2 ? sines : cosines).push_back(both[i]);
    }
    weights.Add(cosine_name, angles.rows, angles.channels / 2, std::move(cosines));
    weights.Add(sine_name, angles.rows, angles.channels / 2, std::move(sines));
  }
  return {weights.Find(cosine_name), weights.Find(sine_name)};
}

// What the op reads: the rows, their cosines, their sines.
std::vector<int> Operands(Layers& layers, const std::string& name, int in, const RotaryAngles& angles,
                          const Rotation& rotation) {
  if (!layers.status().ok()) return {};
  const Tables tables = AddTables(layers.weights(), angles);
  if (!layers.status().ok()) return {};
  ir::MethodBuilder& method = layers.method();
  const ir::ViewWindow rows = {
      .row_begin = rotation.position, .rows = method.rows(in), .cols = angles.channels / 2};
  return {in, method.View(layers.Constant(tables.cosines), name + ".cosines", rows),
          method.View(layers.Constant(tables.sines), name + ".sines", rows)};
}

ir::Rotary RotaryOf(const Rotation& rotation) {
  return {.num_heads = static_cast<uint32_t>(rotation.heads), .interleaved = rotation.interleaved};
}

}  // namespace

int Rotate(Layers& layers, const std::string& name, int in, const RotaryAngles& angles,
           const Rotation& rotation) {
  const std::vector<int> operands = Operands(layers, name, in, angles, rotation);
  return operands.empty() ? ir::kNone : layers.method().Apply(name, RotaryOf(rotation), operands);
}

void RotateInto(Layers& layers, const std::string& name, int in, int out, const RotaryAngles& angles,
                const Rotation& rotation) {
  const std::vector<int> operands = Operands(layers, name, in, angles, rotation);
  if (!operands.empty()) layers.method().ApplyInto(name, RotaryOf(rotation), operands, out);
}

}  // namespace earshot::blocks
