// The Whisper architecture (Radford et al. 2022, section 2.2; the transformer of Vaswani et al. 2017 with
// pre-activation norms).
#include "models/whisper/graph.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "converter/ir/graph_builder.h"
#include "models/common/mel_filters.h"
#include "models/whisper/graph_layers.h"

namespace earshot::whisper {
namespace {

// Bounds far above any model: keep sums and products of sizes within int64_t and a damaged config from asking
// for terabytes.
constexpr int64_t kMaxSize = 1 << 20;
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxMels = 1024;

// From this vocabulary size on a model knows more languages than English.
constexpr int64_t kMinMultilingualVocabulary = 51865;

constexpr const char kEmbeddingSource[] = "model.decoder.embed_tokens.weight";
constexpr const char kProjectionSource[] = "proj_out.weight";

std::string Numbered(const char* prefix, int64_t layer) { return prefix + std::to_string(layer); }

float AttentionScale(int64_t width, int64_t heads) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(width / heads)));
}

// K and V of one decoder layer, side by side: [rows, 2d].
struct KeyValueCache {
  int state = ir::kNone;
  int64_t width = 0;  // d

  int Keys(ir::MethodBuilder& method, const std::string& name, const ir::ViewWindow& rows) const {
    return Half(method, name + ".k", rows, 0);
  }
  int Values(ir::MethodBuilder& method, const std::string& name, const ir::ViewWindow& rows) const {
    return Half(method, name + ".v", rows, width);
  }

 private:
  int Half(ir::MethodBuilder& method, const std::string& name, ir::ViewWindow window,
           int64_t col_begin) const {
    window.col_begin = col_begin;
    window.cols = width;
    return method.View(method.StateValue(state), name, window);
  }
};

struct Caches {
  std::vector<KeyValueCache> cross;  // by decoder layer
  std::vector<KeyValueCache> self;
};

Caches AddCaches(ir::Graph& graph, const Config& config) {
  Caches caches;
  const int64_t width = config.width;
  for (int64_t layer = 0; layer < config.decoder_layers; ++layer) {
    const int cross =
        ir::AddState(graph, Numbered("cross_kv_", layer), DType::kF32, config.max_audio_frames, 2 * width);
    const int self =
        ir::AddState(graph, Numbered("self_kv_", layer), DType::kF32, config.max_text_tokens, 2 * width);
    caches.cross.push_back({cross, width});
    caches.self.push_back({self, width});
  }
  return caches;
}

// `encode`: mel [2S, num_mels] -> encoder_output [S, d], and the cross-attention caches.
class Encoder {
 public:
  Encoder(const Config& config, LayerBuilder& layers)
      : config_(config), layers_(layers), method_(layers.method()) {}

  void Build(const Caches& caches) {
    const int frames = method_.AddSymbol("frames", config_.max_audio_frames);
    frames_ = ir::Dim::Of(frames);
    const int mel = method_.AddInput({.name = "mel",
                                      .rows = ir::Dim::Of(frames, 2),
                                      .cols = ir::Dim::Fixed(config_.num_mels),
                                      .is_transient = true});
    int x = AddPositions(Convolve(mel));
    for (int64_t layer = 0; layer < config_.encoder_layers; ++layer) x = Block(layer, x);
    const int output = method_.AddOutput({.name = "encoder_output",
                                          .rows = frames_,
                                          .cols = ir::Dim::Fixed(config_.width),
                                          .is_transient = true});
    layers_.LayerNormInto({"encoder.norm", "model.encoder.layer_norm"}, x, output);
    for (int64_t layer = 0; layer < config_.decoder_layers; ++layer) {
      FillCrossCache(layer, output, caches.cross[static_cast<size_t>(layer)]);
    }
  }

 private:
  int Convolve(int mel) {
    const int half =
        layers_.ConvGelu({"encoder.conv1", "model.encoder.conv1"}, mel,
                         {.out_channels = config_.width, .kernel = 3, .stride = 1, .padding = 1});
    return layers_.ConvGelu({"encoder.conv2", "model.encoder.conv2"}, half,
                            {.out_channels = config_.width, .kernel = 3, .stride = 2, .padding = 1});
  }

