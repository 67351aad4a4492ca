// 8-bit attention: a tile of 96 queries against the keys that its pattern selects, 64 at a time.
//
// As in attention_tiled-inl.h everything is computed transposed, queries along the vectors: S^T = K Q^T and
// O^T = V^T P^T, by one micro-kernel that multiplies unsigned bytes (queries plus 128, or weights: a vector,
// four bytes to a lane) by signed ones (four channels of a key, or four keys of a channel: one broadcast).
// Rows of K are read where RoundKeys put them, in any selection; a tile of V is interleaved for each tile of
// queries, which costs 2 % of the time.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "hwy/highway.h"
#include "runtime/attention/attention_int8_job.h"
#include "runtime/attention/attention_int8_pack-inl.h"
#include "runtime/attention/attention_pack-inl.h"
#include "runtime/attention/attention_tile-inl.h"
#include "runtime/attention/tile_products.h"
#include "runtime/core/amx_tiles.h"
#include "runtime/core/arm_features.h"
#include "runtime/core/x86_features.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep
#include "runtime/kernels/vector_math-inl.h"

#if defined(EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_TILE_INL_H_
#undef EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_TILE_INL_H_
#else
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_TILE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace kn = earshot::kernels::HWY_NAMESPACE;

using DI32 = hn::RebindToSigned<DF>;
using VI32 = hn::Vec<DI32>;
using DU32 = hn::RebindToUnsigned<DF>;
using DU8 = hn::Repartition<uint8_t, DF>;
using DI8 = hn::Repartition<int8_t, DF>;

// Rows of the micro-kernel: kQuadRows x 3 sums, 3 vectors and a broadcast must fit the registers.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr size_t kQuadRows = 8;
#else
constexpr size_t kQuadRows = 4;
#endif

// The scale and the shift of each selected key, the last one repeated up to a multiple of 8.
struct Int8KeyTile {
  float scale[kTileKeys];
  int32_t shift[kTileKeys];
};

// One tile of queries on its way through the keys.
struct Int8QueryTile {
  Int8Workspace workspace;
  int64_t head_dim;
  int64_t padded_dim;
  int64_t num_rows;
  bool dot_products;       // of 64-bit ARM
  bool matrix_tiles;       // of 64-bit x86
  const int8_t* key_rows;  // [kTileKeys][kTileBytes] of the keys at hand; nullptr where tiles do not fit them
  int64_t key_stride;
  TileLimits limits;
  Int8KeyTile keys;
};

// The bytes of a vector times four bytes everywhere, added to sums of four.
template <QuadSide kSide>
HWY_INLINE VI32 MultiplyQuad(hn::Vec<DU8> row, int32_t quad, VI32 sum) {
  const DI32 di;
  const DI8 di8;
  const DU32 du;
  const auto factor = hn::Set(di, quad);
  if constexpr (!kSameSigns) {
    return hn::SumOfMulQuadAccumulate(di, row, hn::BitCast(di8, factor), sum);
  } else if constexpr (kSide == QuadSide::kKeys) {
    return hn::SumOfMulQuadAccumulate(di, hn::BitCast(di8, row), hn::BitCast(di8, factor), sum);
  } else {
    return hn::BitCast(di,
                       hn::SumOfMulQuadAccumulate(du, row, hn::BitCast(DU8(), factor), hn::BitCast(du, sum)));
  }
}

