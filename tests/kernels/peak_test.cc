// The peak loops do the work that they claim.
#include "runtime/kernels/peak.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>

#include "tests/kernels/kernel_testing.h"

namespace earshot {
namespace {

using testing::ForEachSimdTarget;
using testing::GuardedMatrix;
using testing::Random;

TEST_CASE("the sum of words has every word, at every length and alignment", "[quick]") {
  ForEachSimdTarget([] {
    Random random(3);
    for (int64_t count = 1; count <= 9 * testing::kMaxLanes; ++count) {
      GuardedMatrix<uint32_t> words(1, count, count, count % 3);
      words.FillWith([&] { return random.Bits(); });
      const auto row = words.row(0);
      if (kernels::SumWords(row) != std::accumulate(row.begin(), row.end(), uint32_t{0}))
        FAIL("of " << count);
    }
    CHECK(kernels::SumWords({}) == 0);
  });
}

TEST_CASE("each chain of multiply-adds runs every round", "[quick]") {
  constexpr int64_t kRounds = 100, kChains = 10;
  ForEachSimdTarget([] {
    float result = 0;
    const int64_t lanes = kernels::MultiplyAddsF32(kRounds, &result) / (kRounds * kChains);
    CHECK((lanes >= 1 && lanes <= testing::kMaxLanes));
    // x -> 0.999 x + 0.001 from x = i comes to 1 + (i - 1) 0.999^rounds.
    const double sum = kChains + 35 * std::pow(0.999, kRounds);  // 35: the sum of i - 1 for i = 0 ... 9
    // Each round, and each of the final additions, rounds to half a unit; so does each constant.
    const double tolerance = 0x1p-24 * static_cast<double>(3 * kRounds + kChains + lanes);
    CHECK(std::fabs(result / (static_cast<double>(lanes) * sum) - 1) <= tolerance);
  });
}

}  // namespace
}  // namespace earshot
