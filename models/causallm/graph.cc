// The names are those of transformers.
#include "models/causallm/graph.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/key_selection.h"
#include "models/blocks/layers.h"
#include "models/blocks/rotary.h"
#include "models/causallm/graph_memory.h"

namespace earshot::causallm {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

struct LayerKind {
  int64_t window = 0;  // keys that a query sees, its own included; 0: all
  double rotary_base = 10000.0;
};

struct Config {
  int64_t vocabulary = 0, width = 0, ffn = 0, max_length = 0;
  blocks::HeadSize heads;
  std::vector<LayerKind> layers;
  float epsilon = 1e-6f;
  double score_scale = 1.0;
  double embedding_scale = 1.0;
  ir::Activation activation = ir::Activation::kSilu;
  bool ties_embedding = false;
  bool norms_add_one = false;  // the gain of a norm is one more than its weight
  bool norms_results = false;  // of attention and feed-forward layer too, before they are added
  bool norms_heads = false;    // of queries and keys
};

std::vector<LayerMemory> AddMemories(ir::Graph& graph, const Config& config) {
  std::vector<LayerMemory> memories;
  for (const LayerKind& kind : config.layers) {
    memories.push_back(AddMemory(graph, static_cast<int64_t>(memories.size()),
                                 {.window = kind.window,
                                  .max_length = config.max_length,
                                  .width = config.heads.kv_heads * config.heads.head_dim}));
  }
  return memories;
}

class Decoder {
 public:
  Decoder(Layers& layers, const Config& config, const std::vector<LayerMemory>& memories)
      : layers_(layers), method_(layers.method()), config_(config), memories_(memories) {}

  void Build() {
    tokens_ = Dim::Of(method_.AddSymbol("tokens", config_.max_length));
    position_ = Dim::Of(method_.AddSymbol("position", config_.max_length - 1, 0));
    end_ = Dim::Of(method_.AddSymbol("end", config_.max_length));
    const int ids =
        method_.AddInput({.name = "input_ids", .dtype = DType::kI32, .rows = tokens_, .cols = Dim::Fixed(1)});
    int x = layers_.Embedding("model.embed_tokens", ids, config_.vocabulary, config_.width);
    if (config_.embedding_scale != 1.0 && layers_.status().ok())
      x = layers_.Scale("model.embed_scale", x, config_.embedding_scale);
    for (size_t layer = 0; layer < config_.layers.size(); ++layer) x = Block(layer, x);
    x = Norm("model.norm", x);
    const int logits = config_.ties_embedding
                           ? layers_.Dense("lm_head", x, layers_.weights().Find("model.embed_tokens.weight"))
                           : layers_.Linear("lm_head", x, config_.vocabulary, Bias::kNone);
    if (layers_.status().ok()) method_.MakeOutput(logits, "logits");
  }

 private:
  // Of each of `groups` equal parts of a row.
  int Norm(const std::string& source, int x, int64_t groups = 1) {
    if (!layers_.status().ok()) return ir::kNone;
    blocks::Weights& weights = layers_.weights();
    const std::string name = source + ".gain";
    if (weights.Find(name) == ir::kNone) {
      std::vector<float> gain = weights.Take(source + ".weight", {layers_.cols(x) / groups});
      if (!layers_.status().ok()) return ir::kNone;
      for (float& factor : gain) factor += config_.norms_add_one ? 1.0f : 0.0f;
      std::vector<float> tiled;
      for (int64_t group = 0; group < groups; ++group) tiled.insert(tiled.end(), gain.begin(), gain.end());
      weights.Add(name, 1, layers_.cols(x), std::move(tiled));
    }
    const ir::Normalize norm = {.kind = ir::NormalizeKind::RootMeanSquare,
                                .groups = static_cast<uint32_t>(groups),
                                .epsilon = config_.epsilon};
    return method_.Apply(source, norm, {x, layers_.Constant(weights.Find(name))});
  }

