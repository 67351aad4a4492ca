// Two attentions over the same keys: with windows for all tokens, in full for the global ones.
#include "models/longformer/graph.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/bert.h"
#include "models/blocks/key_selection.h"
#include "models/blocks/layers.h"

namespace earshot::longformer {
namespace {

using blocks::Layers;
using ir::Dim;

// One layer's attention.
struct AttentionSize {
  int64_t width = 0;
  int64_t heads = 1;
  int64_t window = 0;              // keys on each side
  std::vector<int64_t> dilations;  // one for all heads, or one for each

  blocks::HeadSize head_size() const {
    return {.heads = heads, .kv_heads = heads, .head_dim = width / heads};
  }
};

Status CheckHeads(int64_t width, int64_t heads) {
  if (width % heads == 0) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "a width of %lld cannot be split into %lld heads",
                       static_cast<long long>(width), static_cast<long long>(heads));
}

std::vector<ir::HeadPattern> Patterns(const AttentionSize& size, bool has_globals) {
  std::vector<ir::HeadPattern> patterns;
  for (const int64_t dilation : size.dilations) {
    ir::HeadPattern head = {.selections = {dilation == 1
                                               ? blocks::Local(size.window, size.window)
                                               : blocks::Dilated(dilation, size.window, size.window)}};
    if (has_globals) head.selections.push_back(blocks::Listed());
    patterns.push_back(std::move(head));
  }
  return patterns;
}

// x [T, D] -> [T, D]; `globals` lists the global tokens, or is kNone.
int Attend(Layers& layers, const AttentionSize& size, const std::string& source, int x, int globals) {
  ir::MethodBuilder& method = layers.method();
  std::vector<int> inputs;
  for (const char* name : {"query", "key", "value"})
    inputs.push_back(layers.Linear(source + name, x, size.width));
  const bool has_globals = globals != ir::kNone;
  if (has_globals) inputs.push_back(globals);
  const int mixed = method.Apply(source + "attend",
                                 blocks::AttendTo(size.head_size(), Patterns(size, has_globals)), inputs);
  if (!has_globals) return mixed;
  const int rows = method.Apply(source + "global_rows", ir::Embedding{}, {globals, x});
  const int q = layers.Linear(source + "query_global", rows, size.width);
  const int k = layers.Linear(source + "key_global", x, size.width);
  const int v = layers.Linear(source + "value_global", x, size.width);
  ir::Attention full = blocks::AttendTo(size.head_size(), {});
  full.pattern = ir::PatternKind::kFull;
  const int global_mixed = method.Apply(source + "attend_global", full, {q, k, v});
  return method.Apply(source + "merge", ir::ReplaceRows{}, {mixed, globals, global_mixed});
}

// The list of global tokens as an input: any number of them.
int GlobalIds(ir::MethodBuilder& method, int64_t max_length) {
  const int count = method.AddSymbol("globals", max_length, 0);
  return method.AddInput(
      {.name = "global_ids", .dtype = DType::kI32, .rows = Dim::Of(count), .cols = Dim::Fixed(1)});
}

struct Config {
  blocks::BertSize bert;
  int64_t heads = 1;
  std::vector<int64_t> windows;  // of each layer, keys on each side
};

enum class Outputs { kLast, kAll };

struct MethodKind {
  const char* name;
  Outputs outputs;
  bool has_globals;
};

Status BuildMethod(blocks::Weights& weights, const Config& config, const MethodKind& kind) {
  ir::MethodBuilder method(weights.graph(), kind.name);
  Layers layers(weights, method);
  const int64_t max_length = config.bert.max_length();
  const Dim length = Dim::Of(method.AddSymbol("length", max_length));
  const int ids =
      method.AddInput({.name = "input_ids", .dtype = DType::kI32, .rows = length, .cols = Dim::Fixed(1)});
  const int globals = kind.has_globals ? GlobalIds(method, max_length) : ir::kNone;
  int x = blocks::BertEmbedding(layers, config.bert, ids);
  std::vector<int> hidden = {x};
  for (size_t layer = 0; layer < config.windows.size(); ++layer) {
    const std::string source = "encoder.layer." + std::to_string(layer);
    const AttentionSize size = {
        .width = config.bert.width, .heads = config.heads, .window = config.windows[layer], .dilations = {1}};
    const int mixed = Attend(layers, size, source + ".attention.self.", x, globals);
    hidden.push_back(x = blocks::BertLayer(layers, config.bert, source, x, mixed));
  }
  EARSHOT_RETURN_IF_ERROR(layers.status());
  if (kind.outputs == Outputs::kLast) {
    method.MakeOutput(x, "last_hidden_state");
  } else {
    for (size_t i = 0; i < hidden.size(); ++i) method.MakeOutput(hidden[i], "hidden" + std::to_string(i));
  }
  return std::move(method).Finish();
}

Result<Config> ReadConfig(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const int64_t padding = settings.IntegerOr("pad_token_id", 1, {0, 1 << 20});
  Config config = {.bert = {.vocabulary = settings.Integer("vocab_size"),
                            .width = settings.Integer("hidden_size"),
                            .ffn = settings.Integer("intermediate_size"),
                            .positions = settings.Integer("max_position_embeddings"),
                            .first_position = padding + 1,
                            .epsilon = static_cast<float>(settings.NumberOr("layer_norm_eps", 1e-12))},
                   .heads = settings.Integer("num_attention_heads")};
  const int64_t num_layers = settings.Integer("num_hidden_layers", {1, 1024});
  config.windows = settings.IntegersFor("attention_window", num_layers, {2});
  for (int64_t& window : config.windows) window /= 2;
  const std::vector<int64_t> types = model.weights.ShapeOf("embeddings.token_type_embeddings.weight");
  config.bert.types = types.empty() ? 1 : types[0];
  settings.Require("type_vocab_size", config.bert.types, "the checkpoint has another number of types");
  settings.Require("position_embedding_type", "absolute", "only learned absolute positions are built");
  settings.Ignore({"bos_token_id", "eos_token_id", "sep_token_id", "hidden_dropout_prob",
                   "attention_probs_dropout_prob", "initializer_range", "onnx_export"});
  EARSHOT_ASSIGN_OR_RETURN(config.bert.activation,
                           blocks::ActivationNamed(settings.TextOr("hidden_act", "gelu")));
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  EARSHOT_RETURN_IF_ERROR(CheckHeads(config.bert.width, config.heads));
  if (config.bert.max_length() >= 1) return config;
  return Status::Error(StatusCode::kInvalidModel, "%lld positions leave none behind those of padding",
                       static_cast<long long>(config.bert.positions));
}

}  // namespace

