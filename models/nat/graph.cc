// fairseq's encoder, and its decoder without a causal mask.
#include "models/nat/graph.h"

#include <string>
#include <utility>
#include <vector>

#include "models/blocks/fairseq.h"
#include "models/blocks/key_value_cache.h"
#include "models/blocks/layers.h"

namespace earshot::nat {
namespace {

using blocks::Bias;
using blocks::KeyValueCache;
using blocks::Layers;
using blocks::Weights;
using ir::Dim;

constexpr int64_t kMaxLengths = 256;  // that the model can predict

struct Config {
  fairseq::Config transformer;
  bool copies_source = false;
};

struct States {
  int source = ir::kNone;  // scaled embeddings of the source tokens
  std::vector<KeyValueCache> cross;
};

Status BuildEncode(Weights& weights, const Config& config, const States& states) {
  ir::MethodBuilder method(weights.graph(), "encode");
  Layers layers(weights, method);
  const fairseq::Config& transformer = config.transformer;
  const Dim source = Dim::Of(method.AddSymbol("source", transformer.encoder.max_positions));
  const int ids =
      method.AddInput({.name = "src_tokens", .dtype = DType::kI32, .rows = source, .cols = Dim::Fixed(1)});
  const int tokens = fairseq::Tokens(layers, transformer, ids);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  if (config.copies_source) {
    const int kept =
        method.View(method.StateValue(states.source), "kept", {.rows = source, .cols = transformer.width});
    method.ApplyInto("keep", ir::Activate{ir::Activation::kNone}, {tokens}, kept);
  }
  const int x = fairseq::Encode(layers, transformer,
                                fairseq::AddPositions(layers, transformer, "encoder.", tokens), states.cross);
  const int mean =
      method.Apply("mean", ir::Reduce{.function = ir::ReduceFunction::Mean, .axis = ir::Axis::Column}, {x});
  const int lengths = layers.Softmax(
      "length_softmax", layers.Linear("decoder.embed_length", mean, kMaxLengths, Bias::kNone), {.log = true});
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(x, "encoder_out");
  method.MakeOutput(lengths, "length_logprobs");
  return std::move(method).Finish();
}

int CrossAttention(Layers& layers, const fairseq::Config& config, const std::string& source, int x,
                   const KeyValueCache& cache, Dim rows) {
  const int q = layers.Linear(source + ".q_proj", x, config.width);
  ir::MethodBuilder& method = layers.method();
  const ir::Attention attention = {.num_heads = config.decoder.heads,
                                   .num_kv_heads = config.decoder.heads,
                                   .scale = config.HeadScale(config.decoder)};
  const int mixed = method.Apply(
      source + ".attend", attention,
      {q, cache.Keys(method, source, {.rows = rows}), cache.Values(method, source, {.rows = rows})});
  return layers.Linear(source + ".out_proj", mixed, config.width);
}

Status BuildDecode(Weights& weights, const fairseq::Config& config, const States& states, bool is_copied) {
  ir::MethodBuilder method(weights.graph(), is_copied ? "decode_copied" : "decode");
  Layers layers(weights, method);
  const fairseq::Half& half = config.decoder;
  const Dim length = Dim::Of(method.AddSymbol("tokens", half.max_positions));
  const Dim source = Dim::Of(method.AddSymbol("source", config.encoder.max_positions));
  const int ids = method.AddInput({.name = is_copied ? "copied_rows" : "tokens",
                                   .dtype = DType::kI32,
                                   .rows = length,
                                   .cols = Dim::Fixed(1)});
  int x = is_copied ? method.Apply("copied", ir::Embedding{}, {ids, method.StateValue(states.source)})
                    : fairseq::Tokens(layers, config, ids);
  x = fairseq::AddPositions(layers, config, "decoder.", x);
  for (int64_t layer = 0; layer < half.layers; ++layer) {
    const std::string name = "decoder.layers." + std::to_string(layer);
    x = fairseq::Sublayer(layers, half.is_pre_norm, name + ".self_attn_layer_norm", x, [&](int in) {
      return layers.Attention(name + ".self_attn", in, in, {.heads = half.heads});
    });
    x = fairseq::Sublayer(layers, half.is_pre_norm, name + ".encoder_attn_layer_norm", x, [&](int in) {
      return CrossAttention(layers, config, name + ".encoder_attn", in,
                            states.cross[static_cast<size_t>(layer)], source);
    });
    x = fairseq::Sublayer(layers, half.is_pre_norm, name + ".final_layer_norm", x,
                          [&](int in) { return fairseq::FeedForward(layers, config, half, name, in); });
  }
  if (half.is_pre_norm) x = layers.LayerNorm("decoder.layer_norm", x);
  const int table = weights.Matrix("encoder.embed_tokens.weight", config.vocabulary, config.width);
  const int logprobs = layers.Softmax("log_softmax", layers.Dense("logits", x, table), {.log = true});
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(logprobs, "logprobs");
  return std::move(method).Finish();
}

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config;
  EARSHOT_ASSIGN_OR_RETURN(config.transformer, fairseq::ReadConfig(settings));
  config.copies_source = settings.FlagOr("src_embedding_copy", false);
  settings.Require("unk_is_mask", fairseq::kUnknown, "fairseq's special tokens have fixed numbers");
  settings.Ignore({"pred_length_offset", "label_smoothing", "length_loss_factor", "ngram_predictor"});
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  return config;
}

Result<ir::Graph> Build(ir::ReferenceModel& model, bool is_mask_predict) {
  const bool predicts_offset = model.settings.FlagOr("pred_length_offset", false);
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model.settings));
  const fairseq::Config& transformer = config.transformer;
  const int64_t max_source = transformer.encoder.max_positions;
  ir::Graph graph;
  graph.family = "nat";
  graph.name = model.name;
  graph.int8_states = {"cross_kv_*"};
  States states;
  if (config.copies_source)
    states.source = ir::AddState(graph, "source", DType::kF32, max_source, transformer.width);
  for (int64_t layer = 0; layer < transformer.decoder.layers; ++layer)
    states.cross.push_back(
        KeyValueCache::Add(graph, "cross_kv_" + std::to_string(layer), max_source, transformer.width));
  Weights weights(graph, model.weights);
  EARSHOT_RETURN_IF_ERROR(BuildEncode(weights, config, states));
  EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, transformer, states, false));
  std::vector<std::string> refined = {"encode", "decode"};
  graph.loops.push_back(
      {.name = "given", .driver = "stepwise", .methods = refined, .settings = {{"prefill", 1e6}}});
  if (config.copies_source) {
    EARSHOT_RETURN_IF_ERROR(BuildDecode(weights, transformer, states, true));
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
