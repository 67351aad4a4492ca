// fairseq's transformer; the weights of one cross-attention are probabilities of copying.
#include "models/pointergenerator/graph.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/fairseq.h"
#include "models/blocks/key_value_cache.h"
#include "models/blocks/layers.h"

namespace earshot::pointer_generator {
namespace {

using blocks::KeyValueCache;
using blocks::Layers;
using blocks::Weights;
using ir::Dim;

struct Config {
  fairseq::Config transformer;
  int64_t embedded = 0;         // ids that have an embedding; those behind stand for source positions
  int64_t alignment_layer = 0;  // of the decoder, whose cross-attention copies
  int64_t alignment_heads = 1;  // whose mean does
};

struct Caches {
  std::vector<KeyValueCache> cross, self;
};

constexpr const char kTable[] = "encoder.embed_tokens.weight";

// The markers look like an unknown word: rows for them keep ids what they are.
void AddTable(Weights& weights, const Config& config) {
  const int64_t width = config.transformer.width, vocabulary = config.transformer.vocabulary;
  std::vector<float> rows = weights.Take(kTable, {config.embedded, width});
  if (!weights.status().ok()) return;
  const std::vector<float> unknown(rows.data() + fairseq::kUnknown * width,
                                   rows.data() + (fairseq::kUnknown + 1) * width);
  for (int64_t i = config.embedded; i < vocabulary; ++i)
    rows.insert(rows.end(), unknown.begin(), unknown.end());
  weights.Add(kTable, vocabulary, width, std::move(rows));
}

Status BuildEncode(Weights& weights, const Config& config, const Caches& caches) {
  ir::MethodBuilder method(weights.graph(), "encode");
  Layers layers(weights, method);
  const fairseq::Config& transformer = config.transformer;
  const Dim source = Dim::Of(method.AddSymbol("source", transformer.encoder.max_positions));
  const int ids =
      method.AddInput({.name = "src_tokens", .dtype = DType::kI32, .rows = source, .cols = Dim::Fixed(1)});
  const int tokens = fairseq::Tokens(layers, transformer, ids);
  const int out = fairseq::Encode(
      layers, transformer, fairseq::AddPositions(layers, transformer, "encoder.", tokens), caches.cross);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(out, "encoder_out");
  return std::move(method).Finish();
}

// One method's worth of decoder blocks.
class Decoder {
 public:
  Decoder(Layers& layers, const Config& config, const Caches& caches)
      : layers_(layers),
        method_(layers.method()),
        config_(config),
        transformer_(config.transformer),
        half_(config.transformer.decoder),
        caches_(caches) {}

  void Build() {
    tokens_ = Dim::Of(method_.AddSymbol("tokens", half_.max_positions));
    position_ = Dim::Of(method_.AddSymbol("position", half_.max_positions - 1, 0));
    end_ = Dim::Of(method_.AddSymbol("end", half_.max_positions));
    source_ = Dim::Of(method_.AddSymbol("source", transformer_.encoder.max_positions));
    const int source_ids = method_.AddInput(
        {.name = "src_tokens", .dtype = DType::kI32, .rows = Dim::Fixed(1), .cols = source_});
    const int ids = method_.AddInput(
        {.name = "prev_output_tokens", .dtype = DType::kI32, .rows = tokens_, .cols = Dim::Fixed(1)});
    const int embedded = fairseq::Tokens(layers_, transformer_, ids);
    int x = fairseq::AddPositions(layers_, transformer_, "decoder.", embedded, position_);
    for (int64_t layer = 0; layer < half_.layers; ++layer) x = Block(layer, x);
    if (half_.is_pre_norm) x = layers_.LayerNorm("decoder.layer_norm", x);
    PutOut(x, GenerationShare(embedded, x), source_ids);
  }

 private:
  int Block(int64_t layer, int x) {
    const std::string name = "decoder.layers." + std::to_string(layer);
    const bool is_pre_norm = half_.is_pre_norm;
    x = fairseq::Sublayer(layers_, is_pre_norm, name + ".self_attn_layer_norm", x, [&](int in) {
      return SelfAttention(name + ".self_attn", in, caches_.self[static_cast<size_t>(layer)]);
    });
    x = fairseq::Sublayer(layers_, is_pre_norm, name + ".encoder_attn_layer_norm", x,
                          [&](int in) { return CrossAttention(name + ".encoder_attn", in, layer); });
    return fairseq::Sublayer(layers_, is_pre_norm, name + ".final_layer_norm", x, [&](int in) {
      return fairseq::FeedForward(layers_, transformer_, half_, name, in);
    });
  }

