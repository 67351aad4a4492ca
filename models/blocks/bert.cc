// Post-norm layers.
#include "models/blocks/bert.h"

namespace earshot::blocks {

int BertEmbedding(Layers& layers, const BertSize& size, int ids) {
  const std::string name = "embeddings";
  int words = layers.Embedding(name + ".word_embeddings", ids, size.vocabulary, size.width);
  const int positions = layers.Constant(
      layers.weights().Matrix(name + ".position_embeddings.weight", size.positions, size.width));
  const int types = layers.Constant(
      layers.weights().Matrix(name + ".token_type_embeddings.weight", size.types, size.width));
  if (!layers.status().ok()) return ir::kNone;
  if (size.embedding_scale != 1.0) words = layers.Scale(name + ".scaled", words, size.embedding_scale);
  ir::MethodBuilder& method = layers.method();
  const int rows = method.View(
      positions, name + ".positions",
      {.row_begin = ir::Dim::Fixed(size.first_position), .rows = method.rows(ids), .cols = size.width});
  const int type = method.View(types, name + ".type", {.rows = ir::Dim::Fixed(1), .cols = size.width});
  const int sum = layers.Add(name + ".sum", layers.Add(name + ".placed", words, rows), type);
  return layers.LayerNorm(name + ".LayerNorm", sum, size.epsilon);
}

int BertLayer(Layers& layers, const BertSize& size, const std::string& source, int x, int mixed) {
  const std::string attention = source + ".attention.output";
  x = layers.Add(attention + ".residual", x, layers.Linear(attention + ".dense", mixed, size.width));
  x = layers.LayerNorm(attention + ".LayerNorm", x, size.epsilon);
  int hidden = layers.Linear(source + ".intermediate.dense", x, size.ffn);
  hidden = layers.Activate(source + ".intermediate.activation", size.activation, hidden);
  const int out = layers.Linear(source + ".output.dense", hidden, size.width);
  return layers.LayerNorm(source + ".output.LayerNorm", layers.Add(source + ".output.residual", x, out),
                          size.epsilon);
}

}  // namespace earshot::blocks
