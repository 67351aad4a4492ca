// Compiled for 64-bit x86 only.
#include "runtime/core/amx_tiles.h"

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace earshot {
namespace {

// Operand of LDTILECFG (Intel's manual, volume 1, section 18.2).
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

constexpr size_t kMaxRows = 16;

// For 1 row, 2 rows, ... In constant memory, since GCC takes the intrinsic for one that reads eight bytes,
// and drops what was just written to the others.
constexpr std::array<TileConfig, kMaxRows> MakeConfigs() {
  std::array<TileConfig, kMaxRows> configs;
  for (size_t i = 0; i < kMaxRows; ++i) {
    for (size_t tile = 0; tile <= 4; ++tile) configs[i].rows[tile] = static_cast<uint8_t>(i + 1);
  }
  return configs;
}

constexpr std::array<TileConfig, kMaxRows> kConfigs = MakeConfigs();

}  // namespace

__attribute__((target("amx-tile"))) void PrepareTilesAmx(int64_t rows) {
  _tile_loadconfig(kConfigs.data() + (rows - 1));
}

__attribute__((target("amx-tile"))) void ReleaseTilesAmx() { _tile_release(); }

}  // namespace earshot
