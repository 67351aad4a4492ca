// Products of tiles of matrices against the plain loop, where the CPU has them. Whether they are used shows
// in what "earshot doctor" names; that attention gives the same with and without them its own tests say.
#include "runtime/attention/tile_products.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <vector>

#include "runtime/core/amx_tiles.h"
#include "runtime/core/x86_features.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot::attention {
namespace {

using testing::GuardedMatrix;

TEST_CASE("tiles multiply signed rows by unsigned columns", "[quick]") {
  if (!HasAmxInt8()) SKIP("this CPU has no tiles of matrices");
  testing::Random random(3);
  const auto byte = [&random] { return static_cast<int>(random.Uniform() * 128.0f); };  // -128 .. 127
  for (const int64_t stride : {int64_t{64}, int64_t{64 * 3}}) {
    GuardedMatrix<int8_t> a(kTileRows, kTileBytes, stride);
    a.FillWith([&] { return static_cast<int8_t>(byte()); });
    GuardedMatrix<uint8_t> b(kTileBytes / 4, kTileColumns * 4, kTileColumns * 4);
    b.FillWith([&] { return static_cast<uint8_t>(byte() + 128); });
    GuardedMatrix<int32_t> c(kTileRows, kTileColumns, kTileColumns);
    c.FillWith([] { return 77; });
    PrepareTilesAmx();
    MultiplyTilesAmx({.a = a.view().data,
                      .a_stride_bytes = static_cast<size_t>(stride),
                      .b = b.view().data,
                      .c = c.view().data});
    ReleaseTilesAmx();
    for (int64_t row = 0; row < kTileRows; ++row) {
      for (int64_t column = 0; column < kTileColumns; ++column) {
        int32_t sum = 0;
        for (int64_t i = 0; i < kTileBytes; ++i)
          sum += a.view().Row(row)[i] * b.view().Row(i / 4)[column * 4 + i % 4];
        REQUIRE(c.view().Row(row)[column] == sum);
      }
    }
  }
}

}  // namespace
}  // namespace earshot::attention
