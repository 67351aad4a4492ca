// What Moonshine and its successor for streams share: rotary positions, encoder blocks but for their norms,
// the decoder.
#ifndef EARSHOT_MODELS_MOONSHINE_GRAPH_DECODER_H_
#define EARSHOT_MODELS_MOONSHINE_GRAPH_DECODER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "converter/ir/graph_builder.h"
#include "converter/ir/hyper_parameters.h"
#include "converter/ir/reference_model.h"
#include "models/blocks/key_value_cache.h"
#include "models/blocks/layers.h"
#include "runtime/core/status.h"

namespace earshot::moonshine {

// Neighbouring pairs of the first channels of each head are turned (Su et al. 2021).
struct Rotary {
  double base = 10000.0;
  int64_t channels = 0;  // of a head, as the exponents count them
  int64_t positions = 0;
  int64_t pairs() const { return (channels + 1) / 2; }
};

// An attention layer: `heads` of width / heads channels; keys and values may have fewer, which neighbours
// share.
struct HeadCounts {
  int64_t heads = 1;
  int64_t kv_heads = 1;
  int64_t KeyWidth(int64_t width) const { return width / heads * kv_heads; }
};

struct DecoderConfig {
  int64_t vocabulary = 0;
  int64_t width = 0;
  int64_t layers = 0;
  HeadCounts heads;
  int64_t ffn_width = 0;
  ir::Activation activation = ir::Activation::kSilu;
  Rotary rotary;
  int64_t max_tokens = 0;
  int64_t max_source = 0;  // frames of the encoder
  bool ties_projection = true;
  int64_t start = 1, end_of_text = 2;
};

struct Caches {
  std::vector<blocks::KeyValueCache> cross, self;
};

// The settings that stand under the same names in both. `prefix` is "" or "decoder_".
DecoderConfig ReadDecoder(ir::HyperParameters& settings, const std::string& prefix);

// Base, and how many channels of a head are turned. Reads partial_rotary_factor and rope_theta, from
// rope_parameters where there is such a section.
Rotary ReadRotary(ir::HyperParameters& settings, double default_share, int64_t head_width);

Status CheckRotary(const Rotary& rotary);

// kInvalidModel if a width cannot be cut into the heads.
Status CheckHeads(const HeadCounts& heads, int64_t width);

Caches AddCaches(ir::Graph& graph, const DecoderConfig& config);

// Turns the rows of `x`, which stand at `position` and after it. The second form writes `out`.
struct RotaryRows {
  const Rotary& rotary;
  const char* table;  // name of the tensors with the angles
  int64_t heads = 1;
  ir::Dim position = ir::Dim::Fixed(0);
};
int Rotate(blocks::Layers& layers, const std::string& name, int x, const RotaryRows& rows);
void RotateInto(blocks::Layers& layers, const std::string& name, int x, const RotaryRows& rows, int out);

// fc2(activation(fc1(x))).
int FeedForward(blocks::Layers& layers, const std::string& source, int x, ir::Activation activation,
                int64_t width);

// Keys and values of cross-attention over `memory` into their caches.
void FillCrossCaches(blocks::Layers& layers, const DecoderConfig& config, const Caches& caches, int memory);

// The method `decode`.
Status BuildDecode(blocks::Weights& weights, const DecoderConfig& config, const Caches& caches);

// Loops over `encode` and `decode`, their names beginning with the prefix.
void AddLoops(ir::Graph& graph, const DecoderConfig& config, const std::string& prefix,
              const std::string& encode);

}  // namespace earshot::moonshine

#endif  // EARSHOT_MODELS_MOONSHINE_GRAPH_DECODER_H_
