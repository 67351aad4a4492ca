// Layers with weights, and short forms of the ops between them, for graph builders: a model's graph reads as
// its paper. Naive on purpose: activations, batch norms and scales are ops of their own, which the
// converter's passes fold.
#ifndef EARSHOT_MODELS_BLOCKS_LAYERS_H_
#define EARSHOT_MODELS_BLOCKS_LAYERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "converter/ir/graph_builder.h"
#include "models/blocks/weights.h"
#include "runtime/core/status.h"

namespace earshot::blocks {

enum class Bias { kNone, kPresent, kOptional };

struct ConvSize {
  int64_t out_channels = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t padding_end = -1;  // -1: as padding
  int64_t dilation = 1;
  int64_t groups = 1;
  bool ends_last = false;  // the last window ends with the last row
};

struct Conv2dSize {
  int64_t in_channels = 1;
  int64_t out_channels = 1;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t groups = 1;
  bool is_transposed = false;
  int64_t output_padding = 0;
};

// Where the parts of attention lie in the checkpoint, below a prefix.
struct AttentionNames {
  const char* q = "q_proj";
  const char* k = "k_proj";
  const char* v = "v_proj";
  const char* out = "out_proj";
};

// Takes and gives values of one method as their indices. `source` is the name of a layer in the checkpoint,
// as in <source>.weight, and names the op too. After an error calls return kNone and do nothing; status()
// says what was wrong. Borrows both.
class Layers {
 public:
  Layers(Weights& weights, ir::MethodBuilder& method) : weights_(weights), method_(method) {}

  Weights& weights() { return weights_; }
  ir::MethodBuilder& method() { return method_; }
  Status status() const { return weights_.status().ok() ? method_.status() : weights_.status(); }

  // Layers with weights
  int Linear(const std::string& source, int in, int64_t out_cols, Bias bias = Bias::kPresent);
  void LinearInto(const std::string& source, int in, int out, Bias bias = Bias::kPresent);
  // With tensors of the graph; no bias: kNone.
  int Dense(const std::string& name, int in, int weight, int bias = ir::kNone);
  int LayerNorm(const std::string& source, int in, float epsilon = 1e-5f);
  int RmsNorm(const std::string& source, int in, float epsilon);
  // [out, in / groups, kernel] in the checkpoint.
  int Conv1d(const std::string& source, int in, const ConvSize& size, Bias bias = Bias::kPresent);
  // The weight given as the checkpoint lays it out.
  int Conv1dWith(const std::string& name, int in, const ConvSize& size, const std::vector<float>& weight,
                 int bias);
  // [out, in / groups, kernel, kernel]; transposed [in, out, kernel, kernel].
  int Conv2d(const std::string& source, int in, const Conv2dSize& size, Bias bias = Bias::kPresent);
  // Inference form: running statistics make a factor and a summand for each channel. Of an image [T, F * C]:
  // for each of the C channels.
  int BatchNorm(const std::string& source, int in, int64_t channels, double epsilon = 1e-5);
  // A row of the checkpoint for each id [M, 1].
  int Embedding(const std::string& source, int ids, int64_t rows, int64_t cols);
  // Multi-head attention of q_in over kv_in with four projections.
  struct AttentionSize {
    int64_t heads = 1;
    ir::PatternKind pattern = ir::PatternKind::kFull;
    Bias bias = Bias::kPresent;
  };
  int Attention(const std::string& source, int q_in, int kv_in, const AttentionSize& size,
                const AttentionNames& names = {});

  // Ops without weights
  int Activate(const std::string& name, ir::Activation activation, int in);
  int Add(const std::string& name, int a, int b) { return method_.Apply(name, ir::Add{}, {a, b}); }
  int Binary(const std::string& name, ir::BinaryFunction function, int a, int b);
  int Multiply(const std::string& name, int a, int b) {
    return Binary(name, ir::BinaryFunction::Multiply, a, b);
  }
  int Scale(const std::string& name, int in, double factor);
  int Unary(const std::string& name, ir::UnaryFunction function, int in);
  int Softmax(const std::string& name, int in, ir::Softmax softmax = {}) {
    return method_.Apply(name, softmax, {in});
  }
  // First half * sigmoid(second half).
  int GatedUnit(const std::string& name, int in);
  // softmax(q k^T * scale + bias per key row) v with the weights in full, heads one below the other; bias may
  // be kNone or have the shape [1, keys] or that of the scores.
  struct Scores {
    int64_t heads = 1;
    float scale = 1.0f;
    int bias = ir::kNone;
  };
  int ExplicitAttention(const std::string& name, int q, int k, int v, const Scores& scores);

  int Columns(int value, const std::string& name, int64_t begin, int64_t count);
  // Copies of both in one value; either of them may be kNone: it has no columns.
  int SideBySide(const std::string& name, int left, int right);
  int Constant(int tensor) { return tensor == ir::kNone ? ir::kNone : method_.Constant(tensor); }
  int64_t cols(int value) const { return method_.cols(value).addend; }

 private:
  std::vector<int> WithBias(const std::string& source, int in, int weight, int64_t out_cols, Bias bias);

  Weights& weights_;
  ir::MethodBuilder& method_;
};

// By the names that checkpoints use: "relu", "gelu", "silu", "swish", "gelu_new", "tanh", … kUnsupported
// names others.
Result<ir::Activation> ActivationNamed(const std::string& name);

// Sines and cosines of positions begin .. begin + rows - 1 (Vaswani et al. 2017): frequency i is
// base^(-2 i / cols), or of the tensor2tensor form base^(-i / (cols / 2 - 1)).
struct SinusoidLayout {
  bool interleaved = false;  // sine and cosine side by side, else all sines first
  bool tensor2tensor = false;
  double base = 10000.0;
};
std::vector<float> Sinusoids(int64_t begin, int64_t rows, int64_t cols, const SinusoidLayout& layout = {});

}  // namespace earshot::blocks

#endif  // EARSHOT_MODELS_BLOCKS_LAYERS_H_
