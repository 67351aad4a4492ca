// int8 by rows, int4 by blocks, f16.
#include "converter/quantize/weight_quantizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "runtime/core/float16.h"
#include "runtime/core/typed_bytes.h"
#include "runtime/kernels/kernels.h"

namespace earshot::quantize {
namespace {

// Rows and blocks without anything larger than this times their integer range become zeros. XNNPACK
// multiplies scales by small factors when it packs, so they keep a distance from the subnormal numbers.
constexpr float kSmallestScale = 0x1p-100f;

constexpr size_t kBlock = static_cast<size_t>(kI4BlockElems);

// Nearest integer, ties to even, for |value| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction. Unlike
// std::nearbyint it needs no library call, which makes the search over block scales three times faster.
float RoundToNearest(float value) {
  constexpr float kNoFraction = 12582912.0f;
  return (value + kNoFraction) - kNoFraction;
}

float LargestMagnitude(std::span<const float> values) {
  float largest = 0.0f;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

template <class T>
void Store(std::vector<std::byte>& bytes, size_t index, T value) {
  std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
}

template <class T>
T Load(const std::vector<std::byte>& bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

void EncodeInt8Row(std::span<const float> row, size_t row_index, ir::Tensor& tensor) {
  const float scale = LargestMagnitude(row) / 127.0f;
  Store(tensor.scales, row_index, scale < kSmallestScale ? 1.0f : scale);
  if (scale < kSmallestScale) return;  // zeros already
  for (size_t i = 0; i < row.size(); ++i) {
    const float q = std::clamp(RoundToNearest(row[i] / scale), -127.0f, 127.0f);
    Store(tensor.data, row_index * row.size() + i, static_cast<int8_t>(q));
  }
}

float QuantizeInt4(float value, float inverse_scale) {
  return std::clamp(RoundToNearest(value * inverse_scale), -8.0f, 7.0f);
}

float SquaredError(std::span<const float, kBlock> block, float scale) {
  const float inverse_scale = 1.0f / scale;
  std::array<float, kBlock> squares;
  for (size_t i = 0; i < kBlock; ++i) {
    const float error = block[i] - QuantizeInt4(block[i], inverse_scale) * scale;
    squares[i] = error * error;
  }
  // Pairs instead of one running sum: the same on every machine, and several at a time.
  for (size_t width = kBlock / 2; width >= 1; width /= 2) {
    for (size_t i = 0; i < width; ++i) squares[i] += squares[i + width];
  }
  return squares[0];
}

// bf16 bits of the scale with the least squared error. Candidates map the largest magnitude to 5.5 ... 9:
// above 8 (7 for a positive number) they clip it.
uint16_t BestInt4Scale(std::span<const float, kBlock> block) {
  const float largest = LargestMagnitude(block);
  uint16_t best_bits = FloatToBFloat16(1.0f);
  if (largest / 9.0f < kSmallestScale) return best_bits;
  float best_error = std::numeric_limits<float>::infinity();
  for (float target = 9.0f; target >= 5.5f; target -= 0.25f) {
    const uint16_t bits = FloatToBFloat16(largest / target);
    const float error = SquaredError(block, BFloat16ToFloat(bits));
    if (error < best_error) {
      best_error = error;
      best_bits = bits;
    }
  }
  return best_bits;
}

void EncodeInt4Block(std::span<const float, kBlock> block, size_t block_index, ir::Tensor& tensor) {
  const uint16_t bits = BestInt4Scale(block);
  Store(tensor.scales, block_index, bits);
  const float inverse_scale = 1.0f / BFloat16ToFloat(bits);
  for (size_t i = 0; i < kBlock; i += 2) {
    const auto low = static_cast<unsigned>(QuantizeInt4(block[i], inverse_scale) + 8.0f);
    const auto high = static_cast<unsigned>(QuantizeInt4(block[i + 1], inverse_scale) + 8.0f);
    Store(tensor.data, (block_index * kBlock + i) / 2, static_cast<uint8_t>(low | (high << 4)));
  }
}

size_t ScalesBytes(DType dtype, size_t rows, size_t cols) {
  if (dtype == DType::kI8) return rows * sizeof(float);
  if (dtype == DType::kI4) return rows * (cols / kBlock) * sizeof(uint16_t);
  return 0;
}

}  // namespace

void EncodeTensor(ir::Tensor& tensor, DType dtype) {
  const std::vector<float> values = std::move(tensor.values);
  const auto rows = static_cast<size_t>(tensor.rows), cols = static_cast<size_t>(tensor.cols);
  tensor.values = {};
  tensor.dtype = dtype;
  tensor.data.assign(static_cast<size_t>(DTypeBytes(dtype, values.size())), std::byte{0});
  tensor.scales.assign(ScalesBytes(dtype, rows, cols), std::byte{0});
  const std::span<const float> all(values);
  switch (dtype) {
    case DType::kI8:
      for (size_t row = 0; row < rows; ++row) EncodeInt8Row(all.subspan(row * cols, cols), row, tensor);
      break;
    case DType::kI4:
      for (size_t block = 0; block < values.size() / kBlock; ++block) {
        EncodeInt4Block(all.subspan(block * kBlock).first<kBlock>(), block, tensor);
      }
      break;
    case DType::kF16:
      for (size_t i = 0; i < values.size(); ++i) Store(tensor.data, i, ToFloat16(values[i]));
      break;
    case DType::kF32:
    case DType::kI32:
      std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
      break;
  }
}

std::vector<float> DecodeTensor(const ir::Tensor& tensor) {
  const auto rows = static_cast<size_t>(tensor.rows), cols = static_cast<size_t>(tensor.cols);
  std::vector<float> values(rows * cols);
  const auto* data = ElementsAt<uint8_t>(tensor.data.data());
  switch (tensor.dtype) {
    case DType::kI8:
      for (size_t row = 0; row < rows; ++row) {
        kernels::DequantizeI8(reinterpret_cast<const int8_t*>(data) + row * cols,
                              Load<float>(tensor.scales, row), std::span(values).subspan(row * cols, cols));
      }
      break;
    case DType::kI4:
      kernels::DequantizeI4(data, ElementsAt<uint16_t>(tensor.scales.data()), values);
      break;
    case DType::kF16:
      for (size_t i = 0; i < values.size(); ++i) values[i] = ToFloat(Load<Float16>(tensor.data, i));
      break;
    case DType::kF32:
    case DType::kI32:
      std::memcpy(values.data(), data, tensor.data.size());
      break;
  }
  return values;
}

double QuantizationError::snr_db() const {
  return rms_error == 0.0 ? std::numeric_limits<double>::infinity()
                          : 20.0 * std::log10(signal_rms / rms_error);
}

QuantizationError MeasureError(std::span<const float> original, std::span<const float> decoded) {
  QuantizationError result;
  double squared_error = 0.0, squared_signal = 0.0;
  for (size_t i = 0; i < original.size(); ++i) {
    const float error = std::abs(original[i] - decoded[i]);
    result.max_error = std::max(result.max_error, error);
    squared_error += static_cast<double>(error) * static_cast<double>(error);
    squared_signal += static_cast<double>(original[i]) * static_cast<double>(original[i]);
  }
  const double count = static_cast<double>(std::max<size_t>(original.size(), 1));
  result.rms_error = std::sqrt(squared_error / count);
  result.signal_rms = std::sqrt(squared_signal / count);
  return result;
}

}  // namespace earshot::quantize