  int AddPositions(int x) {
    const int table = layers_.Matrix("encoder.positions.weight", "model.encoder.embed_positions.weight",
                                     config_.max_audio_frames, config_.width);
    if (table == ir::kNone) return ir::kNone;
    const int positions =
        method_.View(method_.Constant(table), "encoder.positions", {.rows = frames_, .cols = config_.width});
    return layers_.Add("encoder.embedding", x, positions);
  }

  int Block(int64_t layer, int x) {
    const std::string block = Numbered("encoder.", layer), source = Numbered("model.encoder.layers.", layer);
    const std::string name = block + ".self_attention";
    const int norm = layers_.LayerNorm({name + ".norm", source + ".self_attn_layer_norm"}, x);
    const int q = layers_.Linear({name + ".q", source + ".self_attn.q_proj"}, norm, config_.width);
    const int k = layers_.Linear({name + ".k", source + ".self_attn.k_proj"}, norm, config_.width,
                                 LayerBuilder::Bias::kNone);
    const int v = layers_.Linear({name + ".v", source + ".self_attn.v_proj"}, norm, config_.width);
    const ir::Attention attention = {.num_heads = config_.encoder_heads,
                                     .num_kv_heads = config_.encoder_heads,
                                     .scale = AttentionScale(config_.width, config_.encoder_heads)};
    const int mixed = method_.Apply(name + ".attend", attention, {q, k, v});
    const int out = layers_.Linear({name + ".out", source + ".self_attn.out_proj"}, mixed, config_.width);
    return layers_.FeedForward({block, source}, layers_.Add(name + ".residual", x, out),
                               config_.encoder_ffn_width);
  }

  void FillCrossCache(int64_t layer, int encoder_output, const KeyValueCache& cache) {
    const std::string name = Numbered("decoder.", layer) + ".cross_attention";
    const std::string source = Numbered("model.decoder.layers.", layer) + ".encoder_attn";
    const ir::ViewWindow rows = {.rows = frames_};
    layers_.LinearInto({name + ".k", source + ".k_proj"}, encoder_output, cache.Keys(method_, name, rows),
                       LayerBuilder::Bias::kNone);
    layers_.LinearInto({name + ".v", source + ".v_proj"}, encoder_output, cache.Values(method_, name, rows));
  }

  const Config& config_;
  LayerBuilder& layers_;
  ir::MethodBuilder& method_;
  ir::Dim frames_;
};

// `decode`: token_ids [T, 1] -> logits [1, V] of the last row; appends to the self-attention caches.
class Decoder {
 public:
  Decoder(const Config& config, LayerBuilder& layers)
      : config_(config), layers_(layers), method_(layers.method()) {}

  void Build(const Caches& caches) {
    const int tokens = method_.AddSymbol("tokens", config_.max_text_tokens);
    const int position = method_.AddSymbol("position", config_.max_text_tokens - 1, 0);
    const int end = method_.AddSymbol("end", config_.max_text_tokens);
    const int frames = method_.AddSymbol("frames", config_.max_audio_frames);
    tokens_ = ir::Dim::Of(tokens);
    position_ = ir::Dim::Of(position);
    end_ = ir::Dim::Of(end);
    frames_ = ir::Dim::Of(frames);
    last_row_ = {.symbol = tokens, .addend = -1};

    const int embedding =
        layers_.Matrix("decoder.embedding.weight", kEmbeddingSource, config_.vocab_size, config_.width);
    int x = Embed(embedding);
    for (int64_t layer = 0; layer < config_.decoder_layers; ++layer) {
      const size_t index = static_cast<size_t>(layer);
      x = Block(layer, x, caches.self[index], caches.cross[index]);
    }
    Project(x, embedding);
  }

 private:
  bool IsLast(int64_t layer) const { return layer + 1 == config_.decoder_layers; }

