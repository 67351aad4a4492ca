// The transformer of fairseq, which its families share: names of weights, order of norms, positions.
#ifndef EARSHOT_MODELS_BLOCKS_FAIRSEQ_H_
#define EARSHOT_MODELS_BLOCKS_FAIRSEQ_H_

#include <cstdint>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "converter/ir/hyper_parameters.h"
#include "models/blocks/key_value_cache.h"
#include "models/blocks/layers.h"
#include "runtime/core/status.h"

namespace earshot::fairseq {

// fairseq's dictionaries begin with these.
constexpr int64_t kBegin = 0, kPadding = 1, kEnd = 2, kUnknown = 3;

// Encoder or decoder.
struct Half {
  int64_t layers = 0, heads = 0, ffn = 0, max_positions = 0;
  bool is_pre_norm = false;
  bool has_learned_positions = false;
};

struct Config {
  int64_t vocabulary = 0;  // rows of the table of tokens
  int64_t width = 0;
  Half encoder, decoder;
  ir::Activation activation = ir::Activation::kRelu;
  bool scales_embedding = true;

  float HeadScale(const Half& half) const;
};

// Asks for what all of its models have. kUnsupported, kInvalidModel.
Result<Config> ReadConfig(ir::HyperParameters& settings);

// Rows of the one table of tokens, scaled; ids [M, 1].
int Tokens(blocks::Layers& layers, const Config& config, int ids);

// Adds the positions from `begin` on; prefix: "encoder." or "decoder.".
int AddPositions(blocks::Layers& layers, const Config& config, const std::string& prefix, int x,
                 ir::Dim begin = ir::Dim::Fixed(0));

// x + body(norm(x)), or norm(x + body(x)).
template <class Body>
int Sublayer(blocks::Layers& layers, bool is_pre_norm, const std::string& norm, int x, const Body& body) {
  if (is_pre_norm) return layers.Add(norm + ".residual", x, body(layers.LayerNorm(norm, x)));
  return layers.LayerNorm(norm, layers.Add(norm + ".residual", x, body(x)));
}

int FeedForward(blocks::Layers& layers, const Config& config, const Half& half, const std::string& source,
                int x);

// The encoder from embeddings to its output, and the keys and values that the decoder's layers make of that,
// into their caches.
int Encode(blocks::Layers& layers, const Config& config, int x,
           const std::vector<blocks::KeyValueCache>& cross);

}  // namespace earshot::fairseq

#endif  // EARSHOT_MODELS_BLOCKS_FAIRSEQ_H_
