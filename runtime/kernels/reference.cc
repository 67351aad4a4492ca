// The scalar twins.
#include "runtime/kernels/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace earshot::kernels::reference {
namespace {

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

double ActivateOne(Activation activation, double x) {
  const double floor =
      std::max(x, -std::numeric_limits<double>::max());  // the limit at -inf instead of -inf * 0
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return floor * 0.5 * std::erfc(-x / std::numbers::sqrt2);
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kSilu:
      return floor * Sigmoid(x);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kSigmoid:
      return Sigmoid(x);
    case Activation::kGeluTanh: {
      const double y = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
      return floor * Sigmoid(2.0 * y);
    }
  }
  return x;
}

}  // namespace

void Activate(Activation activation, Matrix<const float> in, Matrix<float> out) {
  for (int64_t row = 0; row < in.rows; ++row) {
    for (int64_t col = 0; col < in.cols; ++col) {
      out.Row(row)[col] = static_cast<float>(ActivateOne(activation, in.Row(row)[col]));
    }
  }
}

void LayerNorm(const LayerNormParams& params, Matrix<const float> in, Matrix<float> out) {
  const double count = static_cast<double>(in.cols);
  for (int64_t row = 0; row < in.rows; ++row) {
    const float* x = in.Row(row);
    double mean = 0.0;
    for (int64_t col = 0; col < in.cols; ++col) mean += x[col] / count;
    double variance = 0.0;
    for (int64_t col = 0; col < in.cols; ++col) variance += (x[col] - mean) * (x[col] - mean) / count;
    const double deviation = std::sqrt(variance + static_cast<double>(params.epsilon));
    for (int64_t col = 0; col < in.cols; ++col) {
      const double shift = params.beta == nullptr ? 0.0 : params.beta[col];
      out.Row(row)[col] = static_cast<float>((x[col] - mean) / deviation * params.gamma[col] + shift);
    }
  }
}

void Add(Matrix<const float> a, Matrix<const float> b, Matrix<float> out) {
  for (int64_t row = 0; row < a.rows; ++row) {
    for (int64_t col = 0; col < a.cols; ++col) {
      out.Row(row)[col] = a.Row(row)[col] + b.Row(b.rows == 1 ? 0 : row)[col];
    }
  }
}

void ConvertToF16(Matrix<const float> in, Matrix<Float16> out) {
  for (int64_t row = 0; row < in.rows; ++row) {
    for (int64_t col = 0; col < in.cols; ++col) out.Row(row)[col] = ToFloat16(in.Row(row)[col]);
  }
}

void ConvertToF32(Matrix<const Float16> in, Matrix<float> out) {
  for (int64_t row = 0; row < in.rows; ++row) {
    for (int64_t col = 0; col < in.cols; ++col) out.Row(row)[col] = ToFloat(in.Row(row)[col]);
  }
}

void QuantizeGroups(Matrix<const float> in, const QuantizedGroups& out) {
  const int64_t group = in.cols / out.scales.cols;
  for (int64_t row = 0; row < in.rows; ++row) {
    for (int64_t g = 0; g < out.scales.cols; ++g) {
      const float* from = in.Row(row) + g * group;
      int8_t* to = out.values.Row(row) + g * out.group_stride;
      float magnitude = kSmallestMagnitude;
      for (int64_t i = 0; i < group; ++i) magnitude = std::max(magnitude, std::abs(from[i]));
      out.scales.Row(row)[g * out.scale_stride] = magnitude / 127.0f;
      for (int64_t i = 0; i < group; ++i)
        to[i] = static_cast<int8_t>(std::nearbyint(from[i] * (127.0f / magnitude)));
    }
  }
}

void DequantizeI8(const int8_t* in, float scale, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(in[i]) * scale;
}

void DequantizeI4(const uint8_t* in, const uint16_t* scales, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const int nibble = (in[i / 2] >> (i % 2 * 4)) & 15;
    out[i] = static_cast<float>(nibble - 8) * BFloat16ToFloat(scales[i / kI4BlockElems]);
  }
}

MaxResult Max(std::span<const float> in) {
  MaxResult best = {-std::numeric_limits<float>::infinity(), 0};
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] > best.value) best = {in[i], static_cast<int64_t>(i)};
  }
  return best;
}

float LogSumExp(std::span<const float> in) {
  const double largest = in.empty() ? -std::numeric_limits<double>::infinity() : Max(in).value;
  if (std::isinf(largest)) return static_cast<float>(largest);
  double sum = 0.0;
  for (const float x : in) sum += std::exp(x - largest);
  return static_cast<float>(largest + std::log(sum));
}

}  // namespace earshot::kernels::reference
