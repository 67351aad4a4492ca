// Max and LogSumExp against their scalar twins.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/reference.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot {
namespace {

using testing::ForEachShape;
using testing::ForEachSimdTarget;
using testing::GuardedMatrix;
using testing::Random;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

void CheckMax(std::span<const float> in, float value, int64_t index) {
  const kernels::MaxResult got = kernels::Max(in);
  CHECK(got.value == value);
  CHECK(got.index == index);
}

TEST_CASE("max finds the first largest element at every length and position", "[quick]") {
  ForEachSimdTarget([] {
    ForEachShape([](int64_t cols, int64_t, int64_t, int64_t end_gap) {
      Random random(static_cast<uint64_t>(cols) + 29);
      GuardedMatrix<float> in(1, cols, cols, end_gap);
      for (int64_t at = 0; at < cols; at += cols < 64 ? 1 : 97) {
        in.FillWith([&] { return random.Uniform() - 5.0f; });
        in.row(0)[static_cast<size_t>(at)] = -3.0f;
        in.row(0).back() = -3.0f;  // a tie: the earlier one counts
        const kernels::MaxResult got = kernels::Max(in.row(0));
        if (got.value != -3.0f || got.index != at)
          FAIL("index " << got.index << " of " << cols << ", expected " << at);
      }
    });
  });
}

TEST_CASE("max over a vocabulary equals its twin", "[quick]") {
  ForEachSimdTarget([] {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      Random random(seed);
      GuardedMatrix<float> logits(1, 51864, 51864);
      logits.FillWith([&] { return std::round(1000.0f * random.Uniform()); });  // many ties
      const kernels::MaxResult expected = kernels::reference::Max(logits.row(0));
      CheckMax(logits.row(0), expected.value, expected.index);
    }
  });
}

TEST_CASE("max ignores NaN and takes infinities", "[quick]") {
  ForEachSimdTarget([] {
    for (int64_t cols = 1; cols <= testing::kMaxTailCols; ++cols) {
      std::vector<float> row(static_cast<size_t>(cols), -kInfinity);
      CheckMax(row, -kInfinity, 0);
      row.assign(row.size(), kNan);
      CheckMax(row, -kInfinity, 0);
      row.back() = -kInfinity;
      CheckMax(row, -kInfinity, 0);
      row.back() = -2.0f;
      CheckMax(row, -2.0f, cols - 1);
      row.back() = kInfinity;
      CheckMax(row, kInfinity, cols - 1);
      row.assign(row.size(), -std::numeric_limits<float>::max());
      CheckMax(row, -std::numeric_limits<float>::max(), 0);
    }
  });
}

// exp is good to 2e-7, the sum of N terms in at least 8 partial sums to sqrt(N) roundings, and log passes the
// relative error of the sum on as an absolute one; adding the maximum rounds once more.
void CheckLogSumExp(std::span<const float> in) {
  const double want = kernels::reference::LogSumExp(in);
  const double got = kernels::LogSumExp(in);
  const double epsilon = std::numeric_limits<float>::epsilon();
  const double tolerance =
      2e-7 + epsilon * (1.0 + std::sqrt(static_cast<double>(in.size())) / 8.0 + std::abs(want));
  INFO("length " << in.size() << ": " << got << ", expected " << want);
  REQUIRE(std::abs(got - want) <= tolerance);
}

TEST_CASE("log-sum-exp equals its twin at every length", "[quick]") {
  ForEachSimdTarget([] {
    ForEachShape([](int64_t cols, int64_t, int64_t, int64_t end_gap) {
      if (cols == 0) return;
      for (const float spread : {1.0f, 20.0f, 300.0f}) {
        Random random(static_cast<uint64_t>(cols) + 31);
        GuardedMatrix<float> in(1, cols, cols, end_gap);
        in.FillWith([&] { return spread * random.Uniform(); });
        CheckLogSumExp(in.row(0));
      }
    });
    Random random(1);
    GuardedMatrix<float> logits(1, 51864, 51864);
    logits.FillWith([&] { return 10.0f * random.Uniform(); });
    CheckLogSumExp(logits.row(0));
  });
}

TEST_CASE("log-sum-exp takes huge numbers and counts -inf as zero", "[quick]") {
  ForEachSimdTarget([] {
    CHECK(kernels::LogSumExp({}) == -kInfinity);
    for (int64_t cols = 1; cols <= testing::kMaxTailCols; ++cols) {
      std::vector<float> row(static_cast<size_t>(cols), -kInfinity);
      CHECK(kernels::LogSumExp(row) == -kInfinity);
      row.back() = 3.0f;
      CHECK(kernels::LogSumExp(row) == 3.0f);
      row.back() = kInfinity;
      CHECK(kernels::LogSumExp(row) == kInfinity);
      row.assign(row.size(), 3e38f);
      CheckLogSumExp(row);
      row.assign(row.size(), -3e38f);
      CheckLogSumExp(row);
    }
  });
}

}  // namespace
}  // namespace earshot
