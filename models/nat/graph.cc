// fairseq's encoder, and its decoder without a causal mask.
#include "models/nat/graph.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/key_value_cache.h"
#include "models/blocks/layers.h"

namespace earshot::nat {
namespace {

using blocks::Bias;
using blocks::KeyValueCache;
using blocks::Layers;
using blocks::Weights;
using ir::Dim;

constexpr int64_t kPadding = 1;
constexpr int64_t kFirstPosition = kPadding + 1;  // rows before it belong to padding
constexpr int64_t kMaxLengths = 256;              // that the model can predict

struct Half {
  int64_t layers = 0, heads = 0, ffn = 0, max_positions = 0;
  bool is_pre_norm = false;
  bool has_learned_positions = false;
};

struct Config {
  int64_t vocabulary = 0, width = 0;
  Half encoder, decoder;
  ir::Activation activation = ir::Activation::kRelu;
  bool copies_source = false;
  bool scales_embedding = true;
};

struct States {
  int source = ir::kNone;  // scaled embeddings of the source tokens
  std::vector<KeyValueCache> cross;
};

float HeadScale(const Config& config, int64_t heads) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.width) / static_cast<double>(heads)));
}

int Tokens(Layers& layers, const Config& config, int ids) {
  const int x = layers.Embedding("encoder.embed_tokens", ids, config.vocabulary, config.width);
  return config.scales_embedding
             ? layers.Scale("embed_scale", x, std::sqrt(static_cast<double>(config.width)))
             : x;
}

int AddPositions(Layers& layers, const Config& config, const Half& half, const std::string& prefix, int x) {
  const std::string name = prefix + "embed_positions.weight";
  const int64_t rows = half.max_positions + kFirstPosition;
  Weights& weights = layers.weights();
  const int table = half.has_learned_positions
                        ? weights.Matrix(name, rows, config.width)
                        : weights.Add(name, rows, config.width,
                                      blocks::Sinusoids(0, rows, config.width, {.tensor2tensor = true}));
  if (!layers.status().ok()) return ir::kNone;
  const int view = layers.method().View(
      layers.Constant(table), prefix + "positions",
      {.row_begin = Dim::Fixed(kFirstPosition), .rows = layers.method().rows(x), .cols = config.width});
  return layers.Add(prefix + "embedding", x, view);
}

template <class Body>
int Sublayer(Layers& layers, bool is_pre_norm, const std::string& norm, int x, const Body& body) {
  if (is_pre_norm) return layers.Add(norm + ".residual", x, body(layers.LayerNorm(norm, x)));
  return layers.LayerNorm(norm, layers.Add(norm + ".residual", x, body(x)));
}

int FeedForward(Layers& layers, const Config& config, const Half& half, const std::string& source, int x) {
  const int hidden =
      layers.Activate(source + ".activation", config.activation, layers.Linear(source + ".fc1", x, half.ffn));
  return layers.Linear(source + ".fc2", hidden, config.width);
}

Status BuildEncode(Weights& weights, const Config& config, const States& states) {
  ir::MethodBuilder method(weights.graph(), "encode");
  Layers layers(weights, method);
  const Half& half = config.encoder;
  const Dim source = Dim::Of(method.AddSymbol("source", half.max_positions));
  const int ids =
      method.AddInput({.name = "src_tokens", .dtype = DType::kI32, .rows = source, .cols = Dim::Fixed(1)});
  const int tokens = Tokens(layers, config, ids);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  if (config.copies_source) {
    const int kept =
        method.View(method.StateValue(states.source), "kept", {.rows = source, .cols = config.width});
    method.ApplyInto("keep", ir::Activate{ir::Activation::kNone}, {tokens}, kept);
  }
  int x = AddPositions(layers, config, half, "encoder.", tokens);
  for (int64_t layer = 0; layer < half.layers; ++layer) {
    const std::string name = "encoder.layers." + std::to_string(layer);
    x = Sublayer(layers, half.is_pre_norm, name + ".self_attn_layer_norm", x, [&](int in) {
      return layers.Attention(name + ".self_attn", in, in, {.heads = half.heads});
    });
    x = Sublayer(layers, half.is_pre_norm, name + ".final_layer_norm", x,
                 [&](int in) { return FeedForward(layers, config, half, name, in); });
  }
  if (half.is_pre_norm) x = layers.LayerNorm("encoder.layer_norm", x);
  for (int64_t layer = 0; layer < config.decoder.layers; ++layer) {
    const std::string name = "decoder.layers." + std::to_string(layer) + ".encoder_attn";
    const KeyValueCache& cache = states.cross[static_cast<size_t>(layer)];
    layers.LinearInto(name + ".k_proj", x, cache.Keys(method, name, {.rows = source}));
    layers.LinearInto(name + ".v_proj", x, cache.Values(method, name, {.rows = source}));
  }
  const int mean =
      method.Apply("mean", ir::Reduce{.function = ir::ReduceFunction::Mean, .axis = ir::Axis::Column}, {x});
  const int lengths = layers.Softmax(
      "length_softmax", layers.Linear("decoder.embed_length", mean, kMaxLengths, Bias::kNone), {.log = true});
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(x, "encoder_out");
  method.MakeOutput(lengths, "length_logprobs");
  return std::move(method).Finish();
}

