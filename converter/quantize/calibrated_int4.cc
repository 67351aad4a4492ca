// Two triangular factors, then one row of weights after the other.
#include "converter/quantize/calibrated_int4.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "converter/quantize/int4_block.h"
#include "converter/quantize/weight_quantizer.h"
#include "runtime/core/float16.h"

namespace earshot::quantize {
namespace {

constexpr double kDampingShare = 0.01;

// R upper triangular with R R^T = H + damping I: Cholesky from the last row to the first.
std::vector<double> UpperCholesky(std::span<const float> moments, size_t n) {
  double mean = 0.0;
  for (size_t i = 0; i < n; ++i) mean += static_cast<double>(moments[i * n + i]) / static_cast<double>(n);
  const double damping = mean > 0.0 ? kDampingShare * mean : 1.0;
  std::vector<double> r(n * n);
  for (size_t j = n; j-- > 0;) {
    for (size_t i = j + 1; i-- > 0;) {
      double sum = static_cast<double>(moments[i * n + j]) + (i == j ? damping : 0.0);
      for (size_t k = j + 1; k < n; ++k) sum -= r[i * n + k] * r[j * n + k];
      r[i * n + j] = i == j ? std::sqrt(sum) : sum / r[j * n + j];
    }
  }
  return r;
}

// Rounds one block of a row, and changes what is behind it.
void RoundBlock(std::span<float> row, std::span<const float> factor, size_t begin, float scale,
                std::span<float, kInt4Block> integers) {
  const size_t n = row.size(), end = begin + kInt4Block;
  const float inverse_scale = 1.0f / scale;
  std::array<float, kInt4Block> errors;
  for (size_t j = begin; j < end; ++j) {
    const float integer = QuantizeInt4(row[j], inverse_scale);
    const float* u = factor.data() + j * n;
    const float error = (row[j] - integer * scale) / u[j];
    for (size_t k = j + 1; k < end; ++k) row[k] -= error * u[k];
    integers[j - begin] = integer;
    errors[j - begin] = error;
  }
  for (size_t j = begin; j < end; ++j) {
    const float error = errors[j - begin];
    const float* u = factor.data() + j * n;
    for (size_t k = end; k < n; ++k) row[k] -= error * u[k];
  }
}

void EncodeRow(std::span<float> row, std::span<const float> factor, size_t row_index, ir::Tensor& tensor) {
  const size_t n = row.size();
  std::array<float, kInt4Block> importance, integers;
  for (size_t begin = 0; begin < n; begin += kInt4Block) {
    for (size_t i = 0; i < kInt4Block; ++i) {
      const float diagonal = factor[(begin + i) * n + begin + i];
      importance[i] = 1.0f / (diagonal * diagonal);
    }
    const Int4Block block = std::span<const float>(row).subspan(begin).first<kInt4Block>();
    const uint16_t bits = BestInt4Scale(block, importance);
    RoundBlock(row, factor, begin, BFloat16ToFloat(bits), integers);
    StoreInt4Block(tensor, (row_index * n + begin) / kInt4Block, bits, integers);
  }
}

}  // namespace

std::vector<float> FactorOfInverse(std::span<const float> moments, int64_t size) {
  const auto n = static_cast<size_t>(size);
  const std::vector<double> r = UpperCholesky(moments, n);
  // The inverse of an upper triangle, row by row from the last.
  std::vector<double> u(n * n);
  for (size_t i = n; i-- > 0;) {
    u[i * n + i] = 1.0 / r[i * n + i];
    for (size_t k = i + 1; k < n; ++k) {
      const double share = -r[i * n + k] / r[i * n + i];
      for (size_t j = k; j < n; ++j) u[i * n + j] += share * u[k * n + j];
    }
  }
  return {u.begin(), u.end()};
}

void EncodeInt4Calibrated(ir::Tensor& tensor, std::span<const float> factor) {
  std::vector<float> values = TakeValues(tensor, DType::kI4);
  const auto rows = static_cast<size_t>(tensor.rows), cols = static_cast<size_t>(tensor.cols);
  for (size_t row = 0; row < rows; ++row)
    EncodeRow(std::span(values).subspan(row * cols, cols), factor, row, tensor);
}

}  // namespace earshot::quantize
