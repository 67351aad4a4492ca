// Packed layers of int8 weights: the scalar twin reads from them what the layer means.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <vector>

#include "runtime/kernels/reference.h"
#include "tests/kernels/dense_int8_testing.h"

namespace earshot {
namespace {

using testing::DenseInt8Case;
using testing::DenseInt8Shape;
using testing::GuardedMatrix;

TEST_CASE("a packed layer computes what the unpacked one means", "[quick]") {
  const auto& layout = GENERATE(kernels::kNeonLayout, kernels::kX86Layout, kernels::kX86Int4Layout);
  for (const DenseInt8Shape& shape :
       {DenseInt8Shape{1, 1, 1}, DenseInt8Shape{3, 15, 7}, DenseInt8Shape{2, 16, 8}, DenseInt8Shape{2, 17, 9},
        DenseInt8Shape{5, 100, 29}}) {
    DenseInt8Case layer(layout, shape);
    layer.Pack();
    GuardedMatrix<float> out(shape.rows, shape.out_channels, shape.out_channels + 3);
    kernels::reference::MultiplyDenseInt8(layer.JobFor(out.view()));
    for (int64_t m = 0; m < shape.rows; ++m) {
      const kernels::RowQuantization& row = layer.quantization[static_cast<size_t>(m)];
      for (int64_t n = 0; n < shape.out_channels; ++n) {
        double sum = 0;
        for (int64_t k = 0; k < shape.in_channels; ++k)
          sum += (layer.in.view().Row(m)[k] - row.zero_point) * layer.weights.view().Row(n)[k];
        const double product = sum * row.scale * layer.scales[static_cast<size_t>(n)];
        const double bias = layer.bias[static_cast<size_t>(n)];
        // Two multiplications and an addition, each with a rounding of 2^-24.
        const double bound = 3 * 0x1p-24 * (std::abs(product) + std::abs(bias));
        CHECK(std::abs(out.view().Row(m)[n] - (product + bias)) <= bound);
      }
    }
    CHECK(out.GapsIntact());
  }
}

TEST_CASE("a layer without a bias is packed with zeros", "[quick]") {
  const auto& layout = GENERATE(kernels::kNeonLayout, kernels::kX86Layout);
  DenseInt8Case layer(layout, {.rows = 1, .in_channels = 20, .out_channels = 5});
  const std::vector<float> zeros(5, 0.0f);
  std::vector<std::byte> with(kernels::PackedDenseInt8Bytes(layout, 5, 20)), without(with.size());
  kernels::DenseInt8Weights weights = {.weights = layer.weights.const_view(), .scales = layer.scales.data()};
  kernels::PackDenseInt8(layout, weights, without.data());
  weights.bias = zeros.data();
  kernels::PackDenseInt8(layout, weights, with.data());
  CHECK(with == without);
}

}  // namespace
}  // namespace earshot