  int Block(size_t layer, int x) {
    const std::string name = "model.layers." + std::to_string(layer);
    int mixed = Attention(name + ".self_attn", layer, Norm(name + ".input_layernorm", x));
    if (config_.norms_results) mixed = Norm(name + ".post_attention_layernorm", mixed);
    x = layers_.Add(name + ".self_attn.residual", x, mixed);
    const char* before = config_.norms_results ? ".pre_feedforward_layernorm" : ".post_attention_layernorm";
    int fed = FeedForward(name + ".mlp", Norm(name + before, x));
    if (config_.norms_results) fed = Norm(name + ".post_feedforward_layernorm", fed);
    return layers_.Add(name + ".mlp.residual", x, fed);
  }

  int FeedForward(const std::string& name, int x) {
    const int gate = layers_.Activate(name + ".activation", config_.activation,
                                      layers_.Linear(name + ".gate_proj", x, config_.ffn, Bias::kNone));
    const int up = layers_.Linear(name + ".up_proj", x, config_.ffn, Bias::kNone);
    return layers_.Linear(name + ".down_proj", layers_.Multiply(name + ".gated", gate, up), config_.width,
                          Bias::kNone);
  }

  int Attention(const std::string& name, size_t layer, int x) {
    const blocks::HeadSize& heads = config_.heads;
    const int64_t kv_width = heads.kv_heads * heads.head_dim;
    const blocks::RotaryAngles angles = {
        .rows = config_.max_length, .channels = heads.head_dim, .base = config_.layers[layer].rotary_base};
    int q = layers_.Linear(name + ".q_proj", x, heads.heads * heads.head_dim, Bias::kOptional);
    int k = layers_.Linear(name + ".k_proj", x, kv_width, Bias::kOptional);
    if (config_.norms_heads) {
      q = Norm(name + ".q_norm", q, heads.heads);
      k = Norm(name + ".k_norm", k, heads.kv_heads);
    }
    q = blocks::Rotate(layers_, name + ".rotated_q", q, angles,
                       {.heads = heads.heads, .position = position_});
    const blocks::Rotation k_rotation = {.heads = heads.kv_heads, .position = position_};
    const LayerMemory& memory = memories_[layer];
    const AttentionSize size = {.heads = heads, .scale = config_.score_scale};
    int mixed = ir::kNone;
    if (memory.is_ring()) {
      const NewKeys keys = {.k = blocks::Rotate(layers_, name + ".rotated_k", k, angles, k_rotation),
                            .v = layers_.Linear(name + ".v_proj", x, kv_width, Bias::kOptional)};
      mixed = AttendToWindow(method_, name, memory, size, q, keys);
    } else {
      const ir::ViewWindow rows = {.row_begin = position_, .rows = tokens_};
      blocks::RotateInto(layers_, name + ".rotated_k", k, memory.cache.Keys(method_, name, rows), angles,
                         k_rotation);
      layers_.LinearInto(name + ".v_proj", x, memory.cache.Values(method_, name, rows), Bias::kOptional);
      mixed = AttendToAll(method_, name, memory, size, q, end_);
    }
    return layers_.Linear(name + ".o_proj", mixed, config_.width, Bias::kOptional);
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  const std::vector<LayerMemory>& memories_;
  Dim tokens_, position_, end_;
};

// What both models call by the same names.
Config ReadCommon(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("vocab_size"),
                   .width = settings.Integer("hidden_size"),
                   .ffn = settings.Integer("intermediate_size"),
                   .max_length = settings.Integer("max_position_embeddings"),
                   .epsilon = static_cast<float>(settings.NumberOr("rms_norm_eps", 1e-6))};
  blocks::HeadSize& heads = config.heads;
  heads.heads = settings.Integer("num_attention_heads");
  heads.kv_heads = settings.IntegerOr("num_key_value_heads", heads.heads);
  heads.head_dim =
      settings.IntegerOr("head_dim", std::max<int64_t>(1, config.width / heads.heads), {1, 1 << 16});
  settings.Ignore({"bos_token_id", "eos_token_id", "pad_token_id", "attention_dropout", "initializer_range",
                   "use_cache", "attention_bias"});
  return config;
}

Status CheckConfig(const Config& config) {
  const blocks::HeadSize& heads = config.heads;
  if (heads.heads % heads.kv_heads == 0 && heads.head_dim % 2 == 0) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "%lld heads of %lld channels on %lld key heads: the numbers do not fit",
                       static_cast<long long>(heads.heads), static_cast<long long>(heads.head_dim),
                       static_cast<long long>(heads.kv_heads));
}

