// The names are those of transformers.
#include "models/pegasusx/graph.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/key_selection.h"
#include "models/blocks/key_value_cache.h"
#include "models/blocks/layers.h"

namespace earshot::pegasusx {
namespace {

using blocks::Bias;
using blocks::KeyValueCache;
using blocks::Layers;
using ir::Dim;

struct Half {
  int64_t layers = 0, heads = 0, ffn = 0;
};

struct Config {
  int64_t vocabulary = 0, width = 0, max_length = 0;
  Half encoder, decoder;
  int64_t num_globals = 0, block = 0;
  bool staggers_blocks = true, scales_embedding = false;
  ir::Activation activation = ir::Activation::kGelu;
  int64_t start = 0, end_of_text = 1, padding = 0;

  blocks::HeadSize head_size(const Half& half) const {
    return {.heads = half.heads, .kv_heads = half.heads, .head_dim = width / half.heads};
  }
};

struct Caches {
  std::vector<KeyValueCache> cross, self;
};

std::string LayerName(const char* half, int64_t layer) {
  return std::string("model.") + half + ".layers." + std::to_string(layer);
}

int Embed(Layers& layers, const Config& config, const std::string& name, int ids, Dim position) {
  blocks::Weights& weights = layers.weights();
  int x = layers.Embedding("model.shared", ids, config.vocabulary, config.width);
  const int table =
      weights.Add("positions", config.max_length, config.width,
                  blocks::Sinusoids(0, config.max_length, config.width, {.tensor2tensor = true}));
  if (!layers.status().ok()) return ir::kNone;
  if (config.scales_embedding)
    x = layers.Scale(name + ".embed_scale", x, std::sqrt(static_cast<double>(config.width)));
  const int rows =
      layers.method().View(layers.Constant(table), name + ".positions",
                           {.row_begin = position, .rows = layers.method().rows(ids), .cols = config.width});
  return layers.Add(name + ".embedding", x, rows);
}

int FeedForward(Layers& layers, const Config& config, const std::string& name, int64_t width, int x) {
  const int hidden =
      layers.Activate(name + ".activation", config.activation,
                      layers.Linear(name + ".fc1", layers.LayerNorm(name + ".final_layer_norm", x), width));
  return layers.Add(name + ".ffn.residual", x, layers.Linear(name + ".fc2", hidden, config.width));
}

ir::Attention FullAttention(const blocks::HeadSize& size, ir::PatternKind pattern) {
  ir::Attention attention = blocks::AttendTo(size, {});
  attention.pattern = pattern;
  return attention;
}

// The encoder's matrix: rows of global tokens, then rows of tokens.
class Encoder {
 public:
  Encoder(Layers& layers, const Config& config)
      : layers_(layers), method_(layers.method()), config_(config) {}

  // `hidden` gets the matrix before each layer and after the last.
  void Build(std::vector<int>& hidden) {
    const int symbol = method_.AddSymbol("source", config_.max_length);
    tokens_ = Dim::Of(symbol);
    all_ = {.symbol = symbol, .multiplier = 1, .addend = config_.num_globals, .divisor = 1};
    const int ids =
        method_.AddInput({.name = "input_ids", .dtype = DType::kI32, .rows = tokens_, .cols = Dim::Fixed(1)});
    const int words = Embed(layers_, config_, "model.encoder", ids, Dim::Fixed(0));
    const int globals = layers_.Constant(
        layers_.weights().Matrix("model.encoder.embed_global.weight", config_.num_globals, config_.width));
    if (!layers_.status().ok()) return;
    const int x = NewMatrix("model.encoder.rows");
    Copy("model.encoder.globals", globals, Globals(x));
    Copy("model.encoder.tokens", words, Tokens(x));
    hidden.push_back(x);
    for (int64_t layer = 0; layer < config_.encoder.layers; ++layer)
      hidden.push_back(Block(layer, hidden.back()));
  }

  Dim tokens() const { return tokens_; }
  int Globals(int matrix) {
    return method_.View(matrix, "globals", {.rows = Dim::Fixed(config_.num_globals), .cols = config_.width});
  }
  int Tokens(int matrix) {
    return method_.View(
        matrix, "tokens",
        {.row_begin = Dim::Fixed(config_.num_globals), .rows = tokens_, .cols = config_.width});
  }
  void Copy(const std::string& name, int from, int to) {
    method_.ApplyInto(name, ir::Activate{ir::Activation::kNone}, {from}, to);
  }

 private:
  int NewMatrix(const std::string& name) {
    return method_.AddActivation({.name = name, .rows = all_, .cols = Dim::Fixed(config_.width)});
  }

  void NormInto(const std::string& source, int from, int to) {
    const int gamma = layers_.weights().Vector(source + ".weight", config_.width);
    const int beta = layers_.weights().Vector(source + ".bias", config_.width);
    if (!layers_.status().ok()) return;
    method_.ApplyInto(source, ir::LayerNorm{}, {from, layers_.Constant(gamma), layers_.Constant(beta)}, to);
  }

