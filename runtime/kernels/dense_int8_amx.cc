// Compiled for 64-bit x86 only: dense layers by AMX. A block is up to 32 rows by four panels. Where it has
// two tiles of rows, two panels are multiplied at a time, so that a tile that is loaded serves two products:
// tiles 0 to 3 hold sums, 4 and 5 rows, 6 and 7 weights. With one tile of rows, four panels: 4 holds the
// rows, 5 to 7 take turns with weights.
#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/core/amx_tiles.h"
#include "runtime/kernels/dense_int8.h"
#include "runtime/kernels/dense_int8_avx512-inl.h"

namespace earshot::kernels {
namespace {

constexpr int64_t kTileInputs = 64;
static_assert(kX86Layout.multiple == kTileInputs);
constexpr size_t kTileBytes = 1024;  // of weights: what a panel has for as many inputs
constexpr int64_t kTileRows = 16, kBlockRows = 2 * kTileRows;
constexpr int64_t kPanels = 4;

struct alignas(64) Sums {
  int32_t rows[kBlockRows][kPanels][kX86Layout.panel];
};
constexpr size_t kSumsStride = sizeof(Sums::rows[0]);

// Where the products of a block begin.
struct Tiles {
  const int8_t* rows;
  size_t row_stride;
  const int8_t* weights;
  size_t panel_bytes;
  int64_t in_channels;
};

// Two tiles of rows by two panels, or one.
template <int64_t kWide>
__attribute__((target("amx-tile,amx-int8"))) void MultiplyTallAmx(const Tiles& tiles, int32_t* sums) {
  const int8_t* upper = tiles.rows;
  const int8_t* lower = upper + static_cast<size_t>(kTileRows) * tiles.row_stride;
  const int8_t* left = tiles.weights;
  const int8_t* right = left + tiles.panel_bytes;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t k = 0; k < tiles.in_channels; k += kTileInputs) {
    _tile_loadd(4, upper + k, tiles.row_stride);
    _tile_loadd(5, lower + k, tiles.row_stride);
    _tile_loadd(6, left, 64);
    if constexpr (kWide == 2) _tile_loadd(7, right, 64);
    _tile_dpbssd(0, 4, 6);
    if constexpr (kWide == 2) _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    if constexpr (kWide == 2) _tile_dpbssd(3, 5, 7);
    left += kTileBytes;
    right += kTileBytes;
  }
  int32_t* lower_sums = sums + kTileRows * kPanels * kX86Layout.panel;
  _tile_stored(0, sums, kSumsStride);
  if constexpr (kWide == 2) _tile_stored(1, sums + kX86Layout.panel, kSumsStride);
  _tile_stored(2, lower_sums, kSumsStride);
  if constexpr (kWide == 2) _tile_stored(3, lower_sums + kX86Layout.panel, kSumsStride);
}

// One tile of rows by four panels, or one.
template <int64_t kWide>
__attribute__((target("amx-tile,amx-int8"))) void MultiplyFlatAmx(const Tiles& tiles, int32_t* sums) {
  const int8_t* weights = tiles.weights;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t k = 0; k < tiles.in_channels; k += kTileInputs) {
    _tile_loadd(4, tiles.rows + k, tiles.row_stride);
    _tile_loadd(5, weights, 64);
    _tile_dpbssd(0, 4, 5);
    if constexpr (kWide == kPanels) {
      _tile_loadd(6, weights + tiles.panel_bytes, 64);
      _tile_dpbssd(1, 4, 6);
      _tile_loadd(7, weights + 2 * tiles.panel_bytes, 64);
      _tile_dpbssd(2, 4, 7);
      _tile_loadd(5, weights + 3 * tiles.panel_bytes, 64);
      _tile_dpbssd(3, 4, 5);
    }
    weights += kTileBytes;
  }
  _tile_stored(0, sums, kSumsStride);
  if constexpr (kWide == kPanels) {
    _tile_stored(1, sums + kX86Layout.panel, kSumsStride);
    _tile_stored(2, sums + 2 * kX86Layout.panel, kSumsStride);
    _tile_stored(3, sums + 3 * kX86Layout.panel, kSumsStride);
  }
}

struct BlockOfRows {
  int64_t begin;
  int64_t count;  // kBlockRows, or at most kTileRows
};

// kWide panels from `first` on: four, or one.
template <int64_t kWide>
__attribute__((target("avx512f"))) void MultiplyBlockAmx(const DenseInt8Job& job, const BlockOfRows& rows,
                                                         int64_t first) {
  const size_t panel_bytes = DenseInt8PanelBytes(kX86Layout, job.in.cols);
  const Tiles tiles = {.rows = job.in.Row(rows.begin),
                       .row_stride = static_cast<size_t>(job.in.stride),
                       .weights = ColumnsOfPanelAvx512(job, panel_bytes, first).panel.weights,
                       .panel_bytes = panel_bytes,
                       .in_channels = job.in.cols};
  Sums sums;
  if (rows.count < kBlockRows) {
    MultiplyFlatAmx<kWide>(tiles, sums.rows[0][0]);
  } else if constexpr (kWide == 1) {
    MultiplyTallAmx<1>(tiles, sums.rows[0][0]);
  } else {
    MultiplyTallAmx<2>(tiles, sums.rows[0][0]);
    Tiles right = tiles;
    right.weights += 2 * panel_bytes;
    MultiplyTallAmx<2>(right, sums.rows[0][2]);
  }
  for (int64_t m = 0; m < rows.count; ++m) {
    const int64_t row = rows.begin + m;
#pragma GCC unroll 4
    for (int64_t n = 0; n < kWide; ++n) {
      StoreRowAvx512(job, ColumnsOfPanelAvx512(job, panel_bytes, first + n), row,
                     _mm512_load_si512(sums.rows[m][n]), job.quantization[row].zero_point);
    }
  }
}

// All panels. The rows stay in the first-level cache.
void MultiplyRowsAmx(const DenseInt8Job& job, const BlockOfRows& rows) {
  const int64_t panels = (job.out.cols + kX86Layout.panel - 1) / kX86Layout.panel;
  int64_t panel = 0;
  for (; panel + kPanels <= panels; panel += kPanels) MultiplyBlockAmx<kPanels>(job, rows, panel);
  for (; panel < panels; ++panel) MultiplyBlockAmx<1>(job, rows, panel);
}

}  // namespace

// Where the last rows fill no tile, it begins earlier and computes some a second time.
void MultiplyDenseInt8Amx(const DenseInt8Job& job) {
  const int64_t rows = job.out.rows;
  PrepareTilesAmx(std::min(rows, kTileRows));
  int64_t row = 0;
  for (; row + kBlockRows <= rows; row += kBlockRows) MultiplyRowsAmx(job, {row, kBlockRows});
  if (rows - row > kTileRows) {
    MultiplyRowsAmx(job, {row, kTileRows});
    row += kTileRows;
  }
  const int64_t count = std::min(rows, kTileRows);
  if (row < rows) MultiplyRowsAmx(job, {rows - count, count});
  ReleaseTilesAmx();
}

}  // namespace earshot::kernels