  int Embed(int embedding) {
    const int table = layers_.Matrix("decoder.positions.weight", "model.decoder.embed_positions.weight",
                                     config_.max_text_tokens, config_.width);
    if (table == ir::kNone || embedding == ir::kNone) return ir::kNone;
    const int ids = method_.AddInput(
        {.name = "token_ids", .dtype = DType::kI32, .rows = tokens_, .cols = ir::Dim::Fixed(1)});
    const int x = method_.Apply("decoder.tokens", ir::Embedding{}, {ids, method_.Constant(embedding)});
    const int positions = method_.View(method_.Constant(table), "decoder.positions",
                                       {.row_begin = position_, .rows = tokens_, .cols = config_.width});
    return layers_.Add("decoder.embedding", x, positions);
  }

  // Logits are wanted for the last token only. So the last layer computes K and V for all rows, and the rest
  // for the last row.
  int Block(int64_t layer, int x, const KeyValueCache& self, const KeyValueCache& cross) {
    const std::string block = Numbered("decoder.", layer), source = Numbered("model.decoder.layers.", layer);
    x = SelfAttention(block, source, {.x = x, .keeps_last_row = IsLast(layer)}, self);
    x = CrossAttention(block, source, x, cross);
    return layers_.FeedForward({block, source}, x, config_.decoder_ffn_width);
  }

  struct SelfAttentionInput {
    int x = ir::kNone;
    bool keeps_last_row = false;  // the result has one row
  };

  int SelfAttention(const std::string& block, const std::string& source, const SelfAttentionInput& in,
                    const KeyValueCache& cache) {
    const std::string name = block + ".self_attention";
    const int norm = layers_.LayerNorm({name + ".norm", source + ".self_attn_layer_norm"}, in.x);
    const ir::ViewWindow new_rows = {.row_begin = position_, .rows = tokens_};
    layers_.LinearInto({name + ".k", source + ".self_attn.k_proj"}, norm, cache.Keys(method_, name, new_rows),
                       LayerBuilder::Bias::kNone);
    layers_.LinearInto({name + ".v", source + ".self_attn.v_proj"}, norm,
                       cache.Values(method_, name, new_rows));
    const int x = in.keeps_last_row ? LastRow(in.x, block + ".last_row") : in.x;
    const int query_rows = in.keeps_last_row ? LastRow(norm, name + ".norm.last_row") : norm;
    const int q = layers_.Linear({name + ".q", source + ".self_attn.q_proj"}, query_rows, config_.width);
    const ir::ViewWindow all_rows = {.rows = end_};
    const int mixed = Attend(name, q, cache, all_rows, ir::PatternKind::kCausal);
    const int out = layers_.Linear({name + ".out", source + ".self_attn.out_proj"}, mixed, config_.width);
    return layers_.Add(name + ".residual", x, out);
  }

  int CrossAttention(const std::string& block, const std::string& source, int x, const KeyValueCache& cache) {
    const std::string name = block + ".cross_attention";
    const int norm = layers_.LayerNorm({name + ".norm", source + ".encoder_attn_layer_norm"}, x);
    const int q = layers_.Linear({name + ".q", source + ".encoder_attn.q_proj"}, norm, config_.width);
    const int mixed = Attend(name, q, cache, {.rows = frames_}, ir::PatternKind::kFull);
    const int out = layers_.Linear({name + ".out", source + ".encoder_attn.out_proj"}, mixed, config_.width);
    return layers_.Add(name + ".residual", x, out);
  }

  int Attend(const std::string& name, int q, const KeyValueCache& cache, const ir::ViewWindow& rows,
             ir::PatternKind pattern) {
    const int keys = cache.Keys(method_, name + ".cached", rows);
    const int values = cache.Values(method_, name + ".cached", rows);
    const ir::Attention attention = {.num_heads = config_.decoder_heads,
                                     .num_kv_heads = config_.decoder_heads,
                                     .scale = AttentionScale(config_.width, config_.decoder_heads),
                                     .pattern = pattern};
    return method_.Apply(name + ".attend", attention, {q, keys, values});
  }