  int Block(int64_t layer, int x) {
    const std::string name = LayerName("encoder", layer), attention = name + ".self_attn";
    const int norm = NewMatrix(name + ".norm");
    NormInto(name + ".global_self_attn_layer_norm", Globals(x), Globals(norm));
    NormInto(name + ".self_attn_layer_norm", Tokens(x), Tokens(norm));
    const int q = layers_.Linear(attention + ".q_proj", norm, config_.width, Bias::kNone);
    const int k = layers_.Linear(attention + ".k_proj", norm, config_.width, Bias::kNone);
    const int v = layers_.Linear(attention + ".v_proj", norm, config_.width, Bias::kNone);
    if (!layers_.status().ok()) return ir::kNone;
    const int mixed = NewMatrix(attention + ".mixed");
    const blocks::HeadSize size = config_.head_size(config_.encoder);
    method_.ApplyInto(attention + ".attend_globals", FullAttention(size, ir::PatternKind::kFull),
                      {Globals(q), k, v}, Globals(mixed));
    method_.ApplyInto(attention + ".attend_tokens", blocks::AttendTo(size, {TokenPattern(layer)}),
                      {Tokens(q), k, v}, Tokens(mixed));
    const int out = layers_.Linear(attention + ".out_proj", mixed, config_.width, Bias::kNone);
    x = layers_.Add(attention + ".residual", x, out);
    return FeedForward(layers_, config_, name, config_.encoder.ffn, x);
  }

  // The last query stands at the last key: tokens at those behind the global ones.
  ir::HeadPattern TokenPattern(int64_t layer) const {
    const bool is_shifted = config_.staggers_blocks && layer % 2 == 1;
    const int64_t first = config_.num_globals - (is_shifted ? config_.block / 2 : 0);
    ir::KeySelection bucket = blocks::Bucket(config_.block);
    bucket.offset = std::max<int64_t>(0, first) % config_.block;
    bucket.count = std::max<int64_t>(0, -first);
    return {.selections = {bucket, {.kind = ir::SelectionKind::kGlobal, .count = config_.num_globals}}};
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  Dim tokens_, all_;
};

Status BuildEncode(blocks::Weights& weights, const Config& config, const Caches& caches) {
  ir::MethodBuilder method(weights.graph(), "encode");
  Layers layers(weights, method);
  Encoder encoder(layers, config);
  std::vector<int> hidden;
  encoder.Build(hidden);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  const int x = layers.LayerNorm("model.encoder.layer_norm", encoder.Tokens(hidden.back()));
  for (int64_t layer = 0; layer < config.decoder.layers; ++layer) {
    const std::string name = LayerName("decoder", layer) + ".encoder_attn";
    const KeyValueCache& cache = caches.cross[static_cast<size_t>(layer)];
    layers.LinearInto(name + ".k_proj", x, cache.Keys(method, name, {.rows = encoder.tokens()}), Bias::kNone);
    layers.LinearInto(name + ".v_proj", x, cache.Values(method, name, {.rows = encoder.tokens()}),
                      Bias::kNone);
  }
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(x, "encoder_out");
  return std::move(method).Finish();
}

Status BuildEncodeSteps(blocks::Weights& weights, const Config& config) {
  ir::MethodBuilder method(weights.graph(), "encode_steps");
  Layers layers(weights, method);
  Encoder encoder(layers, config);
  std::vector<int> hidden;
  encoder.Build(hidden);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  const Dim width = Dim::Fixed(config.width);
  for (size_t i = 0; i + 1 < hidden.size(); ++i) {
    const std::string name = "enc_hidden" + std::to_string(i);
    encoder.Copy(name, encoder.Tokens(hidden[i]),
                 method.AddOutput({.name = name, .rows = encoder.tokens(), .cols = width}));
  }
  encoder.Copy(
      "global_last", encoder.Globals(hidden.back()),
      method.AddOutput({.name = "global_last", .rows = Dim::Fixed(config.num_globals), .cols = width}));
  return std::move(method).Finish();
}

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
    int x = Embed(layers_, config_, "model.decoder", ids, position_);
    for (int64_t layer = 0; layer < config_.decoder.layers; ++layer) x = Block(layer, x);
    x = layers_.LayerNorm("model.decoder.layer_norm", x);
    const int logits = layers_.Dense("logits", x, layers_.weights().Find("model.shared.weight"));
    if (layers_.status().ok()) method_.MakeOutput(logits, "logits");
  }

