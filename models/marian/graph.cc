// Encoder and decoder of a Marian checkpoint as transformers stores it.
#include "models/marian/graph.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/key_value_cache.h"
#include "models/blocks/layers.h"

namespace earshot::marian {
namespace {

using blocks::KeyValueCache;
using blocks::Layers;
using ir::Dim;

struct Config {
  int64_t vocabulary = 0, width = 0, max_length = 0;
  int64_t encoder_layers = 0, encoder_heads = 0, encoder_ffn = 0;
  int64_t decoder_layers = 0, decoder_heads = 0, decoder_ffn = 0;
  ir::Activation activation = ir::Activation::kSilu;
  bool scales_embedding = false;
  bool shares_embeddings = true;
  int64_t start = 0, end_of_text = 0, padding = 0;
  int64_t suppressed = -1;  // a token that searches never choose
};

struct Caches {
  std::vector<KeyValueCache> cross, self;
};

std::string Layer(const char* half, int64_t layer) {
  return std::string("model.") + half + ".layers." + std::to_string(layer);
}

// Where the table of tokens lies.
std::string TokenTable(const Config& config, const char* half) {
  return config.shares_embeddings ? "model.shared.weight"
                                  : std::string("model.") + half + ".embed_tokens.weight";
}

// A table in the checkpoint, or the sinusoids that transformers does not save.
int Positions(blocks::Weights& weights, const Config& config, const std::string& name) {
  if (weights.Find(name) == ir::kNone && !weights.Has(name))
    weights.Add(name, config.max_length, config.width, blocks::Sinusoids(0, config.max_length, config.width));
  return weights.Matrix(name, config.max_length, config.width);
}

int Embed(Layers& layers, const Config& config, const char* half, int ids, Dim position) {
  const std::string name = std::string("model.") + half;
  const int table =
      layers.Constant(layers.weights().Matrix(TokenTable(config, half), config.vocabulary, config.width));
  const int positions =
      layers.Constant(Positions(layers.weights(), config, name + ".embed_positions.weight"));
  if (!layers.status().ok()) return ir::kNone;
  ir::MethodBuilder& method = layers.method();
  int x = method.Apply(name + ".embed_tokens", ir::Embedding{}, {ids, table});
  if (config.scales_embedding)
    x = layers.Scale(name + ".embed_scale", x, std::sqrt(static_cast<double>(config.width)));
  const int rows = method.View(positions, name + ".positions",
                               {.row_begin = position, .rows = method.rows(ids), .cols = config.width});
  return layers.Add(name + ".embedding", x, rows);
}

int FeedForward(Layers& layers, const Config& config, const std::string& source, int64_t width, int x) {
  const int hidden =
      layers.Activate(source + ".activation", config.activation, layers.Linear(source + ".fc1", x, width));
  const int out = layers.Linear(source + ".fc2", hidden, config.width);
  return layers.LayerNorm(source + ".final_layer_norm", layers.Add(source + ".ffn.residual", x, out));
}

Status BuildEncode(blocks::Weights& weights, const Config& config, const Caches& caches) {
  ir::MethodBuilder method(weights.graph(), "encode");
  Layers layers(weights, method);
  const Dim source = Dim::Of(method.AddSymbol("source", config.max_length));
  const int ids =
      method.AddInput({.name = "input_ids", .dtype = DType::kI32, .rows = source, .cols = Dim::Fixed(1)});
  int x = Embed(layers, config, "encoder", ids, Dim::Fixed(0));
  for (int64_t layer = 0; layer < config.encoder_layers; ++layer) {
    const std::string name = Layer("encoder", layer);
    const int mixed = layers.Attention(name + ".self_attn", x, x, {.heads = config.encoder_heads});
    x = layers.LayerNorm(name + ".self_attn_layer_norm", layers.Add(name + ".self_attn.residual", x, mixed));
    x = FeedForward(layers, config, name, config.encoder_ffn, x);
  }
  for (int64_t layer = 0; layer < config.decoder_layers; ++layer) {
    const std::string name = Layer("decoder", layer) + ".encoder_attn";
    const KeyValueCache& cache = caches.cross[static_cast<size_t>(layer)];
    layers.LinearInto(name + ".k_proj", x, cache.Keys(method, name, {.rows = source}));
    layers.LinearInto(name + ".v_proj", x, cache.Values(method, name, {.rows = source}));
  }
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(x, "encoder_out");
  return std::move(method).Finish();
}

// One method's worth of decoder blocks.
class Decoder {
 public:
  Decoder(Layers& layers, const Config& config, const Caches& caches)
      : layers_(layers), method_(layers.method()), config_(config), caches_(caches) {}

  void Build() {
    tokens_ = Dim::Of(method_.AddSymbol("tokens", config_.max_length));
    position_ = Dim::Of(method_.AddSymbol("position", config_.max_length - 1, 0));
    end_ = Dim::Of(method_.AddSymbol("end", config_.max_length));
    source_ = Dim::Of(method_.AddSymbol("source", config_.max_length));
    const int ids = method_.AddInput(
        {.name = "decoder_input_ids", .dtype = DType::kI32, .rows = tokens_, .cols = Dim::Fixed(1)});
    int x = Embed(layers_, config_, "decoder", ids, position_);
    for (int64_t layer = 0; layer < config_.decoder_layers; ++layer) x = Block(layer, x);
    const int table =
        layers_.weights().Matrix(TokenTable(config_, "decoder"), config_.vocabulary, config_.width);
    const int bias =
        layers_.weights().Matrix("final_logits_bias", {1, config_.vocabulary}, 1, config_.vocabulary);
    const int logits = layers_.Dense("logits", x, table, bias);
    if (layers_.status().ok()) method_.MakeOutput(logits, "logits");
  }

