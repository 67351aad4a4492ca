// Arithmetic on decimal digits of any length.
#include "models/common/text/decimal_digits.h"

#include <catch2/catch_test_macros.hpp>

namespace earshot::decimal_digits {
namespace {

TEST_CASE("plain numbers are digits with at most one fraction", "[decimal_digits]") {
  CHECK(IsPlainNumber(U"0"));
  CHECK(IsPlainNumber(U"12.50"));
  CHECK(IsPlainNumber(U"٣.٥"));
  for (const auto* text : {U"", U".", U"1.", U".5", U"1.2.3", U"1a", U"-1", U"1,000"})
    CHECK_FALSE(IsPlainNumber(text));
}

TEST_CASE("scaling succeeds only where the result is whole", "[decimal_digits]") {
  CHECK(ScaledToWhole(U"3.5", 3) == U"3500");
  CHECK(ScaledToWhole(U"007", 0) == U"7");
  CHECK(ScaledToWhole(U"5.00", 0) == U"5");
  CHECK(ScaledToWhole(U".5", 1) == U"5");
  CHECK(ScaledToWhole(U"12.", 2) == U"1200");
  CHECK(ScaledToWhole(U"0", 6) == U"0");
  CHECK(ScaledToWhole(U"٣", 0) == U"3");
  CHECK(ScaledToWhole(U"1.2345", 3) == std::nullopt);
  CHECK(ScaledToWhole(U"1.2.3", 3) == std::nullopt);
  CHECK(ScaledToWhole(U".", 3) == std::nullopt);
  CHECK(ScaledToWhole(U"", 3) == std::nullopt);
}

TEST_CASE("sums carry beyond machine words", "[decimal_digits]") {
  CHECK(Add(U"999999999999999999999999999999", U"1") == U"1000000000000000000000000000000");
  CHECK(Add(U"0", U"0") == U"0");
  CHECK(Add(U"58", U"967") == U"1025");
}

TEST_CASE("only the part below a thousand is multiplied", "[decimal_digits]") {
  CHECK(MultiplyLowestThousand(U"5", 2) == U"500");
  CHECK(MultiplyLowestThousand(U"5002", 2) == U"5200");
  CHECK(MultiplyLowestThousand(U"1000999", 3) == U"1999000");
  CHECK(MultiplyLowestThousand(U"1000", 6) == U"1000");
  CHECK(MultiplyLowestThousand(U"0", 2) == U"0");
}

}  // namespace
}  // namespace earshot::decimal_digits
