// Sequences are given without padding, so that no mask is needed and positions count from the first token.
#include "models/blocks/fairseq.h"

#include <cmath>

#include "converter/ir/dim.h"

namespace earshot::fairseq {
namespace {

using blocks::KeyValueCache;
using blocks::Layers;
using ir::Dim;

constexpr int64_t kFirstPosition = kPadding + 1;  // rows before it belong to padding

Half ReadHalf(ir::HyperParameters& settings, const std::string& name, int64_t ffn, const char* positions) {
  return {.layers = settings.Integer(name + "_layers", {1, 1024}),
          .heads = settings.Integer(name + "_attention_heads"),
          .ffn = settings.IntegerOr(name + "_ffn_embed_dim", ffn),
          .max_positions = settings.IntegerOr(positions, 1024),
          .is_pre_norm = settings.FlagOr(name + "_normalize_before", false),
          .has_learned_positions = settings.FlagOr(name + "_learned_pos", false)};
}

}  // namespace

float Config::HeadScale(const Half& half) const {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(width) / static_cast<double>(half.heads)));
}

Result<Config> ReadConfig(ir::HyperParameters& settings) {
  Config config = {.vocabulary = settings.Integer("vocab"),
                   .width = settings.Integer("encoder_embed_dim", {4, 1 << 20}),
                   .encoder = {},
                   .decoder = {},
                   .scales_embedding = !settings.FlagOr("no_scale_embedding", false)};
  config.encoder = ReadHalf(settings, "encoder", 0, "max_source_positions");
  config.decoder = ReadHalf(settings, "decoder", config.encoder.ffn, "max_target_positions");
  EARSHOT_ASSIGN_OR_RETURN(config.activation,
                           blocks::ActivationNamed(settings.TextOr("activation_fn", "relu")));
  for (const char* width : {"decoder_embed_dim", "decoder_output_dim", "decoder_input_dim"})
    settings.Require(width, config.width, "encoder and decoder must be of one width");
  settings.Require("share_all_embeddings", true, "one table of tokens is built");
  settings.Require("share_decoder_input_output_embed", true, "one table of tokens is built");
  settings.Require("bos", kBegin, "fairseq's special tokens have fixed numbers");
  settings.Require("pad", kPadding, "fairseq's special tokens have fixed numbers");
  settings.Require("eos", kEnd, "fairseq's special tokens have fixed numbers");
  settings.Require("adaptive_softmax_dropout", 0, "this is for training");
  settings.Ignore({"attention_dropout", "activation_dropout", "dropout", "relu_dropout", "encoder_layerdrop",
                   "decoder_layerdrop", "quant_noise_pq", "quant_noise_pq_block_size", "quant_noise_scalar",
                   "min_params_to_wrap", "base_layers", "base_sublayers", "base_shuffle"});
  for (const Half* half : {&config.encoder, &config.decoder}) {
    if (half->heads < 1 || config.width % half->heads != 0)
      return Status::Error(StatusCode::kInvalidModel, "heads that do not fit the width");
  }
  return config;
}

int Tokens(Layers& layers, const Config& config, int ids) {
  const int x = layers.Embedding("encoder.embed_tokens", ids, config.vocabulary, config.width);
  return config.scales_embedding
             ? layers.Scale("embed_scale", x, std::sqrt(static_cast<double>(config.width)))
             : x;
}

int AddPositions(Layers& layers, const Config& config, const std::string& prefix, int x, Dim begin) {
  const Half& half = prefix == "encoder." ? config.encoder : config.decoder;
  const std::string name = prefix + "embed_positions.weight";
  const int64_t rows = half.max_positions + kFirstPosition;
  blocks::Weights& weights = layers.weights();
  const int table = half.has_learned_positions
                        ? weights.Matrix(name, rows, config.width)
                        : weights.Add(name, rows, config.width,
                                      blocks::Sinusoids(0, rows, config.width, {.tensor2tensor = true}));
  if (!layers.status().ok()) return ir::kNone;
  const int view = layers.method().View(layers.Constant(table), prefix + "positions",
                                        {.row_begin = ir::AddAndDivide(begin, kFirstPosition, 1),
                                         .rows = layers.method().rows(x),
                                         .cols = config.width});
  return layers.Add(prefix + "embedding", x, view);
}

int FeedForward(Layers& layers, const Config& config, const Half& half, const std::string& source, int x) {
  const int hidden =
      layers.Activate(source + ".activation", config.activation, layers.Linear(source + ".fc1", x, half.ffn));
  return layers.Linear(source + ".fc2", hidden, config.width);
}

int Encode(Layers& layers, const Config& config, int x, const std::vector<KeyValueCache>& cross) {
  const Half& half = config.encoder;
  for (int64_t layer = 0; layer < half.layers; ++layer) {
    const std::string name = "encoder.layers." + std::to_string(layer);
    x = Sublayer(layers, half.is_pre_norm, name + ".self_attn_layer_norm", x, [&](int in) {
      return layers.Attention(name + ".self_attn", in, in, {.heads = half.heads});
    });
    x = Sublayer(layers, half.is_pre_norm, name + ".final_layer_norm", x,
                 [&](int in) { return FeedForward(layers, config, half, name, in); });
  }
  if (half.is_pre_norm) x = layers.LayerNorm("encoder.layer_norm", x);
  const Dim rows = layers.method().rows(x);
  for (size_t layer = 0; layer < cross.size(); ++layer) {
    const std::string name = "decoder.layers." + std::to_string(layer) + ".encoder_attn";
    layers.LinearInto(name + ".k_proj", x, cross[layer].Keys(layers.method(), name, {.rows = rows}));
    layers.LinearInto(name + ".v_proj", x, cross[layer].Values(layers.method(), name, {.rows = rows}));
  }
  return x;
}

}  // namespace earshot::fairseq
