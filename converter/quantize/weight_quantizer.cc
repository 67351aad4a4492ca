// int8 by rows, int4 by blocks, f16.
#include "converter/quantize/weight_quantizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "converter/quantize/int4_block.h"
#include "converter/quantize/rounding.h"
#include "runtime/core/float16.h"
#include "runtime/core/typed_bytes.h"
#include "runtime/kernels/kernels.h"

namespace earshot::quantize {
namespace {

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

void EncodeInt4Block(Int4Block block, size_t block_index, ir::Tensor& tensor) {
  static constexpr std::array<float, kInt4Block> kAllAlike = [] {
    std::array<float, kInt4Block> ones{};
    ones.fill(1.0f);
    return ones;
  }();
  const uint16_t bits = BestInt4Scale(block, kAllAlike);
  const float inverse_scale = 1.0f / BFloat16ToFloat(bits);
  std::array<float, kInt4Block> integers;
  for (size_t i = 0; i < kInt4Block; ++i) integers[i] = QuantizeInt4(block[i], inverse_scale);
  StoreInt4Block(tensor, block_index, bits, integers);
}

size_t ScalesBytes(DType dtype, size_t rows, size_t cols) {
  if (dtype == DType::kI8) return rows * sizeof(float);
  if (dtype == DType::kI4) return rows * (cols / kInt4Block) * sizeof(uint16_t);
  return 0;
}

}  // namespace

std::vector<float> TakeValues(ir::Tensor& tensor, DType dtype) {
  std::vector<float> values = std::move(tensor.values);
  tensor.values = {};
  tensor.dtype = dtype;
  tensor.data.assign(static_cast<size_t>(DTypeBytes(dtype, values.size())), std::byte{0});
  tensor.scales.assign(ScalesBytes(dtype, static_cast<size_t>(tensor.rows), static_cast<size_t>(tensor.cols)),
                       std::byte{0});
  return values;
}

void EncodeTensor(ir::Tensor& tensor, DType dtype) {
  const std::vector<float> values = TakeValues(tensor, dtype);
  const auto rows = static_cast<size_t>(tensor.rows), cols = static_cast<size_t>(tensor.cols);
  const std::span<const float> all(values);
  switch (dtype) {
    case DType::kI8:
      for (size_t row = 0; row < rows; ++row) EncodeInt8Row(all.subspan(row * cols, cols), row, tensor);
      break;
    case DType::kI4:
      for (size_t block = 0; block < values.size() / kInt4Block; ++block) {
        EncodeInt4Block(all.subspan(block * kInt4Block).first<kInt4Block>(), block, tensor);
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
