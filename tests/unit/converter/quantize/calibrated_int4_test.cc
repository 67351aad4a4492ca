// Calibrated int4: the triangular factor, and what it does to the error of a layer's output.
#include "converter/quantize/calibrated_int4.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "converter/ir/graph.h"
#include "converter/quantize/input_moments.h"
#include "converter/quantize/weight_quantizer.h"
#include "runtime/core/dtype.h"
#include "runtime/core/thread_pool.h"

namespace earshot::quantize {
namespace {

constexpr uint32_t kSeed = 4;

ir::Tensor RandomTensor(int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  ir::Tensor tensor;
  tensor.name = "t";
  tensor.rows = rows;
  tensor.cols = cols;
  tensor.values.resize(static_cast<size_t>(rows * cols));
  for (float& value : tensor.values) value = normal(random);
  return tensor;
}

// Rows of few hidden factors and a little noise, as the inputs of layers are: neighbours go together.
std::vector<std::vector<float>> CorrelatedRows(size_t count, size_t cols) {
  constexpr size_t kFactors = 6;
  std::mt19937 random(kSeed);
  std::normal_distribution<float> normal;
  std::vector<float> loadings(kFactors * cols);
  for (float& loading : loadings) loading = normal(random);
  std::vector<std::vector<float>> rows(count, std::vector<float>(cols));
  for (std::vector<float>& row : rows) {
    for (float& value : row) value = 0.1f * normal(random);
    for (size_t factor = 0; factor < kFactors; ++factor) {
      const float strength = normal(random);
      for (size_t col = 0; col < cols; ++col) row[col] += strength * loadings[factor * cols + col];
    }
  }
  return rows;
}

// Sum of squares of (W - decoded) x over the rows x.
double OutputError(const std::vector<float>& original, const ir::Tensor& encoded,
                   const std::vector<std::vector<float>>& rows) {
  const std::vector<float> decoded = DecodeTensor(encoded);
  const auto cols = static_cast<size_t>(encoded.cols);
  double sum = 0.0;
  for (const std::vector<float>& x : rows) {
    for (size_t begin = 0; begin < original.size(); begin += cols) {
      double error = 0.0;
      for (size_t i = 0; i < cols; ++i)
        error += static_cast<double>(original[begin + i] - decoded[begin + i]) * static_cast<double>(x[i]);
      sum += error * error;
    }
  }
  return sum;
}

TEST_CASE("moments are the sums of the products of all rows added", "[calibrated_int4]") {
  constexpr size_t kCols = 32;
  for (const size_t count : {1u, 63u, 64u, 65u, 130u}) {
    INFO("rows " << count << ", seed " << kSeed);
    const auto rows = CorrelatedRows(count, kCols);
    InputMoments moments(kCols);
    for (const auto& row : rows) moments.Add(row, ThreadPool());
    CHECK(moments.count() == static_cast<int64_t>(count));
    const std::vector<float> products = moments.Products(ThreadPool());
    for (size_t i = 0; i < kCols; ++i) {
      for (size_t j = i; j < kCols; ++j) {
        double sum = 0.0, magnitude = 0.0;
        for (const auto& row : rows) {
          const double product = static_cast<double>(row[i]) * static_cast<double>(row[j]);
          sum += product;
          magnitude += std::abs(product);
        }
        // Each of `count` additions rounds to half a unit in the last place.
        const double bound = magnitude * static_cast<double>(count) * 0x1p-24;
        REQUIRE(std::abs(static_cast<double>(products[i * kCols + j]) - sum) <= bound);
      }
    }
  }
}

TEST_CASE("the factor is that of the inverse of the damped moments", "[calibrated_int4]") {
  constexpr size_t kCols = 32;
  INFO("seed " << kSeed);
  InputMoments moments(kCols);
  for (const auto& row : CorrelatedRows(400, kCols)) moments.Add(row, ThreadPool());
  const std::vector<float>& h = moments.Products(ThreadPool());
  const std::vector<float> u = FactorOfInverse(h, kCols);
  double mean = 0.0;
  for (size_t i = 0; i < kCols; ++i) mean += static_cast<double>(h[i * kCols + i]) / kCols;
  for (size_t i = 0; i < kCols; ++i) {
    for (size_t j = 0; j < i; ++j) REQUIRE(u[i * kCols + j] == 0.0f);
    for (size_t j = 0; j < kCols; ++j) {
      // Row i of U^T U times column j of the moments.
      double sum = 0.0;
      for (size_t k = 0; k < kCols; ++k) {
        double inverse = 0.0;
        for (size_t l = 0; l <= std::min(i, k); ++l)
          inverse += static_cast<double>(u[l * kCols + i]) * static_cast<double>(u[l * kCols + k]);
        const double damping = k == j ? 0.01 * mean : 0.0;
        sum += inverse * (static_cast<double>(h[std::min(k, j) * kCols + std::max(k, j)]) + damping);
      }
      // f32 elements of U, times a condition number of at most n / 0.01.
      REQUIRE(std::abs(sum - (i == j ? 1.0 : 0.0)) < 100.0 * kCols * 0x1p-22);
    }
  }
}

TEST_CASE("inputs that have nothing in common change nothing", "[calibrated_int4]") {
  constexpr int64_t kCols = 64;
  INFO("seed " << kSeed);
  std::vector<float> moments(static_cast<size_t>(kCols * kCols));
  for (int64_t i = 0; i < kCols; ++i) moments[static_cast<size_t>(i * kCols + i)] = 4.0f;
  ir::Tensor plain = RandomTensor(8, kCols, kSeed), calibrated = plain;
  EncodeTensor(plain, DType::kI4);
  EncodeInt4Calibrated(calibrated, FactorOfInverse(moments, kCols));
  CHECK(calibrated.dtype == DType::kI4);
  CHECK(calibrated.values.empty());
  CHECK(calibrated.data == plain.data);
  CHECK(calibrated.scales == plain.scales);
}

TEST_CASE("on inputs that go together the output's error falls", "[calibrated_int4]") {
  constexpr int64_t kCols = 96;
  INFO("seed " << kSeed);
  const auto rows = CorrelatedRows(500, kCols);
  InputMoments moments(kCols);
  for (const auto& row : rows) moments.Add(row, ThreadPool());
  ir::Tensor plain = RandomTensor(16, kCols, kSeed + 1), calibrated = plain;
  const std::vector<float> original = plain.values;
  EncodeTensor(plain, DType::kI4);
  EncodeInt4Calibrated(calibrated, FactorOfInverse(moments.Products(ThreadPool()), kCols));
  // Six directions carry nearly all of the inputs; 90 columns are free to make up for errors in them.
  CHECK(OutputError(original, calibrated, rows) < 0.2 * OutputError(original, plain, rows));
}

TEST_CASE("inputs that were always zero do not stop it", "[calibrated_int4]") {
  ir::Tensor tensor = RandomTensor(2, 32, kSeed);
  const std::vector<float> original = tensor.values;
  EncodeInt4Calibrated(tensor, FactorOfInverse(std::vector<float>(32 * 32), 32));
  const QuantizationError error = MeasureError(original, DecodeTensor(tensor));
  CHECK(error.snr_db() > 15.0);
}

}  // namespace
}  // namespace earshot::quantize