  int LastRow(int value, const std::string& name) {
    return method_.View(value, name,
                        {.row_begin = last_row_, .rows = ir::Dim::Fixed(1), .cols = config_.width});
  }

  void Project(int x, int embedding) {
    const int norm = layers_.LayerNorm({"decoder.norm", "model.decoder.layer_norm"}, x);
    const int logits = method_.AddOutput({.name = "logits",
                                          .rows = ir::Dim::Fixed(1),
                                          .cols = ir::Dim::Fixed(config_.vocab_size),
                                          .is_transient = true});
    if (embedding == ir::kNone) return;
    // Text and timestamps are chosen from by rules of their own.
    const ir::Linear ranked = {.is_ranked = true, .ranked_begin = layers_.graph().tokenizer.timestamp_begin};
    method_.ApplyInto("decoder.logits", ranked, {norm, method_.Constant(embedding)}, logits);
  }

  const Config& config_;
  LayerBuilder& layers_;
  ir::MethodBuilder& method_;
  ir::Dim tokens_, position_, end_, frames_, last_row_;
};

template <class Half>
Status BuildMethod(const char* name, const Config& config, ir::Graph& graph, ir::WeightSource& weights,
                   const Caches& caches) {
  ir::MethodBuilder method(graph, name);
  LayerBuilder layers(graph, method, weights);
  Half(config, layers).Build(caches);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  return std::move(method).Finish();
}

// Some checkpoints store the output projection, which is the embedding, a second time.
Status CheckTiedProjection(const ir::Graph& graph, const Config& config, ir::WeightSource& weights) {
  if (!weights.Has(kProjectionSource)) return Status::Ok();
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<float> projection,
                           weights.Take(kProjectionSource, {config.vocab_size, config.width}));
  for (const ir::Tensor& tensor : graph.tensors) {
    if (tensor.name == "decoder.embedding.weight" && tensor.values == projection) return Status::Ok();
  }
  return Status::Error(StatusCode::kUnsupported,
                       "%s differs from %s: only Whisper models that share the two can be converted",
                       kProjectionSource, kEmbeddingSource);
}

Status AddAudioFrontEnd(ir::Graph& graph, const Config& config) {
  ir::AudioFrontEnd& audio = graph.audio;
  audio.num_mels = config.num_mels;
  EARSHOT_ASSIGN_OR_RETURN(std::vector<float> filters,
                           MelFilterBank({.num_mels = static_cast<int>(config.num_mels),
                                          .fft_length = static_cast<int>(audio.fft_length),
                                          .sample_rate_hz = static_cast<double>(audio.sample_rate_hz)}));
  const int64_t num_bins = audio.fft_length / 2 + 1;
  audio.mel_filters = ir::AddTensor(graph, "mel_filters", config.num_mels, num_bins, std::move(filters));
  return Status::Ok();
}

// <|en|>, <|haw|>: two or three lower-case letters. No control token has that form.
bool IsLanguage(const std::string& name) {
  if (!name.starts_with("<|") || !name.ends_with("|>") || name.size() < 6 || name.size() > 7) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz", 2) == name.size() - 2;
}

Status CheckCard(const Config& config, const ModelCard& card) {
  const int64_t vocab_size = config.vocab_size;
  const bool has_text = !card.tokenizer.pieces.empty();  // without: the network alone
  if (has_text && static_cast<int64_t>(card.tokenizer.pieces.size()) != vocab_size) {
    return Status::Error(StatusCode::kInvalidModel, "the tokenizer has %zu tokens, the decoder %lld",
                         card.tokenizer.pieces.size(), static_cast<long long>(vocab_size));
  }
  for (const auto* ids : {&card.generation.suppressed_tokens, &card.generation.begin_suppressed_tokens}) {
    for (const int64_t id : *ids) {
      if (id >= 0 && id < vocab_size) continue;
      return Status::Error(StatusCode::kInvalidModel,
                           "the list of suppressed tokens holds %lld, the vocabulary %lld tokens",
                           static_cast<long long>(id), static_cast<long long>(vocab_size));
    }
  }
  return Status::Ok();
}

