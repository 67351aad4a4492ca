// Arithmetic on symbolic lengths, checked against evaluation at many symbol values.
#include "converter/ir/dim.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

namespace earshot::ir {
namespace {

const std::vector<Symbol> kSymbols = {{"frames", 1500, 1}, {"position", 447, 0}};

// Every formula with small numbers, also with negative addends.
std::vector<Dim> SmallDims() {
  std::vector<Dim> dims;
  for (int symbol : {kNone, 0, 1}) {
    for (int64_t multiplier : {0, 1, 2, 3, 4, 6}) {
      for (int64_t addend = -7; addend <= 7; ++addend) {
        for (int64_t divisor : {1, 2, 3, 4, 6}) dims.push_back({symbol, multiplier, addend, divisor});
      }
    }
  }
  return dims;
}

int64_t FloorOf(const Dim& dim, int64_t symbol) {
  const int64_t numerator = (dim.symbol == kNone ? 0 : symbol) * dim.multiplier + dim.addend;
  return static_cast<int64_t>(std::floor(static_cast<double>(numerator) / static_cast<double>(dim.divisor)));
}

TEST_CASE("A simplified length is the same number for every symbol value") {
  for (const Dim& dim : SmallDims()) {
    const Dim simple = Simplify(dim);
    for (int64_t symbol = 0; symbol < 20; ++symbol) {
      const std::vector<int64_t> values = {symbol, symbol};
      REQUIRE(Evaluate(dim, values) == FloorOf(dim, symbol));
      REQUIRE(Evaluate(simple, values) == FloorOf(dim, symbol));
    }
  }
}

TEST_CASE("Lengths of convolutions come out as those of the input") {
  const Dim mel_frames = Dim::Of(0, 2);
  // kernel 3, padding 1: stride 1 keeps the length, stride 2 halves it.
  CHECK(SameLength(AddAndDivide(mel_frames, 0, 1), mel_frames));
  CHECK(SameLength(AddAndDivide(mel_frames, 1, 2), Dim::Of(0)));
  CHECK_FALSE(SameLength(AddAndDivide(mel_frames, 2, 2), Dim::Of(0)));
  CHECK_FALSE(SameLength(Dim::Of(0), Dim::Of(1)));
  for (const Dim& dim : SmallDims()) {
    for (int64_t offset : {-5, 0, 3}) {
      for (int64_t divisor : {1, 2, 5}) {
        const Dim result = AddAndDivide(dim, offset, divisor);
        for (int64_t symbol = 0; symbol < 20; ++symbol) {
          const double exact =
              static_cast<double>(FloorOf(dim, symbol) + offset) / static_cast<double>(divisor);
          REQUIRE(Evaluate(result, std::vector<int64_t>{symbol, symbol}) ==
                  static_cast<int64_t>(std::floor(exact)));
        }
      }
    }
  }
}

TEST_CASE("A length that a file cannot hold is refused") {
  CHECK(CheckDim(Dim::Of(0, 2), kSymbols).ok());
  CHECK(CheckDim({0, 1, -1, 1}, kSymbols).ok());        // frames - 1 >= 0
  CHECK_FALSE(CheckDim({1, 1, -1, 1}, kSymbols).ok());  // position - 1 may be -1
  CHECK_FALSE(CheckDim(Dim::Of(2), kSymbols).ok());
  CHECK_FALSE(CheckDim(Dim::Of(-2), kSymbols).ok());
  CHECK_FALSE(CheckDim({0, -1, 2000, 1}, kSymbols).ok());
  CHECK_FALSE(CheckDim({0, 1, 0, 0}, kSymbols).ok());
  CHECK_FALSE(CheckDim({0, 1, int64_t{1} << 40, 1}, kSymbols).ok());
  CHECK_FALSE(CheckDim({0, INT32_MAX, 0, 1}, kSymbols).ok());
}

TEST_CASE("Lengths are written as formulas") {
  CHECK(DimText(Dim::Fixed(1500), kSymbols) == "1500");
  CHECK(DimText(Dim::Of(0, 2), kSymbols) == "2 * frames");
  CHECK(DimText({0, 1, -1, 1}, kSymbols) == "frames - 1");
  CHECK(DimText({1, 1, 1, 2}, kSymbols) == "(position + 1) / 2");
  CHECK(DimText({0, 4, 2, 2}, kSymbols) == "2 * frames + 1");
}

}  // namespace
}  // namespace earshot::ir