// QuadProducts for kQuadRows rows and kVecs vectors of a panel. Not inlined: GCC, which has another type for
// these sums than for their use as 32-bit numbers, keeps two copies of each where it sees both, and spills
// them.
template <size_t kVecs, QuadSide kSide>
HWY_NOINLINE void MultiplyQuads(const QuadProducts& job) {
  const DI32 di;
  const DU8 du8;
  constexpr size_t kVecLanes = kLanes, kPanelBytes = kPanel * kQuad, kQuadBytes = kQuad;
  const int8_t* HWY_RESTRICT a = job.a;
  const uint8_t* HWY_RESTRICT b = job.b;
  VI32 sum[kQuadRows][kVecs];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kQuadRows; ++r) {
    HWY_UNROLL(3)
    for (size_t n = 0; n < kVecs; ++n) sum[r][n] = hn::Zero(di);
  }
  for (size_t k = 0; k < job.steps; ++k) {
    hn::Vec<DU8> row[kVecs];
    HWY_UNROLL(3)
    for (size_t n = 0; n < kVecs; ++n) row[n] = hn::Load(du8, b + n * kVecLanes * kQuadBytes);
    HWY_UNROLL(8)
    for (size_t r = 0; r < kQuadRows; ++r) {
      int32_t quad;
      std::memcpy(&quad, a + r * kQuadBytes, sizeof(quad));
      HWY_UNROLL(3)
      for (size_t n = 0; n < kVecs; ++n) sum[r][n] = MultiplyQuad<kSide>(row[n], quad, sum[r][n]);
    }
    a += job.a_step_bytes;
    b += kPanelBytes;
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kQuadRows; ++r) {
    HWY_UNROLL(3)
    for (size_t n = 0; n < kVecs; ++n) hn::Store(sum[r][n], di, job.c + r * kPanel + n * kVecLanes);
  }
}

static_assert(!HWY_ARCH_ARM_A64 || (kQuadRows == kDotRows && kPanel == kDotPanel));

// By the fastest instruction that the CPU has.
template <size_t kVecs, QuadSide kSide>
HWY_INLINE void MultiplyQuadRows(const Int8QueryTile& tile, const QuadProducts& job) {
  if constexpr (HWY_ARCH_ARM_A64) {
    if (tile.dot_products) return MultiplyQuadsNeonDot(kSide, kVecs, job);
  }
  MultiplyQuads<kVecs, kSide>(job);
}

// Whether this build may have tiles of matrices at all.
constexpr bool kMayHaveTiles =
    HWY_ARCH_X86_64 && kPanel == kTileColumns && kTileKeys == kTileRows && !kSameSigns;

// Whether all products of a panel are whole tiles.
template <int64_t kVecs>
HWY_INLINE bool TakesTiles(const Int8QueryTile& tile, const SeenKeys& seen) {
  if constexpr (!kMayHaveTiles) return false;
  return tile.key_rows != nullptr && kVecs * kLanes == kPanel && seen.begin == 0 && seen.end == kTileKeys;
}

// All products of a tile, 64 rows by a panel.
HWY_INLINE void MultiplyTiles(const TileProducts& job) {
  if constexpr (kMayHaveTiles) MultiplyTilesAmx(job);
}

// The products of keys [begin, end) become scores: scores[key][query], over the scale of the query.
// max[query] is the largest.
template <int64_t kVecs>
HWY_NOINLINE void ScaleScores(const Int8KeyTile& keys, int64_t begin, int64_t end,
                              const Int8Workspace& work) {
  const DF d;
  const DI32 di;
  VF max[static_cast<size_t>(kVecs)];
  for (int64_t n = 0; n < kVecs; ++n) max[n] = hn::Set(d, kLowest);
  for (int64_t key = begin; key < end; ++key) {
    const VF scale = hn::Set(d, keys.scale[key]);
    const VI32 shift = hn::Set(di, keys.shift[key]);
    HWY_UNROLL(3)
    for (int64_t n = 0; n < kVecs; ++n) {
      const VI32 product = hn::Add(hn::Load(di, work.products + key * kPanel + n * kLanes), shift);
      const VF score = hn::Mul(hn::ConvertTo(d, product), scale);
      hn::Store(score, d, work.scores + key * kPanel + n * kLanes);
      max[n] = hn::Max(max[n], score);
    }
  }
  for (int64_t n = 0; n < kVecs; ++n) hn::Store(max[n], d, work.tile_max + n * kLanes);
}

