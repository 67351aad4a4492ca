// Every method is one attention op with a pattern of its own.
#include "models/sparse/graph.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/key_selection.h"
#include "models/blocks/layers.h"
#include "models/sparse/graph_block_layouts.h"

namespace earshot::sparse {
namespace {

using blocks::Layers;
using ir::Dim;
using Patterns = std::vector<ir::HeadPattern>;

struct Length {
  int64_t maximum = 1;
  bool is_fixed = false;
};

// q, k, v -> out, without weights.
Status BuildLayer(ir::Graph& graph, const std::string& name, const blocks::HeadSize& size,
                  const Length& length, Patterns patterns) {
  ir::MethodBuilder method(graph, name);
  const Dim rows =
      length.is_fixed ? Dim::Fixed(length.maximum) : Dim::Of(method.AddSymbol("length", length.maximum));
  const Dim width = Dim::Fixed(size.heads * size.head_dim);
  std::vector<int> inputs;
  for (const char* input : {"q", "k", "v"})
    inputs.push_back(method.AddInput({.name = input, .rows = rows, .cols = width}));
  method.MakeOutput(method.Apply("attend", blocks::AttendTo(size, std::move(patterns)), inputs), "out");
  return std::move(method).Finish();
}

ir::HeadPattern Causal(std::vector<ir::KeySelection> selections) {
  return {.selections = std::move(selections), .causal = true};
}

struct OpenAiConfig {
  blocks::HeadSize size;
  int64_t max_length = 0;
  int64_t context = 0, block = 0;
};

// Of the blocks of a group, the last `height` are the summary of the first head, those before them of the
// next, until all `count` heads in turn have theirs.
Patterns FixedPatterns(const OpenAiConfig& config, int64_t count, int64_t height) {
  Patterns patterns;
  for (int64_t head = 0; head < config.size.heads; ++head) {
    const int64_t first_block = config.context / config.block - (head % count + 1) * height;
    patterns.push_back(
        Causal({blocks::Bucket(config.context),
                blocks::Columns(config.context, first_block * config.block, height * config.block)}));
  }
  return patterns;
}

Status CheckOpenAi(const OpenAiConfig& config, int64_t num_verts, int64_t vertsize) {
  if (config.context % config.block == 0 && num_verts * vertsize * config.block <= config.context)
    return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "a context of %lld has no %lld summaries of %lld blocks of %lld keys",
                       static_cast<long long>(config.context), static_cast<long long>(num_verts),
                       static_cast<long long>(vertsize), static_cast<long long>(config.block));
}

}  // namespace

Result<ir::Graph> BuildOpenAi(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const int64_t heads = settings.Integer("heads"), head_dim = settings.Integer("d", {1, 1 << 16});
  const OpenAiConfig config = {.size = {.heads = heads, .kv_heads = heads, .head_dim = head_dim},
                               .max_length = std::max(settings.IntegerOr("T", 1), model.MaxLength("q", 1)),
                               .context = settings.Integer("ctx"),
                               .block = settings.Integer("blocksize")};
  const int64_t num_verts = settings.IntegerOr("num_verts", 1), vertsize = settings.IntegerOr("vertsize", 1);
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  EARSHOT_RETURN_IF_ERROR(CheckOpenAi(config, num_verts, vertsize));
  ir::Graph graph;
  graph.family = "sparse";
  graph.name = model.name;
  const ir::KeySelection local = blocks::Local(config.context - 1, 0);
  const ir::KeySelection strided = blocks::Dilated(config.context, blocks::kAnyDistance, 0);
  std::vector<std::pair<std::string, Patterns>> methods = {
      {"all", {Causal({{.kind = ir::SelectionKind::kAll}})}},
      {"local", {Causal({local})}},
      {"strided", {Causal({strided})}},
      {"local_or_strided", {Causal({local, strided})}},
      {"fixed_v" + std::to_string(num_verts), FixedPatterns(config, num_verts, vertsize)}};
  if (num_verts != 1) methods.emplace_back("fixed_v1", FixedPatterns(config, 1, 1));
  for (auto& [name, patterns] : methods) {
    EARSHOT_RETURN_IF_ERROR(
        BuildLayer(graph, name, config.size, {.maximum = config.max_length}, std::move(patterns)));
  }
  return graph;
}

