// The weights of a model on their way from the checkpoint into the graph: each is put there once, however
// many methods use it.
#ifndef EARSHOT_MODELS_BLOCKS_WEIGHTS_H_
#define EARSHOT_MODELS_BLOCKS_WEIGHTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "converter/ir/weight_source.h"
#include "runtime/core/status.h"

namespace earshot::blocks {

// Borrows both. Tensors of the graph are handed out as their indices; after the first error, which status()
// keeps, all calls return kNone or nothing.
class Weights {
 public:
  Weights(ir::Graph& graph, ir::WeightSource& source) : graph_(graph), source_(source) {}

  ir::Graph& graph() { return graph_; }
  const Status& status() const { return status_; }
  bool Has(const std::string& name) const { return source_.Has(name); }

  // The elements of a checkpoint's tensor of this shape, for the caller to rearrange.
  std::vector<float> Take(const std::string& name, const std::vector<int64_t>& shape);

  // Takes a tensor that says nothing about inference, if it is there.
  void Drop(const std::string& name, const std::vector<int64_t>& shape);

  // A tensor [rows, cols] under its name in the checkpoint, where its shape is [rows, cols] or the one given.
  int Matrix(const std::string& name, int64_t rows, int64_t cols) {
    return Matrix(name, {rows, cols}, rows, cols);
  }
  int Matrix(const std::string& name, const std::vector<int64_t>& shape, int64_t rows, int64_t cols);
  int Vector(const std::string& name, int64_t cols) { return Matrix(name, {cols}, 1, cols); }

  // A tensor that the builder made; the one of that name if it has been added before.
  int Add(const std::string& name, int64_t rows, int64_t cols, std::vector<float> values);
  // A row of `cols` times the same number.
  int Filled(float value, int64_t cols = 1);

  // Index of a tensor that is already in the graph, or kNone.
  int Find(const std::string& name) const;

 private:
  ir::Graph& graph_;
  ir::WeightSource& source_;
  std::map<std::string, int> tensors_;
  Status status_;
};

}  // namespace earshot::blocks

#endif  // EARSHOT_MODELS_BLOCKS_WEIGHTS_H_