void AddMetadata(ir::Graph& graph, const Config& config) {
  int64_t num_languages = 0;
  for (const auto& [name, id] : graph.tokenizer.special_tokens) num_languages += IsLanguage(name) ? 1 : 0;
  const bool is_multilingual = config.vocab_size >= kMinMultilingualVocabulary;
  graph.metadata["multilingual"] = is_multilingual ? "true" : "false";
  // English-only models carry the names of all languages, too.
  graph.metadata["num_languages"] = std::to_string(is_multilingual ? num_languages : 1);
}

}  // namespace

Status CheckConfig(const Config& config) {
  const struct {
    const char* name;
    int64_t size;
    int64_t maximum;
  } sizes[] = {{"mel bands", config.num_mels, kMaxMels},
               {"vocabulary", config.vocab_size, kMaxSize},
               {"width", config.width, kMaxSize},
               {"encoder layers", config.encoder_layers, kMaxLayers},
               {"encoder heads", config.encoder_heads, config.width},
               {"encoder feed-forward width", config.encoder_ffn_width, kMaxSize},
               {"decoder layers", config.decoder_layers, kMaxLayers},
               {"decoder heads", config.decoder_heads, config.width},
               {"decoder feed-forward width", config.decoder_ffn_width, kMaxSize},
               {"audio frames", config.max_audio_frames, kMaxSize},
               {"text tokens", config.max_text_tokens, kMaxSize}};
  for (const auto& [name, size, maximum] : sizes) {
    if (size >= 1 && size <= maximum) continue;
    return Status::Error(StatusCode::kInvalidModel, "%s: %lld is not in 1 to %lld", name,
                         static_cast<long long>(size), static_cast<long long>(maximum));
  }
  for (const int64_t heads : {config.encoder_heads, config.decoder_heads}) {
    if (config.width % heads == 0) continue;
    return Status::Error(StatusCode::kInvalidModel, "a width of %lld cannot be split into %lld heads",
                         static_cast<long long>(config.width), static_cast<long long>(heads));
  }
  return Status::Ok();
}

Result<ir::Graph> BuildGraph(const Config& config, ir::WeightSource& weights, ModelCard card) {
  EARSHOT_RETURN_IF_ERROR(CheckConfig(config));
  EARSHOT_RETURN_IF_ERROR(CheckCard(config, card));
  ir::Graph graph;
  graph.family = "whisper";
  graph.name = std::move(card.name);
  // Measured on tiny.en: 4 bits in all matrices cost 2.7 points of word error rate, 1.8 of them in these,
  // which are a tenth of the matrices' bytes.
  graph.int4_exceptions = {"encoder.*.self_attention.*"};
  graph.encoder_attention = {"encoder.*.self_attention.attend"};  // most of the encoder's time is spent there
  graph.int8_convolutions = {"encoder.conv*"};                    // both at once cost nothing measurable
  graph.int8_states = {"cross_kv_*", "windows_cross_kv_*"};       // read with every token
  graph.f16_states = {"self_kv_*", "cross_kv_*", "beams_self_kv_*", "windows_*_kv_*"};
  graph.beams = {.sequences = kMaxBeams, .positions = config.max_text_tokens};
  graph.windows = {.sequences = kMaxWindows, .positions = WindowPositions(config.max_text_tokens)};
  graph.metadata = std::move(card.metadata);
  graph.tokenizer = std::move(card.tokenizer);
  graph.generation = std::move(card.generation);
  AddMetadata(graph, config);
  EARSHOT_RETURN_IF_ERROR(AddAudioFrontEnd(graph, config));
  const Caches caches = AddCaches(graph, config);
  EARSHOT_RETURN_IF_ERROR(BuildMethod<Encoder>("encode", config, graph, weights, caches));
  EARSHOT_RETURN_IF_ERROR(BuildMethod<Decoder>("decode", config, graph, weights, caches));
  EARSHOT_RETURN_IF_ERROR(CheckTiedProjection(graph, config, weights));
  return graph;
}

}  // namespace earshot::whisper
