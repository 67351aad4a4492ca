// Encoders fill the states that the steps of the decoder read.
#include "models/pointer/graph.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/layers.h"

namespace earshot::pointer {
namespace {

using blocks::Bias;
using blocks::Layers;
using blocks::Weights;
using ir::Dim;

// A state that one method writes and another reads.
int Store(ir::MethodBuilder& method, int state, int value, Dim row_begin = Dim::Fixed(0)) {
  const int view =
      method.View(method.StateValue(state), "stored",
                  {.row_begin = row_begin, .rows = method.rows(value), .cols = method.cols(value).addend});
  method.ApplyInto("store", ir::Activate{ir::Activation::kNone}, {value}, view);
  return view;
}

struct Symbols {
  Dim nodes;
  int visited = ir::kNone;
};

Symbols AddStepInputs(ir::MethodBuilder& method, int64_t max_nodes) {
  Symbols symbols;
  symbols.nodes = Dim::Of(method.AddSymbol("nodes", max_nodes));
  symbols.visited = method.AddInput({.name = "visited", .rows = Dim::Fixed(1), .cols = symbols.nodes});
  return symbols;
}

// Clipped, then impossible for nodes that were visited.
Status PutOutChoice(Layers& layers, int scores, double clipping, int visited) {
  if (clipping > 0)
    scores = layers.Scale("clipped", layers.Unary("tanh", ir::UnaryFunction::Tanh, scores), clipping);
  const int choice = layers.Softmax("log_probs", layers.Add("possible", scores, visited), {.log = true});
  EARSHOT_RETURN_IF_ERROR(layers.status());
  layers.method().MakeOutput(choice, "log_probs");
  return std::move(layers.method()).Finish();
}

std::vector<float> Transposed(const std::vector<float>& matrix, int64_t rows, int64_t cols) {
  std::vector<float> result(matrix.size());
  for (size_t i = 0; i < matrix.size(); ++i) {
    const int64_t row = static_cast<int64_t>(i) / cols, col = static_cast<int64_t>(i) % cols;
    result[static_cast<size_t>(col * rows + row)] = matrix[i];
  }
  return result;
}

// Pointer network
// ------------------------------------------------------------------------------------------------

struct LstmConfig {
  int64_t embedding = 0, hidden = 0, glimpses = 1, max_nodes = 0;
  double clipping = 0.0;
  bool masks_glimpses = true;
};

struct LstmStates {
  int memory = ir::kNone;  // h and c, of the encoder and then of the decoder
  int nodes = ir::kNone;   // what the decoder is fed: the start, then the embedded nodes
  int glimpse = ir::kNone, pointer = ir::kNone;
};

// PyTorch's names end with a suffix for each layer; its two biases are one.
int Lstm(Layers& layers, const std::string& source, const std::string& suffix, int x,
         const LstmConfig& config, int state) {
  Weights& weights = layers.weights();
  const int64_t width = config.hidden;
  if (weights.Find(source + ".bias") == ir::kNone) {
    std::vector<float> bias = weights.Take(source + ".bias_ih" + suffix, {4 * width});
    const std::vector<float> recurrent = weights.Take(source + ".bias_hh" + suffix, {4 * width});
    for (size_t i = 0; i < bias.size() && i < recurrent.size(); ++i) bias[i] += recurrent[i];
    weights.Add(source + ".bias", 1, 4 * width, std::move(bias));
  }
  const int gates = layers.Dense(source + ".gates", x,
                                 weights.Matrix(source + ".weight_ih" + suffix, 4 * width, layers.cols(x)),
                                 weights.Find(source + ".bias"));
  const int recurrent = layers.Constant(weights.Matrix(source + ".weight_hh" + suffix, 4 * width, width));
  if (!layers.status().ok()) return ir::kNone;
  const int memory = layers.method().StateValue(state);
  return layers.method().Apply(source, ir::Lstm{}, {gates, recurrent, memory}, memory);
}

Status BuildLstmEncode(Weights& weights, const LstmConfig& config, const LstmStates& states) {
  ir::MethodBuilder method(weights.graph(), "encode");
  Layers layers(weights, method);
  const Dim nodes = Dim::Of(method.AddSymbol("nodes", config.max_nodes));
  const int locations = method.AddInput({.name = "locs", .rows = nodes, .cols = Dim::Fixed(2)});
  const int64_t width = config.embedding;
  const int embedding =
      weights.Add("embedding", width, 2, Transposed(weights.Take("embedding", {2, width}), 2, width));
  const int embedded = layers.Dense("embedded", locations, embedding);
  const int start = layers.Constant(weights.Vector("decoder_in_0", width));
  const int context = Lstm(layers, "encoder.lstm", "_l0", embedded, config, states.memory);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  Store(method, states.nodes, start);
  Store(method, states.nodes, embedded, Dim::Fixed(1));
  for (const bool is_pointer : {false, true}) {
    const std::string source =
        std::string("decoder.") + (is_pointer ? "pointer" : "glimpse") + ".project_ref";
    const int weight =
        weights.Matrix(source + ".weight", {config.hidden, config.hidden, 1}, config.hidden, config.hidden);
    const int reference =
        layers.Dense(source, context, weight, weights.Vector(source + ".bias", config.hidden));
    EARSHOT_RETURN_IF_ERROR(layers.status());
    Store(method, is_pointer ? states.pointer : states.glimpse, reference);
  }
  method.MakeOutput(embedded, "embedded");
  method.MakeOutput(context, "encoder_states");
  return std::move(method).Finish();
}

// v . tanh(W q + b + reference), for each node: [1, N].
int Compare(Layers& layers, const std::string& source, int q, int references) {
  const int query = layers.Linear(source + ".project_query", q, layers.cols(q));
  const int sum = layers.Activate(source + ".tanh", ir::Activation::kTanh,
                                  layers.Add(source + ".sum", references, query));
  const int v = layers.Constant(layers.weights().Vector(source + ".v", layers.cols(q)));
  return layers.status().ok()
             ? layers.method().Apply(source + ".scores", ir::MatMul{.transpose_b = true}, {v, sum})
             : ir::kNone;
}

Status BuildLstmStep(Weights& weights, const LstmConfig& config, const LstmStates& states) {
  ir::MethodBuilder method(weights.graph(), "step");
  Layers layers(weights, method);
  const Symbols symbols = AddStepInputs(method, config.max_nodes);
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = Dim::Fixed(1), .cols = Dim::Fixed(1)});
  const int x = method.Apply("chosen", ir::Embedding{}, {ids, method.StateValue(states.nodes)});
  int q = Lstm(layers, "decoder.lstm", "", x, config, states.memory);
  const auto references = [&](int state, const char* name) {
    return method.View(method.StateValue(state), name, {.rows = symbols.nodes, .cols = config.hidden});
  };
  const int seen = references(states.glimpse, "glimpse_references");
  for (int64_t i = 0; i < config.glimpses; ++i) {
    int scores = Compare(layers, "decoder.glimpse", q, seen);
    if (config.masks_glimpses) scores = layers.Add("decoder.glimpse.possible", scores, symbols.visited);
    q = method.Apply("decoder.glimpse", ir::MatMul{},
                     {layers.Softmax("decoder.glimpse.weights", scores), seen});
  }
  const int scores = Compare(layers, "decoder.pointer", q, references(states.pointer, "pointer_references"));
  return PutOutChoice(layers, scores, config.clipping, symbols.visited);
}