Result<ir::Graph> BuildDecoder(ir::ReferenceModel& model, const char* family, const Config& config) {
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  EARSHOT_RETURN_IF_ERROR(CheckConfig(config));
  ir::Graph graph;
  graph.family = family;
  graph.name = model.name;
  graph.f16_states = {"self_kv_*"};
  blocks::Weights weights(graph, model.weights);
  const std::vector<LayerMemory> memories = AddMemories(graph, config);
  ir::MethodBuilder method(graph, "decode");
  Layers layers(weights, method);
  Decoder(layers, config, memories).Build();
  EARSHOT_RETURN_IF_ERROR(layers.status());
  EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  AddLoops(graph, config.max_length);
  return graph;
}

}  // namespace

Result<ir::Graph> BuildMistral(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  Config config = ReadCommon(settings);
  config.score_scale = 1.0 / std::sqrt(static_cast<double>(config.heads.head_dim));
  config.ties_embedding = settings.FlagOr("tie_word_embeddings", false);
  const int64_t num_layers = settings.Integer("num_hidden_layers", {1, 1024});
  const int64_t window = settings.IntegerOr("sliding_window", 0);
  const LayerKind kind = {.window = std::min(window, config.max_length),
                          .rotary_base = settings.NumberOr("rope_theta", 10000.0)};
  config.layers.assign(static_cast<size_t>(num_layers), kind);
  EARSHOT_ASSIGN_OR_RETURN(config.activation, blocks::ActivationNamed(settings.TextOr("hidden_act", "silu")));
  return BuildDecoder(model, "mistral", config);
}

Result<ir::Graph> BuildGemma3(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  Config config = ReadCommon(settings);
  config.score_scale = 1.0 / std::sqrt(settings.NumberOr("query_pre_attn_scalar", 256.0));
  config.embedding_scale = std::sqrt(static_cast<double>(config.width));
  config.ties_embedding = settings.FlagOr("tie_word_embeddings", true);
  config.norms_add_one = config.norms_results = config.norms_heads = true;
  const size_t num_layers = static_cast<size_t>(settings.Integer("num_hidden_layers", {1, 1024}));
  const int64_t window = std::min(settings.IntegerOr("sliding_window", 4096), config.max_length);
  ir::HyperParameters& bases = settings.Section("rope_parameters");
  const std::vector<std::string> types = settings.Texts("layer_types");
  for (const std::string& type : types) {
    if (type != "sliding_attention" && type != "full_attention")
      return Status::Error(StatusCode::kUnsupported, "there is no layer type \"%.100s\"", type.c_str());
    const bool is_sliding = type == "sliding_attention";
    ir::HyperParameters& rotary = bases.Section(type);
    rotary.Require("rope_type", "default", "only unscaled rotary angles are built");
    config.layers.push_back({.window = is_sliding ? window : 0,
                             .rotary_base = rotary.NumberOr("rope_theta", is_sliding ? 1e4 : 1e6)});
  }
  if (settings.status().ok() && config.layers.size() != num_layers)
    return Status::Error(StatusCode::kInvalidModel, "layer_types names %zu layers, not %zu",
                         config.layers.size(), num_layers);
  EARSHOT_ASSIGN_OR_RETURN(
      config.activation, blocks::ActivationNamed(settings.TextOr("hidden_activation", "gelu_pytorch_tanh")));
  return BuildDecoder(model, "gemma3", config);
}

}  // namespace earshot::causallm
