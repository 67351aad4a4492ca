// Layers with weights: each call takes its tensors from the checkpoint, puts them into the graph, and appends
// the ops.
#ifndef EARSHOT_MODELS_WHISPER_GRAPH_LAYERS_H_
#define EARSHOT_MODELS_WHISPER_GRAPH_LAYERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "converter/ir/graph_builder.h"
#include "converter/ir/weight_source.h"
#include "runtime/core/status.h"

namespace earshot::whisper {

// `name`: of the op, its result and its tensors in the graph; `source`: of its tensors in the checkpoint, as
// in <source>.weight and <source>.bias.
struct LayerNames {
  std::string name;
  std::string source;
};

struct ConvSize {
  int64_t out_channels = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = 0;
};

// Takes and gives values of the method as indices. After a missing or misshapen tensor calls do nothing;
// status() says which. Borrows all it is given.
class LayerBuilder {
 public:
  LayerBuilder(ir::Graph& graph, ir::MethodBuilder& method, ir::WeightSource& weights)
      : graph_(graph), method_(method), weights_(weights) {}

  ir::MethodBuilder& method() { return method_; }
  const ir::Graph& graph() const { return graph_; }
  const Status& status() const { return status_; }

  enum class Bias { kNone, kPresent };
  int Linear(const LayerNames& names, int in, int64_t out_cols, Bias bias = Bias::kPresent);
  void LinearInto(const LayerNames& names, int in, int out, Bias bias = Bias::kPresent);
  // Convolution along time, then GELU.
  int ConvGelu(const LayerNames& names, int in, const ConvSize& size);
  int LayerNorm(const LayerNames& names, int in);
  void LayerNormInto(const LayerNames& names, int in, int out);
  int Add(const std::string& name, int a, int b) { return method_.Apply(name, ir::Add{}, {a, b}); }

  // fc2(gelu(fc1(norm(x)))) + x. `name` as in "encoder.0", `source` as in "model.encoder.layers.0".
  int FeedForward(const LayerNames& names, int x, int64_t hidden_cols);

  // A matrix of the checkpoint as a tensor of the graph; kNone after an error.
  int Matrix(const std::string& name, const std::string& source, int64_t rows, int64_t cols);

 private:
  std::vector<int> DenseInputs(const LayerNames& names, int in, int64_t out_cols, Bias bias);
  std::vector<int> NormInputs(const LayerNames& names, int in);
  int ConvWeight(const LayerNames& names, int64_t in_channels, const ConvSize& size);
  std::vector<float> Take(const std::string& source, const std::vector<int64_t>& shape);
  int Vector(const std::string& name, const std::string& source, int64_t cols);
  int64_t FixedCols(int value) const { return method_.cols(value).addend; }

  ir::Graph& graph_;
  ir::MethodBuilder& method_;
  ir::WeightSource& weights_;
  Status status_;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_GRAPH_LAYERS_H_
