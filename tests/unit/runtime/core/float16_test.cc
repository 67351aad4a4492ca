// Float16 and bfloat16 conversions, over all 65,536 halves and at every rounding boundary.
#include "runtime/core/float16.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

namespace earshot {
namespace {

// The value of a half by its definition (IEEE 754-2008, 3.4), in double arithmetic.
double HalfByDefinition(uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  const int exponent = (bits >> 10) & 31;
  const double mantissa = bits & 1023;
  if (exponent == 31) return mantissa == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

TEST_CASE("every half converts to the float of the same value and back to itself") {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const Float16 half{static_cast<uint16_t>(bits)};
    const double expected = HalfByDefinition(half.bits);
    const float actual = ToFloat(half);
    if (std::isnan(expected)) {
      REQUIRE(std::isnan(actual));
      REQUIRE(std::isnan(ToFloat(ToFloat16(actual))));
    } else {
      REQUIRE(static_cast<double>(actual) == expected);
      REQUIRE(std::signbit(actual) == ((bits & 0x8000) != 0));
      REQUIRE(ToFloat16(actual).bits == half.bits);
    }
  }
}

TEST_CASE("floats between two halves round to the nearer one, ties to even") {
  for (uint16_t bits = 0; bits < 0x7BFF; ++bits) {  // all finite positive neighbours
    const double low = HalfByDefinition(bits), high = HalfByDefinition(static_cast<uint16_t>(bits + 1));
    const auto middle = static_cast<float>((low + high) / 2);  // exact: 12 significant bits
    const uint16_t even = (bits & 1) == 0 ? bits : static_cast<uint16_t>(bits + 1);
    REQUIRE(ToFloat16(middle).bits == even);
    REQUIRE(ToFloat16(std::nextafter(middle, 0.0f)).bits == bits);
    REQUIRE(ToFloat16(std::nextafter(middle, 1e9f)).bits == bits + 1);
    REQUIRE(ToFloat16(-middle).bits == (even | 0x8000));
  }
}

TEST_CASE("floats beyond the largest half become infinity") {
  CHECK(ToFloat16(65519.996f).bits == 0x7BFF);
  CHECK(ToFloat16(65520.0f).bits == 0x7C00);
  CHECK(ToFloat16(std::numeric_limits<float>::max()).bits == 0x7C00);
  CHECK(ToFloat16(-std::numeric_limits<float>::infinity()).bits == 0xFC00);
}

TEST_CASE("bfloat16 keeps the upper half of a float, rounded to even") {
  CHECK(BFloat16ToFloat(FloatToBFloat16(1.0f)) == 1.0f);
  CHECK(FloatToBFloat16(1.0f + 0x1p-8f) == FloatToBFloat16(1.0f));                // tie, down to even
  CHECK(FloatToBFloat16(1.0f + 3 * 0x1p-8f) == FloatToBFloat16(1.0f + 0x1p-6f));  // tie, up to even
  CHECK(BFloat16ToFloat(FloatToBFloat16(-3.0e38f)) < -2.9e38f);
}

}  // namespace
}  // namespace earshot
