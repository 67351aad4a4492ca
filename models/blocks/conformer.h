// What conformers have in common (Gulati et al. 2020): attention with relative positions, and the convolution
// module.
#ifndef EARSHOT_MODELS_BLOCKS_CONFORMER_H_
#define EARSHOT_MODELS_BLOCKS_CONFORMER_H_

#include <cstdint>
#include <string>

#include "models/blocks/layers.h"

namespace earshot::blocks {

// Names of the parts below the attention's prefix.
struct RelativeAttentionNames {
  const char* q = "linear_q";
  const char* k = "linear_k";
  const char* v = "linear_v";
  const char* out = "linear_out";
  const char* position = "linear_pos";
  const char* content_bias = "pos_bias_u";   // [heads, head_dim], added to q where it meets keys
  const char* position_bias = "pos_bias_v";  // and where it meets positions
};

// Encodings of the distances 0, 1, -1, 2, -2, ... (RelativeShift) for up to max_rows rows, sines and cosines
// side by side; a value [2 T - 1, cols] for as many as `like` has rows T.
int RelativePositions(Layers& layers, int like, int64_t max_rows, int64_t cols);

// ((q + u) k^T + (q + v) positions^T) / sqrt(head_dim), softmax, times v, projected (Dai et al. 2019).
// key_bias: [1, T] to add to all scores, or kNone. The number of rows of x must not be a rounded one.
struct RelativeAttentionInputs {
  int x = ir::kNone;
  int positions = ir::kNone;
  int key_bias = ir::kNone;
};
int RelativeAttention(Layers& layers, const std::string& source, const RelativeAttentionInputs& in,
                      int64_t heads, Bias bias, const RelativeAttentionNames& names = {});

// Pointwise, gated, depthwise over time, batch norm, activation, pointwise.
struct ConvModule {
  int64_t kernel = 1;
  ir::Activation activation = ir::Activation::kSilu;
  const char* norm = "batch_norm";
  Bias bias = Bias::kNone;
};
int ConvolutionModule(Layers& layers, const std::string& source, int x, const ConvModule& module);

}  // namespace earshot::blocks

#endif  // EARSHOT_MODELS_BLOCKS_CONFORMER_H_