int CrossAttention(Layers& layers, const Config& config, const std::string& source, int x,
                   const KeyValueCache& cache, Dim rows) {
  const int q = layers.Linear(source + ".q_proj", x, config.width);
  ir::MethodBuilder& method = layers.method();
  const ir::Attention attention = {.num_heads = config.decoder.heads,
                                   .num_kv_heads = config.decoder.heads,
                                   .scale = HeadScale(config, config.decoder.heads)};
  const int mixed = method.Apply(
      source + ".attend", attention,
      {q, cache.Keys(method, source, {.rows = rows}), cache.Values(method, source, {.rows = rows})});
  return layers.Linear(source + ".out_proj", mixed, config.width);
}

Status BuildDecode(Weights& weights, const Config& config, const States& states, bool is_copied) {
  ir::MethodBuilder method(weights.graph(), is_copied ? "decode_copied" : "decode");
  Layers layers(weights, method);
  const Half& half = config.decoder;
  const Dim length = Dim::Of(method.AddSymbol("tokens", half.max_positions));
  const Dim source = Dim::Of(method.AddSymbol("source", config.encoder.max_positions));
  const int ids = method.AddInput({.name = is_copied ? "copied_rows" : "tokens",
                                   .dtype = DType::kI32,
                                   .rows = length,
                                   .cols = Dim::Fixed(1)});
  int x = is_copied ? method.Apply("copied", ir::Embedding{}, {ids, method.StateValue(states.source)})
                    : Tokens(layers, config, ids);
  x = AddPositions(layers, config, half, "decoder.", x);
  for (int64_t layer = 0; layer < half.layers; ++layer) {
    const std::string name = "decoder.layers." + std::to_string(layer);
    x = Sublayer(layers, half.is_pre_norm, name + ".self_attn_layer_norm", x, [&](int in) {
      return layers.Attention(name + ".self_attn", in, in, {.heads = half.heads});
    });
    x = Sublayer(layers, half.is_pre_norm, name + ".encoder_attn_layer_norm", x, [&](int in) {
      return CrossAttention(layers, config, name + ".encoder_attn", in,
                            states.cross[static_cast<size_t>(layer)], source);
    });
    x = Sublayer(layers, half.is_pre_norm, name + ".final_layer_norm", x,
                 [&](int in) { return FeedForward(layers, config, half, name, in); });
  }
  if (half.is_pre_norm) x = layers.LayerNorm("decoder.layer_norm", x);
  const int table = weights.Matrix("encoder.embed_tokens.weight", config.vocabulary, config.width);
  const int logprobs = layers.Softmax("log_softmax", layers.Dense("logits", x, table), {.log = true});
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logprobs, "logprobs");
  return std::move(method).Finish();
}

