// Compiled for ARM only, where every CPU can run the kernel.
#include <catch2/catch_test_macros.hpp>

#include "tests/kernels/dense_int8_testing.h"

namespace earshot {
namespace {

using testing::CheckAgainstTwin;
using testing::DenseInt8Case;
using testing::DenseInt8Shape;

TEST_CASE("int8 layers in NEON equal their twin, with all tails and alignments", "[quick]") {
  for (int64_t rows = 1; rows <= 5; ++rows) {
    for (int64_t in_channels = 1; in_channels <= 35; ++in_channels) {
      for (int64_t out_channels = 1; out_channels <= 18; ++out_channels) {
        const DenseInt8Shape shape = {rows, in_channels, out_channels, (in_channels + out_channels) % 16};
        DenseInt8Case layer(kernels::kNeonLayout, shape);
        layer.Pack();
        CheckAgainstTwin("NEON", &kernels::MultiplyDenseInt8Neon, layer);
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
      CheckAgainstTwin("NEON", &kernels::MultiplyDenseInt8Neon, layer);
    }
  }
}

}  // namespace
}  // namespace earshot
