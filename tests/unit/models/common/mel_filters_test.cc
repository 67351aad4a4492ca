// MelFilterBank against librosa.filters.mel (0.11, double precision).
#include "models/common/mel_filters.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <span>

namespace earshot {
namespace {

struct Weight {
  size_t mel;
  size_t bin;
  double value;
};

// f32 keeps 24 bits of each weight.
constexpr double kRelative = 1e-7;

void CheckFilters(int num_mels, std::span<const Weight> weights, size_t nonzero, double sum) {
  const Result<std::vector<float>> filters = MelFilterBank({.num_mels = num_mels});
  REQUIRE(filters.ok());
  const std::vector<float>& values = filters.value();
  REQUIRE(values.size() == static_cast<size_t>(num_mels) * 201);
  for (const Weight& weight : weights) {
    CAPTURE(weight.mel, weight.bin);
    CHECK(std::abs(values[weight.mel * 201 + weight.bin] - weight.value) <= kRelative * weight.value);
  }
  size_t count = 0;
  double total = 0.0;
  for (const float value : values) {
    count += value != 0.0f ? 1 : 0;
    total += value;
  }
  CHECK(count == nonzero);
  CHECK(std::abs(total - sum) < kRelative * sum);
}

TEST_CASE("80 filters are librosa's") {
  const Weight weights[] = {{0, 1, 0.024862593984176087},      {0, 2, 0.0},
                            {1, 1, 0.00199082188809807},       {10, 7, 0.0},
                            {60, 90, 0.001434534354105327},    {79, 190, 0.0022320550527126157},
                            {79, 199, 0.00044875902758905584}, {79, 200, 0.0}};
  CheckFilters(80, weights, 391, 1.9990241029178577);
}

TEST_CASE("128 filters are librosa's") {
  const Weight weights[] = {{0, 1, 0.012373986332636965},
                            {1, 1, 0.03039256487135521},
                            {64, 40, 0.0},
                            {127, 198, 0.0022285603975064727}};
  CheckFilters(128, weights, 394, 3.1909855285406996);
}

TEST_CASE("impossible filter banks are refused") {
  CHECK_FALSE(MelFilterBank({.num_mels = 0}).ok());
  CHECK_FALSE(MelFilterBank({.fft_length = 0}).ok());
  CHECK_FALSE(MelFilterBank({.max_hz = 8001.0}).ok());
  CHECK_FALSE(MelFilterBank({.min_hz = 8000.0}).ok());
  CHECK_FALSE(MelFilterBank({.min_hz = -1.0}).ok());
  CHECK_FALSE(MelFilterBank({.max_hz = std::nan("")}).ok());
}

}  // namespace
}  // namespace earshot
