// What encoders in the manner of BERT (Devlin et al. 2019) have in common, under the names of transformers:
// the embedding, and the layers but for what mixes tokens.
#ifndef EARSHOT_MODELS_BLOCKS_BERT_H_
#define EARSHOT_MODELS_BLOCKS_BERT_H_

#include <cstdint>
#include <string>

#include "models/blocks/layers.h"

namespace earshot::blocks {

struct BertSize {
  int64_t vocabulary = 0;
  int64_t width = 0;
  int64_t ffn = 0;
  int64_t positions = 0;       // rows of the table
  int64_t first_position = 0;  // the row of the first token
  int64_t types = 1;           // of tokens; all have the first
  double embedding_scale = 1.0;
  ir::Activation activation = ir::Activation::kGelu;
  float epsilon = 1e-12f;

  int64_t max_length() const { return positions - first_position; }
};

// ids [T, 1] -> [T, width]: the norm of the sum of word, position and type.
int BertEmbedding(Layers& layers, const BertSize& size, int ids);

// The rest of a layer: x = norm(x + dense(mixed)), norm(x + ffn(x)).
int BertLayer(Layers& layers, const BertSize& size, const std::string& source, int x, int mixed);

}  // namespace earshot::blocks

#endif  // EARSHOT_MODELS_BLOCKS_BERT_H_