// max[query] once more, after scores were masked.
template <int64_t kVecs>
void FindMax(int64_t begin, int64_t end, const Int8Workspace& work) {
  const DF d;
  for (int64_t n = 0; n < kVecs; ++n) {
    VF max = hn::Set(d, kLowest);
    for (int64_t key = begin; key < end; ++key)
      max = hn::Max(max, hn::Load(d, work.scores + key * kPanel + n * kLanes));
    hn::Store(max, d, work.tile_max + n * kLanes);
  }
}

// o[channel][query] = old_share * o + new_share * (products[channel][query] - offset[query]); offsets where
// values are off by 128.
template <int64_t kVecs>
HWY_NOINLINE void AddProducts(const Int8Workspace& work, int64_t panel, int64_t num_channels,
                              float* HWY_RESTRICT o) {
  const DF d;
  const int64_t query = panel * kPanel;
  const DI32 di;
  VF old_share[static_cast<size_t>(kVecs)], new_share[static_cast<size_t>(kVecs)];
  VI32 offset[static_cast<size_t>(kVecs)];
  HWY_UNROLL(3)
  for (int64_t n = 0; n < kVecs; ++n) {
    old_share[n] = hn::Load(d, work.old_share + query + n * kLanes);
    new_share[n] = hn::Load(d, work.new_share + query + n * kLanes);
    offset[n] = kSameSigns ? hn::Load(di, work.offset + query + n * kLanes) : hn::Zero(di);
  }
  for (int64_t channel = 0; channel < num_channels; ++channel) {
    HWY_UNROLL(3)
    for (int64_t n = 0; n < kVecs; ++n) {
      auto sum = hn::Load(di, work.products + channel * kPanel + n * kLanes);
      if constexpr (kSameSigns) sum = hn::Sub(sum, offset[n]);
      const VF product = hn::ConvertTo(d, sum);
      float* to = o + channel * kPanel + n * kLanes;
      hn::Store(hn::MulAdd(hn::Load(d, to), old_share[n], hn::Mul(product, new_share[n])), d, to);
    }
  }
}

// 255 * 2^x for x <= 0, as a factor and a power of two whose product is exact. Relative error below 8e-5, a
// fiftieth of the rounding to come; factor below 255.5 at x = 0, so that no byte overflows. 0 below -126.5
// and for -inf.
HWY_INLINE void WeightFactors(VF x, VF* factor, VF* power) {
  const DF d;
  x = hn::Max(x, hn::Set(d, -127.0f));
  const VF biased = hn::Add(x, kn::RoundingBias(d));
  const VF f = hn::Sub(x, hn::Sub(biased, kn::RoundingBias(d)));
  VF p = hn::MulAdd(f, hn::Set(d, 14.0687756f), hn::Set(d, 61.8658362f));
  p = hn::MulAdd(p, f, hn::Set(d, 176.781552f));
  *factor = hn::MulAdd(p, f, hn::Set(d, 254.981659f));
  *power = kn::PowerOfTwo(d, biased);
}

// The weights of four keys as bytes side by side; adds the weights to *total.
HWY_INLINE hn::Vec<DU8> FourWeights(const float* HWY_RESTRICT scores, VF max, VF scale, VF* total) {
  const DF d;
  const hn::RebindToUnsigned<DF> du;
  // Adding 2^23 rounds to an integer, which then lies in the low bits. Its own bits leave the word with the
  // shifts; those of the first key are taken away.
  constexpr uint32_t kIntegerBits = 0x4B000000u;
  const VF to_integer = hn::BitCast(d, hn::Set(du, kIntegerBits));
  hn::Vec<decltype(du)> bits[static_cast<size_t>(kQuad)];
  HWY_UNROLL(4)
  for (int64_t j = 0; j < kQuad; ++j) {
    VF factor, power;
    WeightFactors(hn::Mul(hn::Sub(hn::Load(d, scores + j * kPanel), max), scale), &factor, &power);
    *total = hn::MulAdd(factor, power, *total);
    bits[j] = hn::BitCast(du, hn::MulAdd(factor, power, to_integer));
  }
  const auto first = hn::Xor(bits[0], hn::Set(du, kIntegerBits));
  const auto all = hn::Xor3(hn::Xor(first, hn::ShiftLeft<8>(bits[1])), hn::ShiftLeft<16>(bits[2]),
                            hn::ShiftLeft<24>(bits[3]));
  return hn::BitCast(DU8(), all);
}

