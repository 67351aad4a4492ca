// Layer normalization against its scalar twin.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/reference.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot {
namespace {

using testing::ForEachShape;
using testing::ForEachSimdTarget;
using testing::GuardedMatrix;
using testing::Random;

constexpr double kEpsilon = std::numeric_limits<float>::epsilon();

// Fails unless out is within the rounding errors of f32: the mean of N numbers of size `magnitude` is off by
// at most about sqrt(N) / 4 roundings of its partial sums (16 or more partial sums of N / 16 terms each),
// which the division by the deviation of the row enlarges; a few more roundings follow.
void CheckLayerNorm(const GuardedMatrix<float>& in, const kernels::LayerNormParams& params, double magnitude,
                    double deviation, int64_t stride, int64_t end_gap) {
  const int64_t rows = in.view().rows, cols = in.view().cols;
  GuardedMatrix<float> out(rows, cols, stride, end_gap), expected(rows, cols, cols);
  kernels::LayerNorm(params, in.const_view(), out.view());
  kernels::reference::LayerNorm(params, in.const_view(), expected.view());
  const double tolerance =
      kEpsilon * (4.0 + std::sqrt(static_cast<double>(cols)) / 4.0) * (magnitude / deviation + 4.0);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      const double got = out.view().Row(row)[col], want = expected.view().Row(row)[col];
      if (!(std::abs(got - want) <= tolerance * (1.0 + std::abs(want))))
        FAIL(got << " != " << want << " at " << row << ", " << col);
    }
  }
  CHECK(out.GapsIntact());
}

TEST_CASE("layer norm equals its twin for all tails, strides and alignments", "[quick]") {
  ForEachSimdTarget([] {
    ForEachShape([](int64_t cols, int64_t rows, int64_t stride, int64_t end_gap) {
      Random random(static_cast<uint64_t>(cols) + 11);
      GuardedMatrix<float> in(rows, cols, stride, end_gap), gamma(1, cols, cols, end_gap),
          beta(1, cols, cols);
      in.FillWith([&] { return random.Uniform() + 0.5f; });
      gamma.FillWith([&] { return random.Uniform(); });
      beta.FillWith([&] { return random.Uniform(); });
      // A row of two or three numbers may have a much smaller deviation than its distribution: 0.05 covers
      // those of this seed.
      const double deviation = cols < 8 ? 0.05 : 0.5;
      CheckLayerNorm(in, {.gamma = gamma.view().data, .beta = beta.view().data}, 1.5, deviation, stride,
                     end_gap);
      CheckLayerNorm(in, {.gamma = gamma.view().data}, 1.5, deviation, stride, end_gap);
    });
  });
}

TEST_CASE("layer norm of rows far from zero does not cancel", "[quick]") {
  ForEachSimdTarget([] {
    Random random(5);
    GuardedMatrix<float> in(2, 384, 384), gamma(1, 384, 384);
    in.FillWith([&] { return 1000.0f + random.Uniform(); });
    gamma.FillWith([] { return 1.0f; });
    CheckLayerNorm(in, {.gamma = gamma.view().data}, 1001.0, 0.57, 384, 0);
  });
}

TEST_CASE("layer norm of a constant row is beta", "[quick]") {
  ForEachSimdTarget([] {
    GuardedMatrix<float> in(1, 37, 37), gamma(1, 37, 37), beta(1, 37, 37), out(1, 37, 37);
    in.FillWith([] { return 0.25f; });
    gamma.FillWith([] { return 3.0f; });
    beta.FillWith([] { return -7.0f; });
    kernels::LayerNorm({.gamma = gamma.view().data, .beta = beta.view().data}, in.const_view(), out.view());
    for (const float x : out.row(0)) CHECK(x == -7.0f);
  });
}

TEST_CASE("layer norm works in place", "[quick]") {
  ForEachSimdTarget([] {
    Random random(7);
    GuardedMatrix<float> data(3, 41, 44), gamma(1, 41, 41), expected(3, 41, 44);
    data.FillWith([&] { return random.Uniform(); });
    gamma.FillWith([&] { return random.Uniform(); });
    kernels::LayerNorm({.gamma = gamma.view().data}, data.const_view(), expected.view());
    kernels::LayerNorm({.gamma = gamma.view().data}, data.const_view(), data.view());
    for (int64_t row = 0; row < 3; ++row) {
      for (int64_t col = 0; col < 41; ++col)
        CHECK(data.view().Row(row)[col] == expected.view().Row(row)[col]);
    }
  });
}

}  // namespace
}  // namespace earshot