// Attention model
// ------------------------------------------------------------------------------------------------

struct AttentionConfig {
  int64_t width = 0, heads = 0, layers = 0, ffn_width = 0, max_nodes = 0;
  bool has_batch_norm = true;  // else instance norm
  double clipping = 0.0;
};

struct AttentionStates {
  int nodes =
      ir::kNone;  // two halves of what stands for the nodes before there are any, then the embedded nodes
  int keys = ir::kNone;   // keys and values of the glimpse, keys of the choice
  int graph = ir::kNone;  // projected mean of the nodes
};

int Norm(Layers& layers, const AttentionConfig& config, const std::string& source, int x) {
  if (config.has_batch_norm) return layers.BatchNorm(source + ".normalizer", x, config.width);
  const int gamma = layers.Constant(layers.weights().Vector(source + ".normalizer.weight", config.width));
  const int beta = layers.Constant(layers.weights().Vector(source + ".normalizer.bias", config.width));
  if (!layers.status().ok()) return ir::kNone;
  return layers.method().Apply(source, ir::Normalize{.axis = ir::Axis::Column, .epsilon = 1e-5f},
                               {x, gamma, beta});
}

int EncoderLayer(Layers& layers, const AttentionConfig& config, const std::string& source, int x) {
  const int64_t width = config.width;
  const int qkv = layers.Linear(source + ".0.module.Wqkv", x, 3 * width);
  const double head_dim = static_cast<double>(width) / static_cast<double>(config.heads);
  const ir::Attention attention = {.num_heads = config.heads,
                                   .num_kv_heads = config.heads,
                                   .scale = static_cast<float>(1.0 / std::sqrt(head_dim))};
  const int mixed = layers.method().Apply(
      source + ".attend", attention,
      {layers.Columns(qkv, source + ".q", 0, width), layers.Columns(qkv, source + ".k", width, width),
       layers.Columns(qkv, source + ".v", 2 * width, width)});
  const int out = layers.Linear(source + ".0.module.out_proj", mixed, width);
  x = Norm(layers, config, source + ".1", layers.Add(source + ".attention.residual", x, out));
  int hidden = layers.Linear(source + ".2.module.lins.0", x, config.ffn_width);
  hidden = layers.Linear(source + ".2.module.lins.1",
                         layers.Activate(source + ".relu", ir::Activation::kRelu, hidden), width);
  return Norm(layers, config, source + ".3", layers.Add(source + ".ffn.residual", x, hidden));
}

