// The products of 8-bit attention by tiles of 16 rows of 64 bytes, for x86 cores with AMX
// (runtime/core/x86_features.h): eight times as many products a cycle as AVX-512 VNNI has.
#ifndef EARSHOT_RUNTIME_ATTENTION_TILE_PRODUCTS_H_
#define EARSHOT_RUNTIME_ATTENTION_TILE_PRODUCTS_H_

#include <cstddef>
#include <cstdint>

namespace earshot::attention {

// Bytes of a row of a tile: channels of a key, or keys of a channel.
constexpr int64_t kTileBytes = 64;
constexpr int64_t kTileRows = 64;     // keys, or channels
constexpr int64_t kTileColumns = 48;  // queries

// c[r][n] = sum over i < kTileBytes of a[r][i] * b[i / 4][n][i % 4], for all rows and columns.
struct TileProducts {
  const int8_t* a;  // [kTileRows][kTileBytes]
  size_t a_stride_bytes;
  const uint8_t* b;  // [kTileBytes / 4][kTileColumns][4]
  int32_t* c;        // [kTileRows][kTileColumns]
};

// Defined for 64-bit x86 only; precondition: PrepareTilesAmx() (runtime/core/amx_tiles.h).
void MultiplyTilesAmx(const TileProducts& job);

}  // namespace earshot::attention

#endif  // EARSHOT_RUNTIME_ATTENTION_TILE_PRODUCTS_H_
