// Norms, feed-forward layers, rotations and local windows as the packages of lucidrains lay them out.
#include "models/clusters/graph_parts.h"

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "converter/ir/dim.h"

namespace earshot::clusters {

using blocks::Layers;

int PreNorm(Layers& layers, const std::string& source, int x) {
  if (!layers.weights().Has(source + ".g")) return layers.LayerNorm(source, x);
  if (!layers.status().ok()) return ir::kNone;
  const int unit = layers.method().Apply(
      source + ".unit", ir::Normalize{.kind = ir::NormalizeKind::Length, .epsilon = 1e-5f}, {x});
  return layers.Multiply(source, unit, layers.Constant(layers.weights().Matrix(source + ".g", {1}, 1, 1)));
}

int FeedForward(Layers& layers, const std::string& source, int x, const FeedForwardSize& size) {
  if (!layers.status().ok()) return ir::kNone;
  const int64_t width = layers.cols(x), hidden_width = size.factor * width;
  int hidden = layers.Linear(source + "w1", x, size.is_gated ? 2 * hidden_width : hidden_width);
  if (!size.is_gated) {
    hidden = layers.Activate(source + "gelu", ir::Activation::kGelu, hidden);
  } else {
    const int active = layers.Activate(source + "gelu", ir::Activation::kGelu,
                                       layers.Columns(hidden, source + "value", 0, hidden_width));
    hidden = layers.Multiply(source + "gated", active,
                             layers.Columns(hidden, source + "gate", hidden_width, hidden_width));
  }
  return layers.Linear(source + "w2", hidden, width);
}

int UnitVectors(Layers& layers, const std::string& name, int x, int64_t heads) {
  return layers.method().Apply(
      name,
      ir::Normalize{
          .kind = ir::NormalizeKind::Length, .groups = static_cast<uint32_t>(heads), .epsilon = kUnitEpsilon},
      {x});
}

int Rotate(Layers& layers, const std::string& name, int in, const RotarySize& size, int out) {
  if (!layers.status().ok()) return ir::kNone;
  const int64_t head_dim = layers.cols(in) / size.heads, pairs = head_dim / 2;
  const std::vector<float> both = blocks::Sinusoids(0, size.max_length, head_dim);
  std::vector<float> sines, cosines;
  for (size_t i = 0; i < both.size(); ++i)
    (static_cast<int64_t>(i) % head_dim < pairs ? sines : cosines).push_back(both[i]);
  const auto rows = [&](const std::string& table, std::vector<float> values) {
    const std::string sized = table + std::to_string(size.max_length);
    const int tensor = layers.weights().Add(sized, size.max_length, pairs, std::move(values));
    return layers.method().View(
        layers.Constant(tensor), name + "." + table,
        {.row_begin = ir::Dim::Fixed(size.first_position), .rows = layers.method().rows(in), .cols = pairs});
  };
  const std::vector<int> inputs = {in, rows("rotary_cosines", std::move(cosines)),
                                   rows("rotary_sines", std::move(sines))};
  const ir::Rotary rotary = {.num_heads = static_cast<uint32_t>(size.heads),
                             .interleaved = size.is_interleaved};
  if (out == ir::kNone) return layers.method().Apply(name, rotary, inputs);
  layers.method().ApplyInto(name, rotary, inputs, out);
  return out;
}

int LocalAssignment(Layers& layers, const std::string& name, int x, int mask, const LocalSize& size) {
  // One bucket for all rows.
  const int bucket =
      layers.method().Apply(name + ".bucket", ir::ArgMax{}, {layers.Columns(x, name + ".column", 0, 1)});
  std::vector<int> inputs = {bucket};
  if (mask != ir::kNone) inputs.push_back(mask);
  return layers.method().Apply(
      name,
      ir::BucketSort{
          .chunk = static_cast<uint32_t>(size.window), .before = 1, .after = size.is_causal ? 0u : 1u},
      inputs);
}

int LocalAttention(Layers& layers, const std::string& name, const Projections& in, int assignment,
                   const LocalSize& size) {
  if (!layers.status().ok()) return ir::kNone;
  const ir::ClusterAttention attention = {.num_heads = static_cast<uint32_t>(size.heads),
                                          .scale = ScaleOf(layers.cols(in.q) / size.heads),
                                          .chunk = static_cast<uint32_t>(size.window),
                                          .before = 1,
                                          .after = size.is_causal ? 0u : 1u,
                                          .causal = size.is_causal,
                                          .own = size.shares_qk ? ir::OwnKey::OnlyIfAlone : ir::OwnKey::Seen,
                                          .masked = ir::MaskedQuery::AsOthers};
  return layers.method().Apply(name, attention, {in.q, in.k, in.v, assignment});
}

float ScaleOf(int64_t head_dim) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim))); }

int WithLastRows(Layers& layers, const std::string& name, int first, int last) {
  if (!layers.status().ok()) return ir::kNone;
  ir::MethodBuilder& method = layers.method();
  const ir::Dim rows = method.rows(first);
  const int64_t more = method.rows(last).addend, cols = layers.cols(first);
  const int all = method.AddActivation(
      {.name = name, .rows = ir::AddAndDivide(rows, more, 1), .cols = ir::Dim::Fixed(cols)});
  const int begin = method.View(all, name + ".first", {.rows = rows, .cols = cols});
  const int end =
      method.View(all, name + ".last", {.row_begin = rows, .rows = ir::Dim::Fixed(more), .cols = cols});
  method.ApplyInto(name + ".copy_first", ir::Activate{}, {first}, begin);
  method.ApplyInto(name + ".copy_last", ir::Activate{}, {last}, end);
  return all;
}

}  // namespace earshot::clusters