 private:
  int Block(int64_t layer, int x) {
    const std::string name = LayerName("decoder", layer), attention = name + ".self_attn";
    const KeyValueCache& self = caches_.self[static_cast<size_t>(layer)];
    const ir::ViewWindow rows = {.row_begin = position_, .rows = tokens_};
    const int norm = layers_.LayerNorm(attention + "_layer_norm", x);
    layers_.LinearInto(attention + ".k_proj", norm, self.Keys(method_, attention, rows), Bias::kNone);
    layers_.LinearInto(attention + ".v_proj", norm, self.Values(method_, attention, rows), Bias::kNone);
    x = Attend(attention, x, norm, {self, end_, ir::PatternKind::kCausal});
    const std::string cross = name + ".encoder_attn";
    x = Attend(cross, x, layers_.LayerNorm(cross + "_layer_norm", x),
               {caches_.cross[static_cast<size_t>(layer)], source_, ir::PatternKind::kFull});
    return FeedForward(layers_, config_, name, config_.decoder.ffn, x);
  }

  struct Keys {
    const KeyValueCache& cache;
    Dim rows;
    ir::PatternKind pattern;
  };
  int Attend(const std::string& name, int x, int norm, const Keys& seen) {
    const int q = layers_.Linear(name + ".q_proj", norm, config_.width, Bias::kNone);
    const int keys = seen.cache.Keys(method_, name + ".cached", {.rows = seen.rows});
    const int values = seen.cache.Values(method_, name + ".cached", {.rows = seen.rows});
    const int mixed = method_.Apply(
        name + ".attend", FullAttention(config_.head_size(config_.decoder), seen.pattern), {q, keys, values});
    return layers_.Add(name + ".residual", x,
                       layers_.Linear(name + ".out_proj", mixed, config_.width, Bias::kNone));
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

Result<Config> ReadConfig(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  Config config = {.vocabulary = settings.Integer("vocab_size"),
                   .width = settings.Integer("d_model", {4, 1 << 16}),
                   .encoder = {.layers = settings.Integer("encoder_layers", {1, 1024}),
                               .heads = settings.Integer("encoder_attention_heads"),
                               .ffn = settings.Integer("encoder_ffn_dim")},
                   .decoder = {.layers = settings.Integer("decoder_layers", {1, 1024}),
                               .heads = settings.Integer("decoder_attention_heads"),
                               .ffn = settings.Integer("decoder_ffn_dim")},
                   .num_globals = settings.Integer("num_global_tokens"),
                   .block = settings.Integer("block_size", {2}),
                   .staggers_blocks = settings.FlagOr("stagger_local_blocks", true),
                   .scales_embedding = settings.FlagOr("scale_embedding", true),
                   .start = settings.IntegerOr("decoder_start_token_id", 0, {0, 1 << 24}),
                   .end_of_text = settings.IntegerOr("eos_token_id", 1, {0, 1 << 24}),
                   .padding = settings.IntegerOr("pad_token_id", 0, {0, 1 << 24})};
  config.max_length =
      settings.IntegerOr("max_position_embeddings", model.MaxLength("input_ids", 1), {2, 1 << 20});
  settings.Ignore({"dropout", "attention_dropout", "activation_dropout", "init_std", "use_cache",
                   "bos_token_id", "forced_eos_token_id"});
  EARSHOT_ASSIGN_OR_RETURN(config.activation,
                           blocks::ActivationNamed(settings.TextOr("activation_function", "gelu")));
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  for (const int64_t heads : {config.encoder.heads, config.decoder.heads}) {
    if (config.width % heads == 0) continue;
    return Status::Error(StatusCode::kInvalidModel, "a width of %lld cannot be split into %lld heads",
                         static_cast<long long>(config.width), static_cast<long long>(heads));
  }
  return config;
}

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model));
  ir::Graph graph;
  graph.family = "pegasusx";
  graph.name = model.name;
  graph.int8_states = {"cross_kv_*"};  // read with every token
  graph.f16_states = {"self_kv_*"};
  blocks::Weights weights(graph, model.weights);
  Caches caches;
  for (int64_t layer = 0; layer < config.decoder.layers; ++layer) {
    const std::string number = std::to_string(layer);
    caches.cross.push_back(KeyValueCache::Add(graph, "cross_kv_" + number, config.max_length, config.width));
    caches.self.push_back(KeyValueCache::Add(graph, "self_kv_" + number, config.max_length, config.width));
  }
  EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, caches));
  EARSHOT_RETURN_IF_ERROR(BuildEncodeSteps(weights, config));
  EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, config, caches));
  const double max_length = static_cast<double>(config.max_length);
  graph.loops = {
      {.name = "incremental", .driver = "stepwise", .methods = {"encode", "decode"}, .settings = {}},
      {.name = "teacher_forced",
       .driver = "stepwise",
       .methods = {"encode", "decode"},
       .settings = {{"prefill", max_length}}},
      {.name = "greedy",
       .driver = "greedy",
       .methods = {"encode", "decode"},
       .settings = {{"start", static_cast<double>(config.start)},
                    {"eos", static_cast<double>(config.end_of_text)},
                    {"pad", static_cast<double>(config.padding)},
                    {"max_tokens", max_length}}}};
  return graph;
}

}  // namespace earshot::pegasusx
