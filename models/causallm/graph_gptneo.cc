// The names are those of transformers.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/layers.h"
#include "models/causallm/graph.h"
#include "models/causallm/graph_memory.h"

namespace earshot::causallm {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

struct Config {
  int64_t vocabulary = 0, width = 0, ffn = 0, heads = 0, max_length = 0;
  std::vector<int64_t> windows;  // of each layer; 0: all keys
  float epsilon = 1e-5f;
  ir::Activation activation = ir::Activation::kGeluTanh;

  AttentionSize attention() const {
    return {.heads = {.heads = heads, .kv_heads = heads, .head_dim = width / heads}, .scale = 1.0};
  }
};

class Decoder {
 public:
  Decoder(Layers& layers, const Config& config)
      : layers_(layers), method_(layers.method()), config_(config) {}

  void Build() {
    tokens_ = Dim::Of(method_.AddSymbol("tokens", config_.max_length));
    position_ = Dim::Of(method_.AddSymbol("position", config_.max_length - 1, 0));
    end_ = Dim::Of(method_.AddSymbol("end", config_.max_length));
    const auto ids = [&](const char* name) {
      return method_.AddInput({.name = name, .dtype = DType::kI32, .rows = tokens_, .cols = Dim::Fixed(1)});
    };
    const int words =
        layers_.Embedding("transformer.wte", ids("input_ids"), config_.vocabulary, config_.width);
    const int places =
        layers_.Embedding("transformer.wpe", ids("position_ids"), config_.max_length, config_.width);
    if (!layers_.status().ok()) return;
    int x = layers_.Add("transformer.embedding", words, places);
    for (size_t layer = 0; layer < config_.windows.size(); ++layer) x = Block(layer, x);
    x = layers_.LayerNorm("transformer.ln_f", x, config_.epsilon);
    const int logits = layers_.Dense("lm_head", x, layers_.weights().Find("transformer.wte.weight"));
    if (layers_.status().ok()) method_.MakeOutput(logits, "logits");
  }

 private:
  int Block(size_t layer, int x) {
    const std::string name = "transformer.h." + std::to_string(layer);
    const int norm = layers_.LayerNorm(name + ".ln_1", x, config_.epsilon);
    const int mixed = Attention(name + ".attn.attention", layer, norm);
    x = layers_.Add(name + ".attn.residual", x, mixed);
    int hidden = layers_.LayerNorm(name + ".ln_2", x, config_.epsilon);
    hidden = layers_.Linear(name + ".mlp.c_fc", hidden, config_.ffn);
    hidden = layers_.Activate(name + ".mlp.activation", config_.activation, hidden);
    return layers_.Add(name + ".mlp.residual", x,
                       layers_.Linear(name + ".mlp.c_proj", hidden, config_.width));
  }

  int Attention(const std::string& name, size_t layer, int x) {
    const LayerMemory memory = AddMemory(
        layers_.weights().graph(), static_cast<int64_t>(layer),
        {.window = config_.windows[layer], .max_length = config_.max_length, .width = config_.width});
    const int q = layers_.Linear(name + ".q_proj", x, config_.width, Bias::kNone);
    int mixed = ir::kNone;
    if (memory.is_ring()) {
      const NewKeys keys = {.k = layers_.Linear(name + ".k_proj", x, config_.width, Bias::kNone),
                            .v = layers_.Linear(name + ".v_proj", x, config_.width, Bias::kNone)};
      mixed = AttendToWindow(method_, name, memory, config_.attention(), q, keys);
    } else {
      const ir::ViewWindow rows = {.row_begin = position_, .rows = tokens_};
      layers_.LinearInto(name + ".k_proj", x, memory.cache.Keys(method_, name, rows), Bias::kNone);
      layers_.LinearInto(name + ".v_proj", x, memory.cache.Values(method_, name, rows), Bias::kNone);
      mixed = AttendToAll(method_, name, memory, config_.attention(), q, end_);
    }
    return layers_.Linear(name + ".out_proj", mixed, config_.width);
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  Dim tokens_, position_, end_;
};

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("vocab_size"),
                   .width = settings.Integer("hidden_size"),
                   .heads = settings.Integer("num_heads"),
                   .max_length = settings.Integer("max_position_embeddings"),
                   .epsilon = static_cast<float>(settings.NumberOr("layer_norm_epsilon", 1e-5))};
  config.ffn = settings.IntegerOr("intermediate_size", 4 * config.width);
  const int64_t num_layers = settings.Integer("num_layers", {1, 1024});
  const int64_t window = std::min(settings.IntegerOr("window_size", 256), config.max_length);
  for (const std::string& type : settings.RepeatedTexts("attention_types")) {
    if (type != "local" && type != "global")
      return Status::Error(StatusCode::kUnsupported, "there is no attention type \"%.100s\"", type.c_str());
    config.windows.push_back(type == "local" ? window : 0);
  }
  settings.Ignore({"bos_token_id", "eos_token_id", "resid_dropout", "embed_dropout", "attention_dropout",
                   "initializer_range", "use_cache"});
  EARSHOT_ASSIGN_OR_RETURN(config.activation,
                           blocks::ActivationNamed(settings.TextOr("activation_function", "gelu_new")));
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (static_cast<int64_t>(config.windows.size()) == num_layers && config.width % config.heads == 0)
    return config;
  return Status::Error(StatusCode::kInvalidModel,
                       "%zu attention types for %lld layers, or %lld heads of %lld channels, do not fit",
                       config.windows.size(), static_cast<long long>(num_layers),
                       static_cast<long long>(config.heads), static_cast<long long>(config.width));
}

}  // namespace

Result<ir::Graph> BuildGptNeo(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  ir::Graph graph;
  graph.family = "gptneo";
  graph.name = model.name;
  graph.f16_states = {"self_kv_*"};
  blocks::Weights weights(graph, model.weights);
  ir::MethodBuilder method(graph, "decode");
  Layers layers(weights, method);
  Decoder(layers, config).Build();
  EARSHOT_RETURN_IF_ERROR(layers.status());
  EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  AddLoops(graph, config.max_length);
  return graph;
}

}  // namespace earshot::causallm
