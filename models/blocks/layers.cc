// Layers by the layouts of PyTorch checkpoints.
#include "models/blocks/layers.h"

#include <cmath>
#include <cstddef>
#include <utility>

namespace earshot::blocks {
namespace {

// PyTorch keeps a convolution as [out, in, taps]; the ops read windows of whole rows: [out, taps * in].
std::vector<float> TapMajor(const std::vector<float>& weight, int64_t out_channels, int64_t in_channels,
                            int64_t taps) {
  std::vector<float> result(weight.size());
  if (weight.empty()) return result;
  for (int64_t out = 0; out < out_channels; ++out) {
    for (int64_t in = 0; in < in_channels; ++in) {
      for (int64_t tap = 0; tap < taps; ++tap)
        result[static_cast<size_t>((out * taps + tap) * in_channels + in)] =
            weight[static_cast<size_t>((out * in_channels + in) * taps + tap)];
    }
  }
  return result;
}

// [in, out, taps] to [out, in, taps].
std::vector<float> SwapChannels(const std::vector<float>& weight, int64_t in_channels, int64_t out_channels,
                                int64_t taps) {
  std::vector<float> result(weight.size());
  if (weight.empty()) return result;
  for (int64_t in = 0; in < in_channels; ++in) {
    for (int64_t out = 0; out < out_channels; ++out) {
      for (int64_t tap = 0; tap < taps; ++tap)
        result[static_cast<size_t>((out * in_channels + in) * taps + tap)] =
            weight[static_cast<size_t>((in * out_channels + out) * taps + tap)];
    }
  }
  return result;
}

}  // namespace

std::vector<int> Layers::WithBias(const std::string& source, int in, int weight, int64_t out_cols,
                                  Bias bias) {
  const bool has_bias = bias == Bias::kPresent || (bias == Bias::kOptional && weights_.Has(source + ".bias"));
  std::vector<int> inputs = {in, Constant(weight)};
  if (has_bias) inputs.push_back(Constant(weights_.Vector(source + ".bias", out_cols)));
  return inputs;
}

int Layers::Linear(const std::string& source, int in, int64_t out_cols, Bias bias) {
  if (!status().ok()) return ir::kNone;
  const int weight = weights_.Matrix(source + ".weight", out_cols, cols(in));
  const std::vector<int> inputs = WithBias(source, in, weight, out_cols, bias);
  return status().ok() ? method_.Apply(source, ir::Linear{}, inputs) : ir::kNone;
}

void Layers::LinearInto(const std::string& source, int in, int out, Bias bias) {
  if (!status().ok()) return;
  const int weight = weights_.Matrix(source + ".weight", cols(out), cols(in));
  const std::vector<int> inputs = WithBias(source, in, weight, cols(out), bias);
  if (status().ok()) method_.ApplyInto(source, ir::Linear{}, inputs, out);
}

int Layers::Dense(const std::string& name, int in, int weight, int bias) {
  if (!status().ok()) return ir::kNone;
  std::vector<int> inputs = {in, Constant(weight)};
  if (bias != ir::kNone) inputs.push_back(Constant(bias));
  return method_.Apply(name, ir::Linear{}, inputs);
}

int Layers::LayerNorm(const std::string& source, int in, float epsilon) {
  if (!status().ok()) return ir::kNone;
  std::vector<int> inputs = {in, Constant(weights_.Vector(source + ".weight", cols(in)))};
  if (weights_.Has(source + ".bias")) inputs.push_back(Constant(weights_.Vector(source + ".bias", cols(in))));
  return status().ok() ? method_.Apply(source, ir::LayerNorm{epsilon}, inputs) : ir::kNone;
}

int Layers::RmsNorm(const std::string& source, int in, float epsilon) {
  if (!status().ok()) return ir::kNone;
  const int gamma = Constant(weights_.Vector(source + ".weight", cols(in)));
  if (!status().ok()) return ir::kNone;
  return method_.Apply(source, ir::Normalize{.kind = ir::NormalizeKind::RootMeanSquare, .epsilon = epsilon},
                       {in, gamma});
}

int Layers::Conv1d(const std::string& source, int in, const ConvSize& size, Bias bias) {
  if (!status().ok()) return ir::kNone;
  const int64_t channels = cols(in) / size.groups;
  if (weights_.Find(source + ".weight") == ir::kNone) {
    const auto weight = weights_.Take(source + ".weight", {size.out_channels, channels, size.kernel});
    weights_.Add(source + ".weight", size.out_channels, size.kernel * channels,
                 TapMajor(weight, size.out_channels, channels, size.kernel));
  }
  const std::vector<int> inputs =
      WithBias(source, in, weights_.Find(source + ".weight"), size.out_channels, bias);
  if (!status().ok()) return ir::kNone;
  return method_.Apply(source,
                       ir::Conv1d{.kernel = size.kernel,
                                  .stride = size.stride,
                                  .padding = size.padding,
                                  .dilation = size.dilation,
                                  .groups = size.groups,
                                  .padding_end = size.padding_end,
                                  .ends_last = size.ends_last},
                       inputs);
}

int Layers::Conv1dWith(const std::string& name, int in, const ConvSize& size,
                       const std::vector<float>& weight, int bias) {
  if (!status().ok()) return ir::kNone;
  const int64_t channels = cols(in) / size.groups;
  const int tensor = weights_.Add(name + ".weight", size.out_channels, size.kernel * channels,
                                  TapMajor(weight, size.out_channels, channels, size.kernel));
  std::vector<int> inputs = {in, Constant(tensor)};
  if (bias != ir::kNone) inputs.push_back(Constant(bias));
  if (!status().ok()) return ir::kNone;
  return method_.Apply(name,
                       ir::Conv1d{.kernel = size.kernel,
                                  .stride = size.stride,
                                  .padding = size.padding,
                                  .dilation = size.dilation,
                                  .groups = size.groups,
                                  .padding_end = size.padding_end,
                                  .ends_last = size.ends_last},
                       inputs);
}

int Layers::Conv2d(const std::string& source, int in, const Conv2dSize& size, Bias bias) {
  if (!status().ok()) return ir::kNone;
  const int64_t channels = size.in_channels / size.groups, taps = size.kernel * size.kernel;
  if (weights_.Find(source + ".weight") == ir::kNone) {
    const std::vector<int64_t> shape =
        size.is_transposed ? std::vector<int64_t>{channels, size.out_channels, size.kernel, size.kernel}
                           : std::vector<int64_t>{size.out_channels, channels, size.kernel, size.kernel};
    std::vector<float> weight = weights_.Take(source + ".weight", shape);
    if (size.is_transposed) weight = SwapChannels(weight, channels, size.out_channels, taps);
    weights_.Add(source + ".weight", size.out_channels, taps * channels,
                 TapMajor(weight, size.out_channels, channels, taps));
  }
  const std::vector<int> inputs =
      WithBias(source, in, weights_.Find(source + ".weight"), size.out_channels, bias);
  if (!status().ok()) return ir::kNone;
  const auto u32 = [](int64_t x) { return static_cast<uint32_t>(x); };
  return method_.Apply(source,
                       ir::Conv2d{.in_channels = u32(size.in_channels),
                                  .kernel_rows = u32(size.kernel),
                                  .kernel_cols = u32(size.kernel),
                                  .stride_rows = u32(size.stride),
                                  .stride_cols = u32(size.stride),
                                  .padding_rows = u32(size.padding),
                                  .padding_cols = u32(size.padding),
                                  .groups = u32(size.groups),
                                  .transposed = size.is_transposed,
                                  .output_padding_rows = u32(size.output_padding),
                                  .output_padding_cols = u32(size.output_padding)},
                       inputs);
}

int Layers::BatchNorm(const std::string& source, int in, int64_t channels, double epsilon) {
  if (!status().ok()) return ir::kNone;
  const int64_t width = cols(in);
  if (weights_.Find(source + ".scale") == ir::kNone) {
    const std::vector<int64_t> shape = {channels};
    const std::vector<float> mean = weights_.Take(source + ".running_mean", shape);
    const std::vector<float> variance = weights_.Take(source + ".running_var", shape);
    const bool is_affine = weights_.Has(source + ".weight");
    const std::vector<float> gamma =
        is_affine ? weights_.Take(source + ".weight", shape) : std::vector<float>();
    const std::vector<float> beta = is_affine ? weights_.Take(source + ".bias", shape) : std::vector<float>();
    weights_.Drop(source + ".num_batches_tracked", {});
    if (!status().ok()) return ir::kNone;
    std::vector<float> scale(static_cast<size_t>(width)), shift(static_cast<size_t>(width));
    for (size_t i = 0; i < scale.size(); ++i) {
      const size_t c = i % static_cast<size_t>(channels);
      const double s = (is_affine ? static_cast<double>(gamma[c]) : 1.0) /
                       std::sqrt(static_cast<double>(variance[c]) + epsilon);
      scale[i] = static_cast<float>(s);
      shift[i] = static_cast<float>((is_affine ? static_cast<double>(beta[c]) : 0.0) -
                                    static_cast<double>(mean[c]) * s);
    }
    weights_.Add(source + ".scale", 1, width, std::move(scale));
    weights_.Add(source + ".shift", 1, width, std::move(shift));
  }
  return method_.Apply(
      source, ir::ScaleShift{},
      {in, Constant(weights_.Find(source + ".scale")), Constant(weights_.Find(source + ".shift"))});
}

int Layers::Embedding(const std::string& source, int ids, int64_t rows, int64_t table_cols) {
  const int table = Constant(weights_.Matrix(source + ".weight", rows, table_cols));
  return status().ok() ? method_.Apply(source, ir::Embedding{}, {ids, table}) : ir::kNone;
}

int Layers::Attention(const std::string& source, int q_in, int kv_in, const AttentionSize& size,
                      const AttentionNames& names) {
  const int64_t width = cols(q_in);
  const std::string prefix = source + ".";
  const int q = Linear(prefix + names.q, q_in, width, size.bias);
  const int k = Linear(prefix + names.k, kv_in, width, size.bias);
  const int v = Linear(prefix + names.v, kv_in, width, size.bias);
  const double head_dim = static_cast<double>(width) / static_cast<double>(size.heads);
  const ir::Attention attention = {.num_heads = size.heads,
                                   .num_kv_heads = size.heads,
                                   .scale = static_cast<float>(1.0 / std::sqrt(head_dim)),
                                   .pattern = size.pattern};
  const int mixed = method_.Apply(prefix + "attend", attention, {q, k, v});
  return Linear(prefix + names.out, mixed, width, size.bias);
}

int Layers::Activate(const std::string& name, ir::Activation activation, int in) {
  return method_.Apply(name, ir::Activate{activation}, {in});
}

int Layers::Binary(const std::string& name, ir::BinaryFunction function, int a, int b) {
  return method_.Apply(name, ir::Binary{.function = function}, {a, b});
}

int Layers::Scale(const std::string& name, int in, double factor) {
  return Multiply(name, in, Constant(weights_.Filled(static_cast<float>(factor))));
}

int Layers::Unary(const std::string& name, ir::UnaryFunction function, int in) {
  return method_.Apply(name, ir::Unary{.function = function}, {in});
}

int Layers::GatedUnit(const std::string& name, int in) {
  const int64_t half = cols(in) / 2;
  const int gate =
      Activate(name + ".gate", ir::Activation::kSigmoid, Columns(in, name + ".second", half, half));
  return Multiply(name, Columns(in, name + ".first", 0, half), gate);
}

int Layers::ExplicitAttention(const std::string& name, int q, int k, int v, const Scores& scores) {
  const uint32_t heads = static_cast<uint32_t>(scores.heads);
  int weights = method_.Apply(
      name + ".scores",
      ir::MatMul{
          .groups = heads, .transpose_b = true, .out_layout = ir::GroupLayout::Rows, .scale = scores.scale},
      {q, k});
  if (scores.bias != ir::kNone) weights = Add(name + ".biased", weights, scores.bias);
  weights = Softmax(name + ".weights", weights);
  return method_.Apply(name + ".attend", ir::MatMul{.groups = heads, .a_layout = ir::GroupLayout::Rows},
                       {weights, v});
}

int Layers::Columns(int value, const std::string& name, int64_t begin, int64_t count) {
  return method_.View(value, name, {.rows = method_.rows(value), .col_begin = begin, .cols = count});
}

int Layers::SideBySide(const std::string& name, int left, int right) {
  if (left == ir::kNone || right == ir::kNone) return left == ir::kNone ? right : left;
  if (!status().ok()) return ir::kNone;
  const int64_t left_cols = cols(left), right_cols = cols(right);
  const int all = method_.AddActivation(
      {.name = name, .rows = method_.rows(left), .cols = ir::Dim::Fixed(left_cols + right_cols)});
  method_.ApplyInto(name + ".copy_left", ir::Activate{}, {left}, Columns(all, name + ".left", 0, left_cols));
  method_.ApplyInto(name + ".copy_right", ir::Activate{}, {right},
                    Columns(all, name + ".right", left_cols, right_cols));
  return all;
}

Result<ir::Activation> ActivationNamed(const std::string& name) {
  static const std::map<std::string, ir::Activation> kNames = {
      {"relu", ir::Activation::kRelu},         {"gelu", ir::Activation::kGelu},
      {"silu", ir::Activation::kSilu},         {"swish", ir::Activation::kSilu},
      {"tanh", ir::Activation::kTanh},         {"sigmoid", ir::Activation::kSigmoid},
      {"gelu_new", ir::Activation::kGeluTanh}, {"gelu_pytorch_tanh", ir::Activation::kGeluTanh}};
  const auto known = kNames.find(name);
  if (known != kNames.end()) return known->second;
  return Status::Error(StatusCode::kUnsupported, "there is no activation function \"%s\"", name.c_str());
}

std::vector<float> Sinusoids(int64_t begin, int64_t rows, int64_t cols, const SinusoidLayout& layout) {
  std::vector<float> table(static_cast<size_t>(rows * cols));
  const int64_t half = cols / 2;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < half; ++i) {
      const double exponent = layout.tensor2tensor ? static_cast<double>(i) / static_cast<double>(half - 1)
                                                   : 2.0 * static_cast<double>(i) / static_cast<double>(cols);
      const double angle = static_cast<double>(begin + row) * std::pow(layout.base, -exponent);
      float* out = table.data() + row * cols;
      out[layout.interleaved ? 2 * i : i] = static_cast<float>(std::sin(angle));
      out[layout.interleaved ? 2 * i + 1 : half + i] = static_cast<float>(std::cos(angle));
    }
  }
  return table;
}

}  // namespace earshot::blocks
