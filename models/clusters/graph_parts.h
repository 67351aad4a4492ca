// Layers that the models of this folder share.
#ifndef EARSHOT_MODELS_CLUSTERS_GRAPH_PARTS_H_
#define EARSHOT_MODELS_CLUSTERS_GRAPH_PARTS_H_

#include <cstdint>
#include <string>

#include "models/blocks/layers.h"

namespace earshot::clusters {

inline constexpr float kUnitEpsilon = 1e-12f;  // of vectors that are brought to length 1

// The layer norm of this name, or a ScaleNorm (x / |x| times a gain) where the checkpoint has that.
int PreNorm(blocks::Layers& layers, const std::string& source, int x);

// w2 gelu(w1 x), or gated: w2 (gelu(first half) * second half).
struct FeedForwardSize {
  int64_t factor = 4;
  bool is_gated = false;
};
int FeedForward(blocks::Layers& layers, const std::string& source, int x, const FeedForwardSize& size);

// Unit vectors, head by head.
int UnitVectors(blocks::Layers& layers, const std::string& name, int x, int64_t heads);

// Rotary positions first_position, first_position + 1, ... over whole heads.
struct RotarySize {
  int64_t heads = 1;
  int64_t max_length = 1;
  int64_t first_position = 0;
  bool is_interleaved = true;
};
// The rows [0, length) of `out`; of a new matrix where out is kNone.
int Rotate(blocks::Layers& layers, const std::string& name, int in, const RotarySize& size,
           int out = ir::kNone);

// Windows of neighbours: a row sees its own window and the ones beside it, in causal models that before it.
struct LocalSize {
  int64_t heads = 1;
  int64_t window = 1;
  bool is_causal = false;
  bool shares_qk = false;  // k is q / |q|, and a row sees itself only if it is alone
};
// The assignment that they are, for all heads. `x`: any matrix with a row for each time step; the mask may be
// kNone.
int LocalAssignment(blocks::Layers& layers, const std::string& name, int x, int mask, const LocalSize& size);
struct Projections {
  int q, k, v;  // [T, heads * d]
};
int LocalAttention(blocks::Layers& layers, const std::string& name, const Projections& in, int assignment,
                   const LocalSize& size);

// d^-0.5.
float ScaleOf(int64_t head_dim);

// A matrix of the given rows whose first rows are `first` and whose last rows are those of a constant.
int WithLastRows(blocks::Layers& layers, const std::string& name, int first, int last);

}  // namespace earshot::clusters

#endif  // EARSHOT_MODELS_CLUSTERS_GRAPH_PARTS_H_