 private:
  int Block(int64_t layer, int x) {
    const std::string name = Layer("decoder", layer);
    const KeyValueCache& self = caches_.self[static_cast<size_t>(layer)];
    const std::string attention = name + ".self_attn";
    const ir::ViewWindow rows = {.row_begin = position_, .rows = tokens_};
    layers_.LinearInto(attention + ".k_proj", x, self.Keys(method_, attention, rows));
    layers_.LinearInto(attention + ".v_proj", x, self.Values(method_, attention, rows));
    x = Attend(attention, x, self, end_, ir::PatternKind::kCausal);
    x = Attend(name + ".encoder_attn", x, caches_.cross[static_cast<size_t>(layer)], source_,
               ir::PatternKind::kFull);
    return FeedForward(layers_, config_, name, config_.decoder_ffn, x);
  }

  // Norm(x + attention over what the cache holds).
  int Attend(const std::string& name, int x, const KeyValueCache& cache, Dim rows, ir::PatternKind pattern) {
    const int q = layers_.Linear(name + ".q_proj", x, config_.width);
    const double head_dim = static_cast<double>(config_.width) / static_cast<double>(config_.decoder_heads);
    const ir::Attention attention = {.num_heads = config_.decoder_heads,
                                     .num_kv_heads = config_.decoder_heads,
                                     .scale = static_cast<float>(1.0 / std::sqrt(head_dim)),
                                     .pattern = pattern};
    const int keys = cache.Keys(method_, name + ".cached", {.rows = rows});
    const int values = cache.Values(method_, name + ".cached", {.rows = rows});
    const int mixed = method_.Apply(name + ".attend", attention, {q, keys, values});
    const int out = layers_.Linear(name + ".out_proj", mixed, config_.width);
    return layers_.LayerNorm(name + "_layer_norm", layers_.Add(name + ".residual", x, out));
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  const Caches& caches_;
  Dim tokens_, position_, end_, source_;
};

Status BuildDecode(blocks::Weights& weights, const Config& config, const Caches& caches) {
  ir::MethodBuilder method(weights.graph(), "decode");
  Layers layers(weights, method);
  Decoder(layers, config, caches).Build();
  EARSHOT_RETURN_IF_ERROR(layers.status());
  return std::move(method).Finish();
}

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("vocab_size"),
                   .width = settings.Integer("d_model"),
                   .max_length = settings.Integer("max_position_embeddings"),
                   .encoder_layers = settings.Integer("encoder_layers", {1, 1024}),
                   .encoder_heads = settings.Integer("encoder_attention_heads"),
                   .encoder_ffn = settings.Integer("encoder_ffn_dim"),
                   .decoder_layers = settings.Integer("decoder_layers", {1, 1024}),
                   .decoder_heads = settings.Integer("decoder_attention_heads"),
                   .decoder_ffn = settings.Integer("decoder_ffn_dim"),
                   .scales_embedding = settings.FlagOr("scale_embedding", false),
                   .shares_embeddings = settings.FlagOr("share_encoder_decoder_embeddings", true),
                   .start = settings.Integer("decoder_start_token_id", {0, 1 << 24}),
                   .end_of_text = settings.Integer("eos_token_id", {0, 1 << 24}),
                   .padding = settings.Integer("pad_token_id", {0, 1 << 24})};
  EARSHOT_ASSIGN_OR_RETURN(config.activation,
                           blocks::ActivationNamed(settings.TextOr("activation_function", "swish")));
  if (settings.Has("bad_words_ids")) {
    const std::vector<std::vector<int64_t>> words = settings.IntegerLists("bad_words_ids", {0, 1 << 24});
    if (words.size() != 1 || words.front().size() != 1) {
      return Status::Error(StatusCode::kUnsupported,
                           "bad_words_ids has %zu words: searches can leave out one word of one token",
                           words.size());
    }
    config.suppressed = words.front().front();
  }
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  for (const int64_t heads : {config.encoder_heads, config.decoder_heads}) {
    if (config.width % heads == 0) continue;
    return Status::Error(StatusCode::kInvalidModel, "a width of %lld cannot be split into %lld heads",
                         static_cast<long long>(config.width), static_cast<long long>(heads));
  }
  return config;
}

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  ir::Graph graph;
  graph.family = "marian";
  graph.name = model.name;
  graph.int8_states = {"cross_kv_*"};  // read with every token
  graph.f16_states = {"self_kv_*"};
  blocks::Weights weights(graph, model.weights);
  Caches caches;
  for (int64_t layer = 0; layer < config.decoder_layers; ++layer) {
    const std::string number = std::to_string(layer);
    caches.cross.push_back(KeyValueCache::Add(graph, "cross_kv_" + number, config.max_length, config.width));
    caches.self.push_back(KeyValueCache::Add(graph, "self_kv_" + number, config.max_length, config.width));
  }
  EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, caches));
  EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, config, caches));
  const std::map<std::string, double> search = {{"start", static_cast<double>(config.start)},
                                                {"eos", static_cast<double>(config.end_of_text)},
                                                {"pad", static_cast<double>(config.padding)},
                                                {"suppressed", static_cast<double>(config.suppressed)},
                                                {"max_tokens", static_cast<double>(config.max_length)}};
  graph.loops = {
      {.name = "incremental", .driver = "stepwise", .methods = {"encode", "decode"}, .settings = {}},
      {.name = "teacher_forced",
       .driver = "stepwise",
       .methods = {"encode", "decode"},
       .settings = {{"prefill", static_cast<double>(config.max_length)}}},
      {.name = "greedy", .driver = "greedy", .methods = {"encode", "decode"}, .settings = search},
      {.name = "beam", .driver = "beam", .methods = {"encode", "decode"}, .settings = search}};
  return graph;
}

}  // namespace earshot::marian