Half ReadHalf(ir::HyperParameters& settings, const std::string& name, int64_t ffn, const char* positions) {
  return {.layers = settings.Integer(name + "_layers", {1, 1024}),
          .heads = settings.Integer(name + "_attention_heads"),
          .ffn = settings.IntegerOr(name + "_ffn_embed_dim", ffn),
          .max_positions = settings.IntegerOr(positions, 1024),
          .is_pre_norm = settings.FlagOr(name + "_normalize_before", false),
          .has_learned_positions = settings.FlagOr(name + "_learned_pos", false)};
}

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("vocab"),
                   .width = settings.Integer("encoder_embed_dim", {4, 1 << 20}),
                   .copies_source = settings.FlagOr("src_embedding_copy", false),
                   .scales_embedding = !settings.FlagOr("no_scale_embedding", false)};
  config.encoder = ReadHalf(settings, "encoder", 0, "max_source_positions");
  config.decoder = ReadHalf(settings, "decoder", config.encoder.ffn, "max_target_positions");
  EARSHOT_ASSIGN_OR_RETURN(config.activation,
                           blocks::ActivationNamed(settings.TextOr("activation_fn", "relu")));
  for (const char* width : {"decoder_embed_dim", "decoder_output_dim", "decoder_input_dim"})
    settings.Require(width, config.width, "encoder and decoder must be of one width");
  settings.Require("share_all_embeddings", true, "one table of tokens is built");
  settings.Require("share_decoder_input_output_embed", true, "one table of tokens is built");
  settings.Require("bos", 0, "fairseq's special tokens have fixed numbers");
  settings.Require("pad", kPadding, "fairseq's special tokens have fixed numbers");
  settings.Require("eos", 2, "fairseq's special tokens have fixed numbers");
  settings.Require("unk_is_mask", 3, "fairseq's special tokens have fixed numbers");
  settings.Require("adaptive_softmax_dropout", 0, "this is for training");
  settings.Ignore({"pred_length_offset", "label_smoothing", "attention_dropout", "activation_dropout",
                   "dropout", "relu_dropout", "length_loss_factor", "encoder_layerdrop", "decoder_layerdrop",
                   "quant_noise_pq", "quant_noise_pq_block_size", "quant_noise_scalar", "min_params_to_wrap",
                   "base_layers", "base_sublayers", "base_shuffle", "ngram_predictor"});
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  for (const Half* half : {&config.encoder, &config.decoder}) {
    if (config.width % half->heads != 0)
      return Status::Error(StatusCode::kInvalidModel, "heads that do not fit the width");
  }
  return config;
}

Result<ir::Graph> Build(ir::ReferenceModel& model, bool is_mask_predict) {
  const bool predicts_offset = model.settings.FlagOr("pred_length_offset", false);
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  ir::Graph graph;
  graph.family = "nat";
  graph.name = model.name;
  graph.int8_states = {"cross_kv_*"};
  States states;
  if (config.copies_source)
    states.source = ir::AddState(graph, "source", DType::kF32, config.encoder.max_positions, config.width);
  for (int64_t layer = 0; layer < config.decoder.layers; ++layer)
    states.cross.push_back(KeyValueCache::Add(graph, "cross_kv_" + std::to_string(layer),
                                              config.encoder.max_positions, config.width));
  Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, states));
  EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, config, states, false));
  std::vector<std::string> refined = {"encode", "decode"};
  graph.loops.push_back(
      {.name = "given", .driver = "stepwise", .methods = refined, .settings = {{"prefill", 1e6}}});
  if (config.copies_source) {
    EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, config, states, true));
    refined.push_back("decode_copied");
    graph.loops.push_back({.name = "given_copied",
                           .driver = "stepwise",
                           .methods = {"encode", "decode_copied"},
                           .settings = {{"prefill", 1e6}}});
  }
  graph.loops.push_back({.name = "refine",
                         .driver = "refine",
                         .methods = refined,
                         .settings = {{"bos", 0},
                                      {"eos", 2},
                                      {"mask", 3},
                                      {"masks_worst", is_mask_predict ? 1.0 : 0.0},
                                      {"predicts_offset", predicts_offset ? 1.0 : 0.0},
                                      {"max_iterations", is_mask_predict ? 9.0 : 0.0},
                                      {"length_beam", 1},
                                      {"adaptive", 1}}});
  return graph;
}

}  // namespace

Result<ir::Graph> BuildVanilla(ir::ReferenceModel& model) { return Build(model, false); }
Result<ir::Graph> BuildMaskPredict(ir::ReferenceModel& model) { return Build(model, true); }

}  // namespace earshot::nat
