// Compiled for 64-bit x86 only. Tiles 0 to 2: sums; 3: rows of a; 4 to 6: columns of b.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "runtime/attention/tile_products.h"

namespace earshot::attention {
namespace {

constexpr size_t kRowsAtOnce = 16, kColumnsAtOnce = 16;

}  // namespace

__attribute__((target("amx-tile,amx-int8"))) void MultiplyTilesAmx(const TileProducts& job) {
  constexpr size_t kBStride = kTileColumns * 4, kCStride = kTileColumns * sizeof(int32_t);
  _tile_loadd(4, job.b, kBStride);
  _tile_loadd(5, job.b + kColumnsAtOnce * 4, kBStride);
  _tile_loadd(6, job.b + 2 * kColumnsAtOnce * 4, kBStride);
  for (size_t row = 0; row < kTileRows; row += kRowsAtOnce) {
    int32_t* c = job.c + row * kTileColumns;
    _tile_loadd(3, job.a + row * job.a_stride_bytes, job.a_stride_bytes);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_dpbsud(0, 3, 4);
    _tile_dpbsud(1, 3, 5);
    _tile_dpbsud(2, 3, 6);
    _tile_stored(0, c, kCStride);
    _tile_stored(1, c + kColumnsAtOnce, kCStride);
    _tile_stored(2, c + 2 * kColumnsAtOnce, kCStride);
  }
}

}  // namespace earshot::attention