  int SelfAttention(const std::string& name, int x, const KeyValueCache& cache) {
    const ir::ViewWindow rows = {.row_begin = position_, .rows = tokens_};
    layers_.LinearInto(name + ".k_proj", x, cache.Keys(method_, name, rows));
    layers_.LinearInto(name + ".v_proj", x, cache.Values(method_, name, rows));
    const int q = layers_.Linear(name + ".q_proj", x, transformer_.width);
    return layers_.Linear(name + ".out_proj", Attend(name, q, cache, end_, ir::PatternKind::kCausal),
                          transformer_.width);
  }

  int CrossAttention(const std::string& name, int x, int64_t layer) {
    const KeyValueCache& cache = caches_.cross[static_cast<size_t>(layer)];
    const int q = layers_.Linear(name + ".q_proj", x, transformer_.width);
    if (layer == config_.alignment_layer)
      copying_ = MeanWeights(name + ".copying", q, cache.Keys(method_, name + ".copied", {.rows = source_}));
    return layers_.Linear(name + ".out_proj", Attend(name, q, cache, source_, ir::PatternKind::kFull),
                          transformer_.width);
  }

  int Attend(const std::string& name, int q, const KeyValueCache& cache, Dim rows, ir::PatternKind pattern) {
    const ir::Attention attention = {.num_heads = half_.heads,
                                     .num_kv_heads = half_.heads,
                                     .scale = transformer_.HeadScale(half_),
                                     .pattern = pattern};
    return method_.Apply(name + ".attend", attention,
                         {q, cache.Keys(method_, name + ".cached", {.rows = rows}),
                          cache.Values(method_, name + ".cached", {.rows = rows})});
  }

  // [T, S]: the mean of the weights of the first heads, which are computed once more for that, in full.
  int MeanWeights(const std::string& name, int q, int k) {
    const int64_t head_dim = transformer_.width / half_.heads;
    int sum = ir::kNone;
    for (int64_t head = 0; head < config_.alignment_heads && layers_.status().ok(); ++head) {
      const std::string part = name + "." + std::to_string(head);
      const ir::MatMul product = {.transpose_b = true, .scale = transformer_.HeadScale(half_)};
      const int scores = method_.Apply(part + ".scores", product,
                                       {layers_.Columns(q, part + ".q", head * head_dim, head_dim),
                                        layers_.Columns(k, part + ".k", head * head_dim, head_dim)});
      const int weights = layers_.Softmax(part + ".weights", scores);
      sum = head == 0 ? weights : layers_.Add(part + ".sum", sum, weights);
    }
    return layers_.Scale(name, sum, 1.0 / static_cast<double>(config_.alignment_heads));
  }

  // Probability [T, 1] that the word is generated and not copied.
  int GenerationShare(int embedded, int x) {
    const int64_t width = transformer_.width;
    const std::string name = "decoder.project_p_gens";
    const int weight = layers_.Constant(layers_.weights().Matrix(name + ".weight", 1, 2 * width));
    const int bias = layers_.Constant(layers_.weights().Vector(name + ".bias", 1));
    if (!layers_.status().ok()) return ir::kNone;
    const auto half = [&](const char* side, int in, int64_t col_begin) {
      const int part =
          method_.View(weight, name + side, {.rows = Dim::Fixed(1), .col_begin = col_begin, .cols = width});
      return method_.Apply(name + side, ir::MatMul{.transpose_b = true}, {in, part});
    };
    const int sum = layers_.Add(name + ".sum", half(".token", embedded, 0), half(".output", x, width));
    return layers_.Activate(name, ir::Activation::kSigmoid, layers_.Add(name + ".biased", sum, bias));
  }