Status BuildAttentionEncode(Weights& weights, const AttentionConfig& config, const AttentionStates& states) {
  ir::MethodBuilder method(weights.graph(), "encode");
  Layers layers(weights, method);
  const Dim nodes = Dim::Of(method.AddSymbol("nodes", config.max_nodes));
  const int locations = method.AddInput({.name = "locs", .rows = nodes, .cols = Dim::Fixed(2)});
  const int init = layers.Linear("encoder.init_embedding.init_embed", locations, config.width);
  int x = init;
  for (int64_t layer = 0; layer < config.layers; ++layer)
    x = EncoderLayer(layers, config, "encoder.net.layers." + std::to_string(layer), x);
  const int keys = layers.Linear("decoder.project_node_embeddings", x, 3 * config.width, Bias::kOptional);
  const int mean =
      method.Apply("mean", ir::Reduce{.function = ir::ReduceFunction::Mean, .axis = ir::Axis::Column}, {x});
  const int graph = layers.Linear("decoder.project_fixed_context", mean, config.width, Bias::kOptional);
  const int placeholder = layers.Constant(
      weights.Matrix("decoder.context_embedding.W_placeholder", {2 * config.width}, 2, config.width));
  EARSHOT_RETURN_IF_ERROR(layers.status());
  Store(method, states.nodes, placeholder);
  Store(method, states.nodes, x, Dim::Fixed(2));
  Store(method, states.keys, keys);
  Store(method, states.graph, graph);
  method.MakeOutput(init, "init_embeddings");
  method.MakeOutput(x, "node_embeddings");
  return std::move(method).Finish();
}

