// Linear, convolution, norm and feed-forward layers of Whisper, with their weights.
#include "models/whisper/graph_layers.h"

#include <cstddef>
#include <utility>

namespace earshot::whisper {
namespace {

// PyTorch keeps a convolution as [out, in, kernel]; our Conv1d reads windows of whole rows: [out, kernel *
// in].
std::vector<float> TapMajor(const std::vector<float>& weight, int64_t in_channels, const ConvSize& size) {
  std::vector<float> result(weight.size());
  for (int64_t out = 0; out < size.out_channels; ++out) {
    for (int64_t in = 0; in < in_channels; ++in) {
      for (int64_t tap = 0; tap < size.kernel; ++tap) {
        result[static_cast<size_t>((out * size.kernel + tap) * in_channels + in)] =
            weight[static_cast<size_t>((out * in_channels + in) * size.kernel + tap)];
      }
    }
  }
  return result;
}

}  // namespace

int LayerBuilder::Linear(const LayerNames& names, int in, int64_t out_cols, Bias bias) {
  const std::vector<int> inputs = DenseInputs(names, in, out_cols, bias);
  return status_.ok() ? method_.Apply(names.name, ir::Linear{}, inputs) : ir::kNone;
}

void LayerBuilder::LinearInto(const LayerNames& names, int in, int out, Bias bias) {
  const std::vector<int> inputs = DenseInputs(names, in, FixedCols(out), bias);
  if (status_.ok()) method_.ApplyInto(names.name, ir::Linear{}, inputs, out);
}

int LayerBuilder::ConvGelu(const LayerNames& names, int in, const ConvSize& size) {
  const int weight = ConvWeight(names, FixedCols(in), size);
  const int bias = Vector(names.name + ".bias", names.source + ".bias", size.out_channels);
  if (!status_.ok()) return ir::kNone;
  const ir::Conv1d conv = {.kernel = size.kernel, .stride = size.stride, .padding = size.padding};
  const int sum = method_.Apply(names.name, conv, {in, method_.Constant(weight), method_.Constant(bias)});
  return method_.Apply(names.name + ".gelu", ir::Activate{ir::Activation::kGelu}, {sum});
}

int LayerBuilder::LayerNorm(const LayerNames& names, int in) {
  const std::vector<int> inputs = NormInputs(names, in);
  return status_.ok() ? method_.Apply(names.name, ir::LayerNorm{}, inputs) : ir::kNone;
}

void LayerBuilder::LayerNormInto(const LayerNames& names, int in, int out) {
  const std::vector<int> inputs = NormInputs(names, in);
  if (status_.ok()) method_.ApplyInto(names.name, ir::LayerNorm{}, inputs, out);
}

int LayerBuilder::FeedForward(const LayerNames& names, int x, int64_t hidden_cols) {
  const std::string name = names.name + ".ffn";
  const int norm = LayerNorm({name + ".norm", names.source + ".final_layer_norm"}, x);
  const int hidden = Linear({name + ".fc1", names.source + ".fc1"}, norm, hidden_cols);
  const int active = method_.Apply(name + ".gelu", ir::Activate{ir::Activation::kGelu}, {hidden});
  const int out = Linear({name + ".fc2", names.source + ".fc2"}, active, FixedCols(x));
  return Add(name + ".residual", x, out);
}

std::vector<int> LayerBuilder::DenseInputs(const LayerNames& names, int in, int64_t out_cols, Bias bias) {
  const int weight = Matrix(names.name + ".weight", names.source + ".weight", out_cols, FixedCols(in));
  const int bias_vector =
      bias == Bias::kPresent ? Vector(names.name + ".bias", names.source + ".bias", out_cols) : ir::kNone;
  if (!status_.ok()) return {};
  if (bias == Bias::kNone) return {in, method_.Constant(weight)};
  return {in, method_.Constant(weight), method_.Constant(bias_vector)};
}

std::vector<int> LayerBuilder::NormInputs(const LayerNames& names, int in) {
  const int gamma = Vector(names.name + ".weight", names.source + ".weight", FixedCols(in));
  const int beta = Vector(names.name + ".bias", names.source + ".bias", FixedCols(in));
  if (!status_.ok()) return {};
  return {in, method_.Constant(gamma), method_.Constant(beta)};
}

int LayerBuilder::ConvWeight(const LayerNames& names, int64_t in_channels, const ConvSize& size) {
  const std::vector<float> weight =
      Take(names.source + ".weight", {size.out_channels, in_channels, size.kernel});
  if (!status_.ok()) return ir::kNone;
  return ir::AddTensor(graph_, names.name + ".weight", size.out_channels, size.kernel * in_channels,
                       TapMajor(weight, in_channels, size));
}

int LayerBuilder::Matrix(const std::string& name, const std::string& source, int64_t rows, int64_t cols) {
  std::vector<float> values = Take(source, {rows, cols});
  return status_.ok() ? ir::AddTensor(graph_, name, rows, cols, std::move(values)) : ir::kNone;
}

int LayerBuilder::Vector(const std::string& name, const std::string& source, int64_t cols) {
  std::vector<float> values = Take(source, {cols});
  return status_.ok() ? ir::AddTensor(graph_, name, 1, cols, std::move(values)) : ir::kNone;
}

std::vector<float> LayerBuilder::Take(const std::string& source, const std::vector<int64_t>& shape) {
  if (status_.ok())
    status_ = method_.status();  // an earlier op did not fit: the shape asked for means nothing
  if (!status_.ok()) return {};
  Result<std::vector<float>> values = weights_.Take(source, shape);
  if (values.ok()) return std::move(values).value();
  status_ = values.status();
  return {};
}

}  // namespace earshot::whisper
