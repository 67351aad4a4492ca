// Compiled for ARM only, where every CPU can run the kernel.
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "runtime/kernels/reference.h"
#include "tests/kernels/dense_int8_testing.h"

namespace earshot {
namespace {

using testing::DenseInt8Case;
using testing::DenseInt8Shape;
using testing::GuardedMatrix;

void CheckAgainstTwin(const DenseInt8Shape& shape, DenseInt8Case& layer) {
  GuardedMatrix<float> out(shape.rows, shape.out_channels, shape.out_channels + 1);
  GuardedMatrix<float> expected(shape.rows, shape.out_channels, shape.out_channels);
  kernels::MultiplyDenseInt8Neon(layer.JobFor(out.view()));
  kernels::reference::MultiplyDenseInt8(layer.JobFor(expected.view()));
  for (int64_t m = 0; m < shape.rows; ++m) {
    for (int64_t n = 0; n < shape.out_channels; ++n) {
      const float got = out.view().Row(m)[n], want = expected.view().Row(m)[n];
      // The sums are the same; the kernel rounds twice, its twin three times, by 2^-24 each.
      const float bias = layer.bias[static_cast<size_t>(n)];
      const float bound = 5 * 0x1p-24f * (std::abs(want - bias) + std::abs(bias));
      if (!(std::abs(got - want) <= bound))
        FAIL("row " << m << " column " << n << ": " << got << ", not " << want);
    }
  }
  CHECK(out.GapsIntact());
}

TEST_CASE("int8 layers in NEON equal their twin, with all tails and alignments", "[quick]") {
  for (int64_t rows = 1; rows <= 5; ++rows) {
    for (int64_t in_channels = 1; in_channels <= 35; ++in_channels) {
      for (int64_t out_channels = 1; out_channels <= 18; ++out_channels) {
        const DenseInt8Shape shape = {rows, in_channels, out_channels, (in_channels + out_channels) % 16};
        DenseInt8Case layer(kernels::kNeonLayout, shape);
        layer.Pack();
        CheckAgainstTwin(shape, layer);
      }
    }
  }
}

TEST_CASE("sums of the largest products stay exact in NEON", "[quick]") {
  const DenseInt8Shape shape = {.rows = 3, .in_channels = 1536, .out_channels = 11};
  for (const int8_t value : {int8_t{-128}, int8_t{127}}) {
    for (const int8_t weight : {int8_t{-127}, int8_t{127}}) {
      DenseInt8Case layer(kernels::kNeonLayout, shape);
      layer.in.FillWith([value] { return value; });
      layer.weights.FillWith([weight] { return weight; });
      layer.Pack();
      CheckAgainstTwin(shape, layer);
    }
  }
}

}  // namespace
}  // namespace earshot
