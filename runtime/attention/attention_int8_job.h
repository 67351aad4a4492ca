// Layout of the workspace of 8-bit attention, and one key head in 8 bits.
#ifndef EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_JOB_H_
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_JOB_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/attention/attention_job.h"
#include "runtime/attention/quad_products.h"
#include "runtime/attention/tile_products.h"
#include "runtime/kernels/kernels.h"

namespace earshot::attention {

// Rows of 8-bit K and V are padded with zeros to this many channels: whole vectors of any target.
constexpr int64_t kInt8Channels = 16;
// An 8-bit product sums up this many bytes at once: channels of a score, keys of a weighted value.
constexpr int64_t kQuad = 4;
// Largest magnitude of what is rounded; smaller ones count as this one, so that scales stay above zero.
using kernels::kSmallestMagnitude;

// K and V of one key head. Dp: D padded to kInt8Channels.
struct Int8Keys {
  int8_t* k;                      // [Tk + pooled][Dp], rows of K minus k_mean, over k_scale
  int8_t* v;                      // [Tk + pooled][Dp], rows of V minus v_mean, over v_scale
  float* k_scale;                 // [Tk + pooled]
  int32_t* k_shift;               // [Tk + pooled] -128 * sum of the row where queries are off by 128, else 0
  float* v_scale;                 // [Dp]
  float* v_inverse;               // [Dp] 1 / v_scale
  float *k_min, *k_max, *k_mean;  // [Dp] of each channel
  float *v_min, *v_max, *v_mean;
};

// Scratch of one thread. "quads" lie together in memory.
struct Int8Workspace {
  uint8_t* q;         // [panels][Dp / 4][panel][4] queries, plus 128 but with dot products of equal signs
  float* q_scale;     // [kTileQueries]
  int32_t* products;  // [kTileKeys or Dp][panel] sums of products of bytes
  float* scores;      // [kTileKeys][panel], over q_scale. In place of the products it would be 3 % slower.
  float* tile_max;    // [kMaxPanelQueries] largest score of a query within the tile
  uint8_t* weights;   // [panels][kTileKeys / 4][panel][4]
  int8_t* k;          // [Dp / 4][kTileKeys][4]
  int8_t* v;          // [kTileKeys / 4][Dp][4], plus 128 with dot products of equal signs
  int8_t* v_rows;     // [kTileRows][kTileBytes] channels of the keys at hand; for tiles of matrices
  float* o;           // [panels][Dp][panel] sums of weighted values, over v_scale
  float* max;         // [kTileQueries] running maximum of the scores of a query
  float* sum;         // [kTileQueries] running sum of the weights, times 255
  float* old_share;   // [kTileQueries] factor by which a new maximum shrinks the old sums
  float* new_share;   // [kTileQueries] factor of the sums of this tile
  int32_t* offset;    // [kTileQueries] what values plus 128 add to the products of this tile
};

// Hands out 64-byte aligned pieces from `base` on; counts only where base is nullptr.
class WorkspacePieces {
 public:
  explicit WorkspacePieces(std::byte* base) : base_(base) {}

  template <class T>
  T* Take(int64_t elems) {
    T* piece = base_ == nullptr ? nullptr : static_cast<T*>(static_cast<void*>(base_ + size_bytes_));
    size_bytes_ += static_cast<size_t>(RoundUp(elems * static_cast<int64_t>(sizeof(T)), 64));
    return piece;
  }
  size_t size_bytes() const { return size_bytes_; }

 private:
  std::byte* base_;
  size_t size_bytes_ = 0;
};

inline size_t LayOutInt8Keys(const AttentionShape& shape, std::byte* base, Int8Keys* keys) {
  WorkspacePieces pieces(base);
  const int64_t dim = RoundUp(shape.head_dim, kInt8Channels);
  const int64_t max_rows = shape.max_keys + shape.max_pooled_keys();
  keys->k = pieces.Take<int8_t>(max_rows * dim);
  keys->v = pieces.Take<int8_t>(max_rows * dim);
  keys->k_scale = pieces.Take<float>(max_rows);
  keys->k_shift = pieces.Take<int32_t>(max_rows);
  for (float** piece : {&keys->v_scale, &keys->v_inverse, &keys->k_min, &keys->k_max, &keys->k_mean,
                        &keys->v_min, &keys->v_max, &keys->v_mean}) {
    *piece = pieces.Take<float>(dim);
  }
  return pieces.size_bytes();
}

inline size_t LayOutInt8Workspace(const AttentionShape& shape, std::byte* base, Int8Workspace* workspace) {
  WorkspacePieces pieces(base);
  const int64_t dim = RoundUp(shape.head_dim, kInt8Channels);
  workspace->q = pieces.Take<uint8_t>(kTileQueries * dim);
  workspace->q_scale = pieces.Take<float>(kTileQueries);
  workspace->products = pieces.Take<int32_t>(std::max(kTileKeys, dim) * kMaxPanelQueries);
  workspace->tile_max = pieces.Take<float>(kMaxPanelQueries);
  workspace->scores = pieces.Take<float>(kTileKeys * kMaxPanelQueries);
  workspace->weights = pieces.Take<uint8_t>(kTileKeys * kTileQueries);
  workspace->k = pieces.Take<int8_t>(kTileKeys * dim);
  workspace->v = pieces.Take<int8_t>(kTileKeys * dim);
  workspace->v_rows = pieces.Take<int8_t>(kTileRows * kTileBytes);
  workspace->o = pieces.Take<float>(kTileQueries * dim);
  workspace->max = pieces.Take<float>(kTileQueries);
  workspace->sum = pieces.Take<float>(kTileQueries);
  workspace->old_share = pieces.Take<float>(kTileQueries);
  workspace->new_share = pieces.Take<float>(kTileQueries);
  workspace->offset = pieces.Take<int32_t>(kTileQueries);
  return pieces.size_bytes();
}

}  // namespace earshot::attention

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_JOB_H_