Result<ir::Graph> BuildEncoder(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model));
  ir::Graph graph;
  graph.family = "longformer";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, {"forward", Outputs::kLast, false}));
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, {"steps", Outputs::kAll, false}));
  if (!weights.Has("encoder.layer.0.attention.self.query_global.weight")) return graph;
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, {"forward_global", Outputs::kLast, true}));
  EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, {"steps_global", Outputs::kAll, true}));
  return graph;
}

namespace {

struct LayerMethod {
  std::string name;
  std::string source;
  bool has_globals;
};

Status BuildLayer(blocks::Weights& weights, const AttentionSize& size, int64_t max_length,
                  const LayerMethod& kind) {
  ir::MethodBuilder method(weights.graph(), kind.name);
  Layers layers(weights, method);
  const Dim length = Dim::Of(method.AddSymbol("length", max_length));
  const int x = method.AddInput({.name = "x", .rows = length, .cols = Dim::Fixed(size.width)});
  const int globals = kind.has_globals ? GlobalIds(method, max_length) : ir::kNone;
  const int out = Attend(layers, size, kind.source, x, globals);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(out, "out");
  return std::move(method).Finish();
}

}  // namespace

Result<ir::Graph> BuildAttention(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const std::vector<int64_t> windows = settings.Integers("attention_window", {1});
  const int64_t num_layers = static_cast<int64_t>(windows.size());
  const std::vector<int64_t> dilations = settings.IntegersFor("attention_dilation", num_layers);
  AttentionSize size = {.width = settings.Integer("hidden_size"),
                        .heads = settings.Integer("num_attention_heads")};
  const int64_t max_length = std::max(settings.IntegerOr("T", 1), model.MaxLength("x", 1));
  std::vector<int64_t> per_head;
  if (settings.Has("per_head_dilation")) per_head = settings.IntegersFor("per_head_dilation", size.heads);
  settings.Require("autoregressive", false, "windows are built for both directions");
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  EARSHOT_RETURN_IF_ERROR(CheckHeads(size.width, size.heads));
  ir::Graph graph;
  graph.family = "longformer";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  for (size_t layer = 0; layer < windows.size(); ++layer) {
    const std::string number = std::to_string(layer), name = "layer" + number, source = number + ".";
    size.window = windows[layer];
    size.dilations = {dilations[layer]};
    EARSHOT_RETURN_IF_ERROR(BuildLayer(weights, size, max_length, {name + ".plain", source, false}));
    EARSHOT_RETURN_IF_ERROR(BuildLayer(weights, size, max_length, {name + ".masked_global", source, true}));
    if (layer > 0 || per_head.empty()) continue;
    size.dilations = per_head;
    EARSHOT_RETURN_IF_ERROR(BuildLayer(weights, size, max_length, {name + ".per_head", source, false}));
  }
  return graph;
}

}  // namespace earshot::longformer