Status BuildAttentionStep(Weights& weights, const AttentionConfig& config, const AttentionStates& states) {
  ir::MethodBuilder method(weights.graph(), "step");
  Layers layers(weights, method);
  const int64_t width = config.width;
  const Symbols symbols = AddStepInputs(method, config.max_nodes);
  const int ids =
      method.AddInput({.name = "ids", .dtype = DType::kI32, .rows = Dim::Fixed(2), .cols = Dim::Fixed(1)});
  // First and last node side by side: two rows gathered into the halves of one.
  const int both = method.Apply("chosen", ir::Embedding{}, {ids, method.StateValue(states.nodes)});
  const int projection =
      layers.Constant(weights.Matrix("decoder.context_embedding.project_context.weight", width, 2 * width));
  EARSHOT_RETURN_IF_ERROR(layers.status());
  const int query =
      method.Apply("context", ir::MatMul{.groups = 1, .transpose_b = true},
                   {method.View(both, "first", {.rows = Dim::Fixed(1), .cols = width}),
                    method.View(projection, "first_half", {.rows = Dim::Fixed(width), .cols = width})});
  const int last = method.Apply(
      "last_context", ir::MatMul{.groups = 1, .transpose_b = true},
      {method.View(both, "last", {.row_begin = Dim::Fixed(1), .rows = Dim::Fixed(1), .cols = width}),
       method.View(projection, "last_half", {.rows = Dim::Fixed(width), .col_begin = width, .cols = width})});
  const int q =
      layers.Add("query", layers.Add("both_contexts", query, last), method.StateValue(states.graph));
  const auto part = [&](const char* name, int64_t index) {
    return method.View(method.StateValue(states.keys), name,
                       {.rows = symbols.nodes, .col_begin = index * width, .cols = width});
  };
  const double head_dim = static_cast<double>(width) / static_cast<double>(config.heads);
  const int mixed = layers.ExplicitAttention("glimpse", q, part("glimpse_keys", 0), part("glimpse_values", 1),
                                             {.heads = config.heads,
                                              .scale = static_cast<float>(1.0 / std::sqrt(head_dim)),
                                              .bias = symbols.visited});
  const int glimpse = layers.Linear("decoder.pointer.project_out", mixed, width, Bias::kOptional);
  const ir::MatMul compare = {.transpose_b = true,
                              .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(width)))};
  const int scores = method.Apply("scores", compare, {glimpse, part("choice_keys", 2)});
  return PutOutChoice(layers, scores, config.clipping, symbols.visited);
}

constexpr int64_t kMaxNodes = 512;

ir::Loop TourLoop() {
  return {.name = "tour", .driver = "tour", .methods = {"encode", "step"}, .settings = {}};
}

}  // namespace

Result<ir::Graph> BuildPointerNetwork(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const LstmConfig config = {.embedding = settings.Integer("embed_dim"),
                             .hidden = settings.Integer("hidden_dim"),
                             .glimpses = settings.IntegerOr("num_glimpses", 1, {0, 64}),
                             .max_nodes = std::max(kMaxNodes, model.ExampleLength("locs", 1, 1)),
                             .clipping = settings.NumberOr("tanh_clipping", 10.0),
                             .masks_glimpses = settings.FlagOr("mask_inner", true)};
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  ir::Graph graph;
  graph.family = "pointer";
  graph.name = model.name;
  const LstmStates states = {
      .memory = ir::AddState(graph, "memory", DType::kF32, 1, 2 * config.hidden),
      .nodes = ir::AddState(graph, "nodes", DType::kF32, config.max_nodes + 1, config.embedding),
      .glimpse = ir::AddState(graph, "glimpse", DType::kF32, config.max_nodes, config.hidden),
      .pointer = ir::AddState(graph, "pointer", DType::kF32, config.max_nodes, config.hidden)};
  Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildLstmEncode(weights, config, states));
  EARSHOT_RETURN_IF_ERROR(BuildLstmStep(weights, config, states));
  graph.loops = {TourLoop()};
  return graph;
}

Result<ir::Graph> BuildAttentionModel(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const AttentionConfig config = {.width = settings.Integer("embed_dim"),
                                  .heads = settings.Integer("num_heads"),
                                  .layers = settings.Integer("num_encoder_layers", {1, 1024}),
                                  .ffn_width = settings.Integer("feedforward_hidden"),
                                  .max_nodes = std::max(kMaxNodes, model.ExampleLength("locs", 1, 1)),
                                  .has_batch_norm = settings.TextOr("normalization", "batch") == "batch",
                                  .clipping = settings.NumberOr("tanh_clipping", 10.0)};
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.width % config.heads != 0)
    return Status::Error(StatusCode::kInvalidModel, "heads that do not fit the width");
  ir::Graph graph;
  graph.family = "pointer";
  graph.name = model.name;
  const AttentionStates states = {
      .nodes = ir::AddState(graph, "nodes", DType::kF32, config.max_nodes + 2, config.width),
      .keys = ir::AddState(graph, "keys", DType::kF32, config.max_nodes, 3 * config.width),
      .graph = ir::AddState(graph, "graph", DType::kF32, 1, config.width)};
  Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildAttentionEncode(weights, config, states));
  EARSHOT_RETURN_IF_ERROR(BuildAttentionStep(weights, config, states));
  graph.loops = {TourLoop()};
  return graph;
}

}  // namespace earshot::pointer