// Scores of keys [begin, end), whole quads, become weights relative to their largest; max, sum and the shares
// are brought up to date.
template <int64_t kVecs>
HWY_INLINE void UpdateWeights(const Int8Workspace& work, int64_t panel, int64_t begin, int64_t end,
                              float log2_count) {
  const DF d;
  uint8_t* HWY_RESTRICT panel_weights = work.weights + panel * kPanel * kTileKeys;
  for (int64_t n = 0; n < kVecs; ++n) {
    const int64_t query = panel * kPanel + n * kLanes;
    const float* scores = work.scores + n * kLanes;
    float* max = work.max + query;
    float* sum = work.sum + query;
    const VF scale = hn::Load(d, work.q_scale + query);
    const VF tile_max = hn::Load(d, work.tile_max + n * kLanes);
    VF total = hn::Zero(d);
    auto rounded_total = hn::Zero(DU32());
    for (int64_t key = begin; key < end; key += kQuad) {
      const auto weights = FourWeights(scores + key * kPanel, tile_max, scale, &total);
      hn::Store(weights, DU8(), panel_weights + key * kPanel + n * kLanes * kQuad);
      if constexpr (kSameSigns) rounded_total = hn::Add(rounded_total, hn::SumsOf4(weights));
    }
    if constexpr (kSameSigns)
      hn::Store(hn::BitCast(DI32(), hn::ShiftLeft<7>(rounded_total)), DI32(), work.offset + query);
    const VF scaled_max = hn::Max(hn::MulAdd(tile_max, scale, hn::Set(d, log2_count)), hn::Set(d, kLowest));
    const VF old_max = hn::Load(d, max);
    const VF new_max = hn::Max(old_max, scaled_max);
    const VF old_share = kn::Exp2(d, hn::Sub(old_max, new_max));
    const VF new_share = kn::Exp2(d, hn::Sub(scaled_max, new_max));
    hn::Store(new_max, d, max);
    hn::Store(hn::MulAdd(hn::Load(d, sum), old_share, hn::Mul(total, new_share)), d, sum);
    hn::Store(old_share, d, work.old_share + query);
    hn::Store(new_share, d, work.new_share + query);
  }
}

// Keys outside [seen.begin, seen.end) that share a quad with one inside get no weight.
HWY_INLINE void ClearPartQuads(const SeenKeys& seen, float* HWY_RESTRICT scores) {
  const float minus_infinity = -std::numeric_limits<float>::infinity();
  for (int64_t key = seen.begin / kQuad * kQuad; key < seen.begin; ++key)
    std::fill_n(scores + key * kPanel, kPanel, minus_infinity);
  for (int64_t key = seen.end; key < RoundUp(seen.end, kQuad); ++key)
    std::fill_n(scores + key * kPanel, kPanel, minus_infinity);
}

template <int64_t kVecs>
HWY_INLINE void MultiplyKeys(const Int8QueryTile& tile, const SeenKeys& seen, const uint8_t* q) {
  const Int8Workspace& work = tile.workspace;
  if (TakesTiles<kVecs>(tile, seen)) {
    return MultiplyTiles({.a = tile.key_rows,
                          .a_stride_bytes = static_cast<size_t>(tile.key_stride),
                          .b = q,
                          .c = work.products});
  }
  constexpr int64_t kBlock = kQuadRows;
  const size_t channel_steps = static_cast<size_t>(RoundUp(tile.head_dim, kQuad) / kQuad);
  for (int64_t key = seen.begin / kBlock * kBlock; key < seen.end; key += kBlock) {
    MultiplyQuadRows<static_cast<size_t>(kVecs), QuadSide::kKeys>(
        tile, {.a = work.k + key * kQuad,
               .a_step_bytes = static_cast<size_t>(kTileKeys * kQuad),
               .b = q,
               .steps = channel_steps,
               .c = work.products + key * kPanel});
  }
}

