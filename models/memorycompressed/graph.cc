// Windows of the convolution end with the last row, so that what a whole number of windows lacks are zeros in
// front. Scores are divided by the root of the whole width, as the package has it, not of a head's.
#include "models/memorycompressed/graph.h"

#include <cmath>
#include <string>
#include <utility>

#include "converter/ir/dim.h"
#include "models/blocks/layers.h"

namespace earshot::memory_compressed {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

struct Config {
  int64_t width = 0, heads = 0, factor = 0, max_length = 0;
};

// A learned row, then the summaries of the rows.
int Compress(Layers& layers, const Config& config, const std::string& name, int in) {
  ir::MethodBuilder& method = layers.method();
  const int summaries = layers.Conv1d("compress_fn.conv", in,
                                      {.out_channels = config.width,
                                       .kernel = config.factor,
                                       .stride = config.factor,
                                       .padding = config.factor - 1,
                                       .padding_end = 0,
                                       .groups = config.heads,
                                       .ends_last = true});
  const std::string null_name = "null_" + name;
  const int null_row =
      layers.Constant(layers.weights().Matrix(null_name, {1, 1, config.width}, 1, config.width));
  if (!layers.status().ok()) return ir::kNone;
  const Dim count = method.rows(summaries);
  const int all = method.AddActivation(
      {.name = name + ".all", .rows = ir::AddAndDivide(count, 1, 1), .cols = Dim::Fixed(config.width)});
  const auto put = [&](const std::string& part, int value, Dim row_begin) {
    const int rows =
        method.View(all, part, {.row_begin = row_begin, .rows = method.rows(value), .cols = config.width});
    method.ApplyInto(part, ir::Activate{ir::Activation::kNone}, {value}, rows);
  };
  put(name + ".always", null_row, Dim::Fixed(0));
  put(name + ".summaries", summaries, Dim::Fixed(1));
  return all;
}

ir::Attention AttentionOf(const Config& config, bool is_causal) {
  ir::Attention attention = {.num_heads = config.heads,
                             .num_kv_heads = config.heads,
                             .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.width)))};
  if (!is_causal) return attention;
  attention.pattern = ir::PatternKind::kHeads;
  attention.heads = {
      {.selections = {{.kind = ir::SelectionKind::kSummaries, .count = 1, .step = config.factor}}}};
  return attention;
}

Status BuildMethod(blocks::Weights& weights, const Config& config, bool is_causal) {
  ir::MethodBuilder method(weights.graph(), is_causal ? "causal" : "full");
  Layers layers(weights, method);
  const Dim length = Dim::Of(method.AddSymbol("length", config.max_length));
  const int64_t width = config.width;
  const int x = method.AddInput({.name = "x", .rows = length, .cols = Dim::Fixed(width)});
  const int qkv = layers.Linear("to_qkv", x, 3 * width, Bias::kNone);
  const int k = Compress(layers, config, "k", layers.Columns(qkv, "keys", width, width));
  const int v = Compress(layers, config, "v", layers.Columns(qkv, "values", 2 * width, width));
  const int mixed = method.Apply("attend", AttentionOf(config, is_causal),
                                 {layers.Columns(qkv, "queries", 0, width), k, v});
  const int out = layers.Linear("to_out", mixed, width);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(out, "out");
  return std::move(method).Finish();
}

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const Config config = {.width = settings.Integer("dim"),
                         .heads = settings.IntegerOr("heads", 8),
                         .factor = settings.IntegerOr("compression_factor", 3, {1, 1 << 12}),
                         .max_length = model.MaxLength("x", 1)};
  settings.Ignore({"causal", "dropout"});  // both forms are built
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.width % config.heads != 0)
    return Status::Error(StatusCode::kInvalidModel, "heads that do not fit the width");
  ir::Graph graph;
  graph.family = "memory-compressed";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, false));
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, true));
  return graph;
}

}  // namespace earshot::memory_compressed
