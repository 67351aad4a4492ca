// Activations against their scalar twins.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/reference.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot {
namespace {

using kernels::Activation;
using testing::ForEachShape;
using testing::ForEachSimdTarget;
using testing::GuardedMatrix;
using testing::Random;

// What kernels.h promises.
constexpr double kMaxError = 2e-6;

std::vector<Activation> AllActivations() {
  std::vector<Activation> all;
  for (int i = 0; i < kernels::kNumActivations; ++i) all.push_back(static_cast<Activation>(i));
  return all;
}

// Largest |out - expected| / max(1, |x|).
double LargestError(Activation activation, std::vector<float> in) {
  const int64_t count = static_cast<int64_t>(in.size());
  std::vector<float> out(in.size()), expected(in.size());
  kernels::Activate(activation, {in.data(), 1, count, count}, {out.data(), 1, count, count});
  kernels::reference::Activate(activation, {in.data(), 1, count, count}, {expected.data(), 1, count, count});
  double largest = 0.0;
  for (size_t i = 0; i < in.size(); ++i) {
    const double error =
        std::abs(static_cast<double>(out[i]) - expected[i]) / std::max(1.0, std::abs(double{in[i]}));
    INFO("activation " << static_cast<int>(activation) << " of " << in[i] << ": " << out[i] << ", expected "
                       << expected[i]);
    REQUIRE(error <= kMaxError);  // false for NaN
    largest = std::max(largest, error);
  }
  return largest;
}

TEST_CASE("activations have the promised accuracy over the whole range of floats", "[quick]") {
  std::vector<float> in;
  for (float x = -20.0f; x < 20.0f; x += 0.0037f) in.push_back(x);
  for (float x = 1e-38f; x < 1e38f; x *= 1.7f) {
    in.push_back(x);
    in.push_back(-x);
  }
  ForEachSimdTarget([&] {
    for (const Activation activation : AllActivations()) LargestError(activation, in);
  });
}

TEST_CASE("activations take zeros, denormals and the largest numbers", "[quick]") {
  using Limits = std::numeric_limits<float>;
  const std::vector<float> in = {0.0f,
                                 -0.0f,
                                 Limits::denorm_min(),
                                 -Limits::denorm_min(),
                                 Limits::min(),
                                 -Limits::min(),
                                 12.0f,
                                 -12.0f,
                                 100.0f,
                                 -100.0f,
                                 Limits::max(),
                                 -Limits::max(),
                                 88.8f,
                                 -88.8f};
  ForEachSimdTarget([&] {
    for (const Activation activation : AllActivations()) LargestError(activation, in);
  });
}

TEST_CASE("activations of infinities are the limits", "[quick]") {
  const float infinity = std::numeric_limits<float>::infinity();
  ForEachSimdTarget([&] {
    for (const Activation activation : AllActivations()) {
      std::vector<float> in = {infinity, -infinity}, out(2), expected(2);
      kernels::Activate(activation, {in.data(), 1, 2, 2}, {out.data(), 1, 2, 2});
      kernels::reference::Activate(activation, {in.data(), 1, 2, 2}, {expected.data(), 1, 2, 2});
      INFO("activation " << static_cast<int>(activation));
      CHECK(out[0] == expected[0]);
      if (std::isinf(expected[1])) {
        CHECK(out[1] == expected[1]);
      } else {
        CHECK(std::abs(out[1] - expected[1]) <= kMaxError);
      }
    }
  });
}

TEST_CASE("activations keep to their rows for all tails, strides and alignments", "[quick]") {
  ForEachSimdTarget([] {
    ForEachShape([](int64_t cols, int64_t rows, int64_t stride, int64_t end_gap) {
      Random random(static_cast<uint64_t>(cols));
      GuardedMatrix<float> in(rows, cols, stride, end_gap), out(rows, cols, stride, end_gap),
          expected(rows, cols, cols);
      in.FillWith([&] { return 4.0f * random.Uniform(); });
      for (const Activation activation : AllActivations()) {
        kernels::Activate(activation, in.const_view(), out.view());
        kernels::reference::Activate(activation, in.const_view(), expected.view());
        for (int64_t row = 0; row < rows; ++row) {
          for (int64_t col = 0; col < cols; ++col) {
            const float got = out.view().Row(row)[col], want = expected.view().Row(row)[col];
            if (!(std::abs(got - want) <= kMaxError * 4.0))
              FAIL("row " << row << " col " << col << ": " << got << " != " << want);
          }
        }
        CHECK(out.GapsIntact());
      }
    });
  });
}

TEST_CASE("activations work in place", "[quick]") {
  ForEachSimdTarget([] {
    Random random(3);
    GuardedMatrix<float> data(2, 37, 40);
    GuardedMatrix<float> expected(2, 37, 40);
    data.FillWith([&] { return random.Uniform(); });
    kernels::Activate(Activation::kGelu, data.const_view(), expected.view());
    kernels::Activate(Activation::kGelu, data.const_view(), data.view());
    for (int64_t row = 0; row < 2; ++row) CHECK(std::ranges::equal(data.row(row), expected.row(row)));
  });
}

}  // namespace
}  // namespace earshot