template <int64_t kVecs>
HWY_INLINE void MultiplyValues(const Int8QueryTile& tile, const SeenKeys& seen, const uint8_t* weights) {
  const Int8Workspace& work = tile.workspace;
  if (TakesTiles<kVecs>(tile, seen))
    return MultiplyTiles({.a = work.v_rows, .a_stride_bytes = kTileBytes, .b = weights, .c = work.products});
  constexpr int64_t kBlock = kQuadRows;
  const int64_t begin = seen.begin / kQuad * kQuad;
  const size_t key_steps = static_cast<size_t>((RoundUp(seen.end, kQuad) - begin) / kQuad);
  for (int64_t channel = 0; channel < tile.head_dim; channel += kBlock) {
    MultiplyQuadRows<static_cast<size_t>(kVecs), QuadSide::kValues>(
        tile, {.a = work.v + begin * tile.padded_dim + channel * kQuad,
               .a_step_bytes = static_cast<size_t>(tile.padded_dim * kQuad),
               .b = weights + begin * kPanel,
               .steps = key_steps,
               .c = work.products + channel * kPanel});
  }
}

// The keys at hand, as one of the panels sees them.
struct PanelKeys {
  int64_t panel;
  KeyTile keys;
  SeenKeys seen;
  float log2_count;  // of the range
};

template <int64_t kVecs>
void WeighKeys(const Int8QueryTile& tile, const PanelKeys& job) {
  const Int8Workspace& work = tile.workspace;
  const SeenKeys& seen = job.seen;
  MultiplyKeys<kVecs>(tile, seen, work.q + job.panel * kPanel * tile.padded_dim);
  ScaleScores<kVecs>(tile.keys, seen.begin, seen.end, work);
  if (seen.masked) {
    MaskScores<kVecs>(tile.limits, job.panel, job.keys, seen, work.scores);
    FindMax<kVecs>(seen.begin, seen.end, work);
  }
  ClearPartQuads(seen, work.scores);
  UpdateWeights<kVecs>(work, job.panel, seen.begin / kQuad * kQuad, RoundUp(seen.end, kQuad), job.log2_count);
}

template <int64_t kVecs>
void AddValues(const Int8QueryTile& tile, const PanelKeys& job) {
  const Int8Workspace& work = tile.workspace;
  MultiplyValues<kVecs>(tile, job.seen, work.weights + job.panel * kPanel * kTileKeys);
  AddProducts<kVecs>(work, job.panel, tile.head_dim, work.o + job.panel * kPanel * tile.padded_dim);
}

// Calls step with the number of vectors that hold the queries of a panel.
template <class Step>
HWY_INLINE void WithVecs(const Int8QueryTile& tile, int64_t panel, const Step& step) {
  const int64_t num_rows = tile.num_rows - panel * kPanel;
  if (num_rows > 2 * kLanes) {
    step(std::integral_constant<int64_t, 3>());
  } else if (num_rows > kLanes) {
    step(std::integral_constant<int64_t, 2>());
  } else {
    step(std::integral_constant<int64_t, 1>());
  }
}