  void PutOut(int x, int share, int source_ids) {
    const int table = layers_.weights().Find(kTable);
    const int scores =
        layers_.Columns(layers_.Dense("scores", x, table), "known_scores", 0, config_.embedded);
    const int generated = layers_.Multiply("generated", layers_.Softmax("vocabulary", scores), share);
    const int shared = layers_.Multiply("generated_share", copying_, share);
    const int copied = layers_.Binary("copied", ir::BinaryFunction::Subtract, copying_, shared);
    const ir::ScatterAdd scatter = {.cols = static_cast<uint32_t>(transformer_.vocabulary)};
    if (!layers_.status().ok()) return;
    const int probs = method_.Apply("probs", scatter, {generated, copied, source_ids});
    const int logits = layers_.Unary("log_probs", ir::UnaryFunction::Log, probs);
    method_.MakeOutput(copying_, "copy_attention");
    method_.MakeOutput(probs, "probs");
    method_.MakeOutput(logits, "logits");
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  const fairseq::Config& transformer_;
  const fairseq::Half& half_;
  const Caches& caches_;
  Dim tokens_, position_, end_, source_;
  int copying_ = ir::kNone;  // weights [T, S]
};

Status BuildDecode(Weights& weights, const Config& config, const Caches& caches) {
  ir::MethodBuilder method(weights.graph(), "decode");
  Layers layers(weights, method);
  Decoder(layers, config, caches).Build();
  EARSHOT_RETURN_IF_ERROR(layers.status());
  return std::move(method).Finish();
}

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config;
  EARSHOT_ASSIGN_OR_RETURN(config.transformer, fairseq::ReadConfig(settings));
  const int64_t layers = config.transformer.decoder.layers, vocabulary = config.transformer.vocabulary;
  const int64_t markers = settings.IntegerOr("source_position_markers", 0, {0, 1 << 20});
  config.embedded = settings.IntegerOr("embedded_types", vocabulary - markers);
  config.alignment_heads = settings.IntegerOr("alignment_heads", 1);
  config.alignment_layer = settings.IntegerOr("alignment_layer", -1, {-layers, layers - 1});
  if (config.alignment_layer < 0) config.alignment_layer += layers;
  settings.Require("unk", fairseq::kUnknown, "fairseq's special tokens have fixed numbers");
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  if (config.embedded + markers != vocabulary || config.embedded <= fairseq::kUnknown)
    return Status::Error(StatusCode::kInvalidModel,
                         "markers and words with an embedding are not the vocabulary");
  if (config.alignment_heads > config.transformer.decoder.heads)
    return Status::Error(StatusCode::kInvalidModel, "more heads copy than the decoder has");
  return config;
}

std::vector<ir::Loop> Loops(const fairseq::Config& transformer) {
  const double max_tokens = static_cast<double>(transformer.decoder.max_positions);
  const std::vector<std::string> methods = {"encode", "decode"};
  const std::map<std::string, double> search = {{"start", static_cast<double>(fairseq::kEnd)},
                                                {"eos", static_cast<double>(fairseq::kEnd)},
                                                {"pad", static_cast<double>(fairseq::kPadding)},
                                                {"max_tokens", max_tokens}};
  return {{.name = "incremental", .driver = "stepwise", .methods = methods, .settings = {}},
          {.name = "teacher_forced",
           .driver = "stepwise",
           .methods = methods,
           .settings = {{"prefill", max_tokens}}},
          {.name = "greedy", .driver = "greedy", .methods = methods, .settings = search},
          {.name = "beam", .driver = "beam", .methods = methods, .settings = search}};
}

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  const fairseq::Config& transformer = config.transformer;
  ir::Graph graph;
  graph.family = "pointer-generator";
  graph.name = model.name;
  graph.int8_states = {"cross_kv_*"};
  graph.f16_states = {"self_kv_*"};
  Caches caches;
  for (int64_t layer = 0; layer < transformer.decoder.layers; ++layer) {
    const std::string number = std::to_string(layer);
    // Weights that are put out are computed from f32.
    const std::string cross = (layer == config.alignment_layer ? "copied_kv_" : "cross_kv_") + number;
    caches.cross.push_back(
        KeyValueCache::Add(graph, cross, transformer.encoder.max_positions, transformer.width));
    caches.self.push_back(
        KeyValueCache::Add(graph, "self_kv_" + number, transformer.decoder.max_positions, transformer.width));
  }
  Weights weights(graph, model.weights);
  AddTable(weights, config);
  EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, caches));
  EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, config, caches));
  graph.loops = Loops(transformer);
  return graph;
}

}  // namespace earshot::pointer_generator