Result<ir::Graph> BuildFairseq(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const int64_t width = settings.Integer("embed_dim"), heads = settings.Integer("num_heads");
  const int64_t stride = settings.Integer("stride"), expressivity = settings.Integer("expressivity");
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (width % heads != 0 || expressivity >= stride) {
    return Status::Error(StatusCode::kInvalidModel,
                         "%lld heads of %lld channels, with %lld of every %lld keys as summary, do not work",
                         static_cast<long long>(heads), static_cast<long long>(width),
                         static_cast<long long>(expressivity), static_cast<long long>(stride));
  }
  // Positions 1 to stride share a window, which has position 0 too. Summaries reach one key into the next
  // one.
  const std::vector<ir::KeySelection> selections = {
      blocks::Bucket(stride, 1, 0, 1), blocks::Columns(stride, stride - expressivity, expressivity + 1)};
  const blocks::HeadSize size = {.heads = heads, .kv_heads = heads, .head_dim = width / heads};
  const int64_t max_length = model.MaxLength("x", 1);
  ir::Graph graph;
  graph.family = "sparse";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  for (const bool is_causal : {true, false}) {
    const std::string name = is_causal ? "causal" : "bidirectional";
    const ir::HeadPattern head = {.selections = selections, .causal = is_causal};
    ir::MethodBuilder method(graph, name);
    Layers layers(weights, method);
    const Dim rows = Dim::Of(method.AddSymbol("length", max_length));
    const int x = method.AddInput({.name = "x", .rows = rows, .cols = Dim::Fixed(width)});
    std::vector<int> inputs;
    for (const char* part : {"q_proj", "k_proj", "v_proj"}) inputs.push_back(layers.Linear(part, x, width));
    const int out =
        layers.Linear("out_proj", method.Apply("attend", blocks::AttendTo(size, {head}), inputs), width);
    EARSHOT_RETURN_IF_ERROR(layers.status());
    method.MakeOutput(out, "out");
    EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
    EARSHOT_RETURN_IF_ERROR(BuildLayer(graph, name + ".attend", size, {.maximum = max_length}, {head}));
  }
  return graph;
}

Result<ir::Graph> BuildDeepSpeed(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const int64_t heads = settings.Integer("heads"), block = settings.Integer("block");
  const int64_t length = model.ExampleLength("q", 2, 1);
  const blocks::HeadSize size = {
      .heads = heads, .kv_heads = heads, .head_dim = model.ExampleLength("q", 3, 1)};
  const std::vector<ir::HyperParameters::NamedSection> configs = settings.NamedSections("configs");
  EARSHOT_RETURN_IF_ERROR(settings.status());
  if (length % block != 0)
    return Status::Error(StatusCode::kInvalidModel, "%lld keys are no whole number of blocks of %lld",
                         static_cast<long long>(length), static_cast<long long>(block));
  const LayoutSize layout_size = {.heads = heads, .num_blocks = length / block};
  ir::Graph graph;
  graph.family = "sparse";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  for (size_t i = 0; i < configs.size(); ++i) {
    const std::string number = std::to_string(i);
    std::vector<float> drawn;
    if (IsDrawn(*configs[i].settings))
      drawn = weights.Take("layout" + number, {heads, layout_size.num_blocks, layout_size.num_blocks});
    EARSHOT_RETURN_IF_ERROR(weights.status());
    EARSHOT_ASSIGN_OR_RETURN(const HeadLayouts layouts,
                             MakeLayouts(configs[i].name, *configs[i].settings, layout_size, drawn));
    Patterns patterns;
    for (const BlockLayout& layout : layouts.heads)
      patterns.push_back({.selections = {layout.Selection(block)}, .causal = layouts.is_causal});
    EARSHOT_RETURN_IF_ERROR(BuildLayer(graph, "config" + number, size, {.maximum = length, .is_fixed = true},
                                       std::move(patterns)));
  }
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  return graph;
}

}  // namespace earshot::sparse