// All panels weigh the keys before the first adds values: weights that were written just now would have to
// reach the cache before the rows of a matrix tile can be loaded.
HWY_INLINE void AttendInt8Panels(const Int8QueryTile& tile, const KeyTile& keys, const KeyRange& range) {
  const int64_t num_panels = NumPanels(tile.num_rows);
  PanelKeys jobs[static_cast<size_t>(NumPanels(kTileQueries))];
  for (int64_t panel = 0; panel < num_panels; ++panel) {
    PanelKeys& job = jobs[panel];
    job = {.panel = panel,
           .keys = keys,
           .seen =
               range.exact ? SeenKeys{0, keys.num_keys, false} : FindSeenKeys(tile.limits.views[panel], keys),
           .log2_count = range.log2_count};
    if (job.seen.begin >= job.seen.end) continue;
    WithVecs(tile, panel, [&](auto vecs) HWY_ATTR { WeighKeys<vecs()>(tile, job); });
  }
  for (int64_t panel = 0; panel < num_panels; ++panel) {
    const PanelKeys& job = jobs[panel];
    if (job.seen.begin >= job.seen.end) continue;
    WithVecs(tile, panel, [&](auto vecs) HWY_ATTR { AddValues<vecs()>(tile, job); });
  }
}

// Scales and shifts of `num_keys` keys of a range.
HWY_INLINE void SelectKeys(const Int8Keys& keys, const KeyRows<int8_t>& rows, int64_t first_row,
                           int64_t num_keys, Int8KeyTile* tile) {
  for (int64_t i = 0; i < RoundUp(num_keys, kRowPadding); ++i) {
    const int64_t row = first_row + rows.RowIndex(std::min(i, num_keys - 1));
    tile->scale[i] = keys.k_scale[row];
    tile->shift[i] = keys.k_shift[row];
  }
}

// The keys and values of a tile as the products want them. `exact`: every query sees all of them.
HWY_INLINE void PackTile(const KeyRows<int8_t>& k, const KeyRows<int8_t>& v, int64_t num_keys, bool exact,
                         Int8QueryTile* tile) {
  const Int8Workspace& work = tile->workspace;
  PackValueQuads(v, num_keys, tile->padded_dim, work.v);
  const bool are_whole = tile->matrix_tiles && num_keys == kTileKeys && k.order == nullptr;
  tile->key_rows = are_whole ? k(0) : nullptr;
  tile->key_stride = k.step * k.matrix.stride;
  if (are_whole) {  // quads of keys by channel become keys by channel
    const ByteRows quads = {work.v, kQuad * kTileBytes, kTileKeys / kQuad, kQuad * kTileBytes};
    PackQuads(quads, quads.count, quads.dim, quads.count, work.v_rows);
  }
  const bool all_take_tiles = are_whole && exact && tile->num_rows % kPanel == 0;
  if (!all_take_tiles) PackQuads(k, num_keys, tile->padded_dim, kTileKeys, work.k);
}

template <class T>
void AttendInt8Range(const AttentionHead<T>& head, const Int8Keys& keys, const KeyRange& range,
                     Int8QueryTile* tile) {
  const int64_t num_keys = NumKeys(range);
  const int64_t num_panels = NumPanels(tile->num_rows);
  const bool is_pooled = range.source == KeySource::kPooled;
  const int64_t first_row = is_pooled ? head.k.rows : 0;
  const int32_t* order = is_pooled ? nullptr : head.OrderOf(range);
  const Matrix<const int8_t> k = {keys.k + first_row * tile->padded_dim, head.k.rows, tile->padded_dim,
                                  tile->padded_dim};
  const Matrix<const int8_t> v = {keys.v + first_row * tile->padded_dim, head.v.rows, tile->padded_dim,
                                  tile->padded_dim};
  for (int64_t begin = 0; begin < num_keys; begin += kTileKeys) {
    const KeyTile selected = {begin, std::min(kTileKeys, num_keys - begin)};
    if (!range.exact && !IsSeen(tile->limits, num_panels, selected)) continue;
    const KeyRows<int8_t> rows = {k, order, range.begin + begin * range.step, range.step};
    SelectKeys(keys, rows, first_row, selected.num_keys, &tile->keys);
    PackTile(rows, KeyRows<int8_t>{v, rows.order, rows.begin, rows.step}, selected.num_keys, range.exact,
             tile);
    AttendInt8Panels(*tile, selected, range);
  }
}

