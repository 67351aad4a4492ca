// Panels of a tile of queries, and which keys of a range each query and each panel sees: what the tiled
// kernels of all number types share.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "runtime/attention/attention_job.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep

#if defined(EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILE_INL_H_
#undef EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILE_INL_H_
#else
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(DF()));
constexpr int64_t kPanelVecs = 3;
constexpr int64_t kPanel = kPanelVecs * kLanes;
static_assert(kPanel <= kMaxPanelQueries && kTileQueries % kPanel == 0);

// First score of a maximum: finite, so that -inf (masked) minus it is -inf and not NaN.
constexpr float kLowest = -std::numeric_limits<float>::max();

// What the queries of a panel see of a range: keys in [any.begin, any.end) are seen by some, keys in
// [all.begin, all.end) by all.
struct PanelView {
  KeyInterval any;
  KeyInterval all;
};

// What each query (of a tile of at most kTileQueries) and each panel sees of a range.
struct TileLimits {
  alignas(64) int32_t first_key[kTileQueries];  // per query: the interval of keys of the range it sees
  alignas(64) int32_t last_key[kTileQueries];
  PanelView views[kTileQueries / kPanel];
};

constexpr int64_t NumPanels(int64_t num_rows) { return (num_rows + kPanel - 1) / kPanel; }

// A tile of keys: `num_keys` keys of a range from its key number `begin` on.
struct KeyTile {
  int64_t begin;
  int64_t num_keys;
};

// The keys of a tile, counted from its first, that some query of a panel sees; whether all see all of them.
struct SeenKeys {
  int64_t begin;
  int64_t end;
  bool masked;
};

HWY_INLINE SeenKeys FindSeenKeys(const PanelView& view, const KeyTile& keys) {
  const int64_t begin = std::max<int64_t>(0, view.any.begin - keys.begin);
  const int64_t end = std::min(keys.num_keys, view.any.end - keys.begin);
  return {begin, end, view.all.begin > keys.begin + begin || view.all.end < keys.begin + end};
}

// Scores outside a query's interval become -inf; scores[key][kPanel].
template <int64_t kVecs>
HWY_INLINE void MaskScores(const TileLimits& limits, int64_t panel, const KeyTile& keys, const SeenKeys& seen,
                           float* HWY_RESTRICT scores) {
  const DF d;
  const hn::RebindToSigned<DF> di;
  const auto minus_infinity = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (int64_t n = 0; n < kVecs; ++n) {
    const auto first = hn::Load(di, limits.first_key + panel * kPanel + n * kLanes);
    const auto last = hn::Load(di, limits.last_key + panel * kPanel + n * kLanes);
    for (int64_t key = seen.begin; key < seen.end; ++key) {
      const auto position = hn::Set(di, static_cast<int32_t>(keys.begin + key));
      const auto visible = hn::And(hn::Ge(position, first), hn::Lt(position, last));
      float* score = scores + key * kPanel + n * kLanes;
      hn::Store(hn::IfThenElse(hn::RebindMask(d, visible), hn::Load(d, score), minus_infinity), d, score);
    }
  }
}

// Fills `tile` for the queries of the block. False if none of them sees a key of the range.
inline bool FindLimits(const AttentionPattern& pattern, const QueryBlock& block, int64_t index,
                       const KeyRange& range, TileLimits* tile) {
  KeyLimits limits[kTileQueries];
  const int64_t num_rows = block.num_rows();
  pattern.RowLimits(block, index, {limits, static_cast<size_t>(num_rows)});
  const int64_t num_keys = NumKeys(range);
  bool any_row = false;
  for (int64_t panel = 0; panel < NumPanels(num_rows); ++panel) {
    constexpr int32_t kNone = std::numeric_limits<int32_t>::max();
    PanelView view = {.any = {kNone, 0}, .all = {0, kNone}};
    for (int64_t row = panel * kPanel; row < (panel + 1) * kPanel; ++row) {
      const bool real = row < num_rows;
      const KeyInterval interval = real ? Clip(range, num_keys, limits[row]) : KeyInterval{};
      tile->first_key[row] = interval.begin;
      tile->last_key[row] = interval.end;
      if (!real) continue;
      view.all = {std::max(view.all.begin, interval.begin), std::min(view.all.end, interval.end)};
      if (interval.begin == interval.end) continue;
      view.any = {std::min(view.any.begin, interval.begin), std::max(view.any.end, interval.end)};
      any_row = true;
    }
    tile->views[panel] = view;
  }
  return any_row;
}

// Calls visit(range) for every range of which the queries of the block see a key; `limits` are those of that
// range unless it is exact.
template <class T, class Visit>
HWY_INLINE void ForEachSeenRange(const AttentionHead<T>& head, const QueryBlock& block, TileLimits* limits,
                                 const Visit& visit) {
  const int64_t num_ranges = head.pattern->NumRanges(block);
  for (int64_t index = 0; index < num_ranges; ++index) {
    const KeyRange range = head.pattern->Range(block, index);
    if (range.exact || FindLimits(*head.pattern, block, index, range, limits)) visit(range);
  }
}

inline bool IsSeen(const TileLimits& limits, int64_t num_panels, const KeyTile& keys) {
  for (int64_t panel = 0; panel < num_panels; ++panel) {
    const KeyInterval any = limits.views[panel].any;
    if (any.begin < keys.begin + keys.num_keys && keys.begin < any.end) return true;
  }
  return false;
}

// Rows of a matrix at query positions.
template <class T, class U>
struct QueryRows {
  const AttentionHead<U>& head;
  Matrix<T> matrix;
  int64_t begin;
  T* operator()(int64_t i) const { return matrix.Row(head.QueryRow(begin + i)); }
};

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_TILE_INL_H_