template <class T>
void LoadInt8Queries(const AttentionHead<T>& head, int64_t query_begin, const Int8QueryTile& tile) {
  constexpr float kLog2E = 1.44269504f;  // scores to base 2: exponentials are cheaper
  const Int8Workspace& work = tile.workspace;
  const int64_t padded_rows = NumPanels(tile.num_rows) * kPanel;
  std::fill_n(work.q_scale, padded_rows, 1.0f);
  std::fill_n(work.max, padded_rows, kLowest);
  std::fill_n(work.sum, padded_rows, 0.0f);
  std::fill_n(work.o, padded_rows * tile.padded_dim, 0.0f);
  for (int64_t begin = 0; begin < tile.num_rows; begin += kPanel) {
    const QueryRows<const float, T> rows = {head, head.q, query_begin + begin};
    RoundQueries(rows, std::min(kPanel, tile.num_rows - begin), kPanel, tile.head_dim, head.scale * kLog2E,
                 work.v, work.q + begin * tile.padded_dim, work.q_scale + begin);
  }
}

template <class T>
void StoreInt8Outputs(const AttentionHead<T>& head, const Int8Keys& keys, int64_t query_begin,
                      const Int8QueryTile& tile) {
  const DF d;
  const Int8Workspace& work = tile.workspace;
  for (int64_t begin = 0; begin < tile.num_rows; begin += kPanel) {
    float* o = work.o + begin * tile.padded_dim;
    for (int64_t n = 0; n < kPanel; n += kLanes) {
      const VF sum = hn::Load(d, work.sum + begin + n);
      const auto any_key = hn::Gt(sum, hn::Zero(d));
      const VF inverse = hn::Div(hn::Set(d, 1.0f), sum);
      for (int64_t channel = 0; channel < tile.head_dim; ++channel) {
        float* at = o + channel * kPanel + n;
        const VF scaled = hn::Mul(hn::Mul(hn::Load(d, at), inverse), hn::Set(d, keys.v_scale[channel]));
        const VF mean = hn::Set(d, keys.v_mean[channel]);
        hn::Store(hn::IfThenElseZero(any_key, hn::Add(scaled, mean)), d, at);
      }
    }
    const QueryRows<float, T> rows = {head, head.out, query_begin + begin};
    UnpackTransposed(o, kPanel, tile.head_dim, rows, std::min(kPanel, tile.num_rows - begin));
  }
}

// Attends the queries at positions [query_begin, query_end), at most kTileQueries.
template <class T>
void AttendInt8Tile(const AttentionHead<T>& head, const Int8Keys& keys, int64_t query_begin,
                    int64_t query_end, const Int8Workspace& workspace) {
  Int8QueryTile tile;
  tile.workspace = workspace;
  tile.head_dim = head.q.cols;
  tile.padded_dim = RoundUp(head.q.cols, kInt8Channels);
  tile.num_rows = query_end - query_begin;
  tile.dot_products = tile.matrix_tiles = false;
  if constexpr (HWY_ARCH_ARM_A64) tile.dot_products = HasNeonDotProducts();
  if constexpr (kMayHaveTiles) {
    tile.matrix_tiles = tile.padded_dim == kTileBytes && HasAmxInt8();
    if (tile.matrix_tiles) PrepareTilesAmx();
  }
  LoadInt8Queries(head, query_begin, tile);
  ForEachSeenRange(head, head.Block(query_begin, query_end), &tile.limits,
                   [&](const KeyRange& range) { AttendInt8Range(head, keys, range, &tile); });
  if constexpr (kMayHaveTiles) {
    if (tile.matrix_tiles) ReleaseTilesAmx();
  }
  StoreInt8Outputs(head, keys, query_begin, tile);
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_TILE_INL_H_
