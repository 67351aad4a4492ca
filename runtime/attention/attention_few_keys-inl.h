// A run of keys and one query (decoding): K and V are streamed once, straight from their rows. Bound by
// memory, so nothing is packed; vectors run over the channels of a head, and four keys are in flight at once.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "runtime/attention/attention_job.h"
#include "runtime/kernels/load_float-inl.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep
#include "runtime/kernels/vector_math-inl.h"

#if defined(EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_KEYS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_KEYS_INL_H_
#undef EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_KEYS_INL_H_
#else
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_KEYS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace kn = earshot::kernels::HWY_NAMESPACE;

using FewTag = hn::ScalableTag<float>;
using FewVec = hn::Vec<FewTag>;

// Adds up the 128-bit blocks of a vector.
template <class D>
HWY_INLINE hn::Vec<hn::FixedTag<hn::TFromD<D>, 4>> SumOfBlocks(D, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return SumOfBlocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// {sum of a's lanes, of b's, of c's, of e's}: half the shuffles of four sums across lanes.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<hn::FixedTag<hn::TFromD<D>, 4>> FourSums(D d, V a, V b, V c, V e) {
  const hn::Repartition<uint64_t, D> du64;
  const auto ab = hn::BitCast(du64, hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)));
  const auto ce = hn::BitCast(du64, hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e)));
  return SumOfBlocks(d, hn::Add(hn::BitCast(d, hn::InterleaveLower(du64, ab, ce)),
                                hn::BitCast(d, hn::InterleaveUpper(du64, ab, ce))));
}

// From a row to the one that has its place in the next tile, in elements; 0 where it may be anywhere.
template <class T>
HWY_INLINE int64_t TileDistance(const KeyRows<T>& rows) {
  return rows.order != nullptr ? 0 : kFewTileKeys * rows.step * rows.matrix.stride;
}

// Has a row of bytes fetched that is needed a tile later. The hardware does not see it coming: it follows no
// rows that are far apart, and gives up at the end of a page, which is a tile of neighbouring rows.
template <class T>
HWY_INLINE void PrefetchAhead(const T* row, int64_t distance) {
  if constexpr (HWY_ARCH_X86 && sizeof(T) == 1) {
    // The last tile's next one may lie outside of all memory: an address, not a pointer.
    const auto address = reinterpret_cast<uintptr_t>(row) + static_cast<uintptr_t>(distance);
    hwy::Prefetch(reinterpret_cast<const T*>(address));
  }
}

// scores[i] = q . keys(i) for i < count. q is padded with zeros to whole vectors.
template <class T>
HWY_INLINE void ScoreKeys(const float* HWY_RESTRICT q, const KeyRows<T>& keys, int64_t count, int64_t dim,
                          float* HWY_RESTRICT scores) {
  const FewTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count; i += 4) {
    // The last rows are repeated rather than branched over; their scores are overwritten or lie in the
    // padding of the tile.
    const T* row[4];
    for (int64_t j = 0; j < 4; ++j) row[j] = keys(std::min(i + j, count - 1));
    FewVec sum0 = hn::Zero(d), sum1 = hn::Zero(d), sum2 = hn::Zero(d), sum3 = hn::Zero(d);
    int64_t channel = 0;
    for (; channel + lanes <= dim; channel += lanes) {
      const FewVec factor = hn::LoadU(d, q + channel);
      sum0 = hn::MulAdd(factor, kn::LoadFloat(d, row[0] + channel), sum0);
      sum1 = hn::MulAdd(factor, kn::LoadFloat(d, row[1] + channel), sum1);
      sum2 = hn::MulAdd(factor, kn::LoadFloat(d, row[2] + channel), sum2);
      sum3 = hn::MulAdd(factor, kn::LoadFloat(d, row[3] + channel), sum3);
    }
    if (channel < dim) {
      const FewVec factor = hn::LoadU(d, q + channel);
      const size_t rest = static_cast<size_t>(dim - channel);
      sum0 = hn::MulAdd(factor, kn::LoadFloatN(d, row[0] + channel, rest), sum0);
      sum1 = hn::MulAdd(factor, kn::LoadFloatN(d, row[1] + channel, rest), sum1);
      sum2 = hn::MulAdd(factor, kn::LoadFloatN(d, row[2] + channel, rest), sum2);
      sum3 = hn::MulAdd(factor, kn::LoadFloatN(d, row[3] + channel, rest), sum3);
    }
    const hn::FixedTag<float, 4> d4;
    hn::StoreU(FourSums(d, sum0, sum1, sum2, sum3), d4, scores + i);
  }
}

// Scores (to base 2) plus log2_count become weights 2^(score - max); returns the factor for the sums so far.
HWY_INLINE float UpdateWeights(float* scores, int64_t count, float log2_count, float* max, float* sum) {
  const FewTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = count; i < RoundUp(count, lanes); ++i) scores[i] = -std::numeric_limits<float>::infinity();
  FewVec largest = hn::Set(d, *max - log2_count);  // the maximum without the count, which all scores share
  for (int64_t i = 0; i < count; i += lanes) largest = hn::Max(largest, hn::Load(d, scores + i));
  const float tile_max = hn::ReduceMax(d, largest);
  const float new_max = tile_max + log2_count;
  const float alpha = hn::GetLane(kn::Exp2(d, hn::Set(d, *max - new_max)));
  FewVec total = hn::Zero(d);
  for (int64_t i = 0; i < count; i += lanes) {
    const FewVec weight = kn::Exp2(d, hn::Sub(hn::Load(d, scores + i), hn::Set(d, tile_max)));
    hn::Store(weight, d, scores + i);
    total = hn::Add(total, weight);
  }
  *max = new_max;
  *sum = *sum * alpha + hn::ReduceSum(d, total);
  return alpha;
}

// o = alpha * o + sum_i weights[i] * values(i) for kVecs vectors of channels from `channel` on. The old o is
// added last, which makes of a sum over many tiles a sum of short sums and so keeps its rounding error small.
template <size_t kVecs, class T>
HWY_INLINE void AddValues(const float* HWY_RESTRICT weights, const KeyRows<T>& values, int64_t count,
                          int64_t channel, float alpha, float* HWY_RESTRICT o) {
  const FewTag d;
  const size_t lanes = hn::Lanes(d);
  const int64_t ahead = TileDistance(values);
  FewVec sum[kVecs];
  HWY_UNROLL(8)
  for (size_t n = 0; n < kVecs; ++n) sum[n] = hn::Zero(d);
  for (int64_t i = 0; i < count; ++i) {
    const T* row = values(i) + channel;
    PrefetchAhead(row, ahead);
    const FewVec weight = hn::Set(d, weights[i]);
    HWY_UNROLL(8)
    for (size_t n = 0; n < kVecs; ++n) sum[n] = hn::MulAdd(weight, kn::LoadFloat(d, row + n * lanes), sum[n]);
  }
  HWY_UNROLL(8)
  for (size_t n = 0; n < kVecs; ++n) {
    float* to = o + channel + n * lanes;
    hn::StoreU(hn::MulAdd(hn::Set(d, alpha), hn::LoadU(d, to), sum[n]), d, to);
  }
}

template <class T>
HWY_INLINE void AddValuesTail(const float* HWY_RESTRICT weights, const KeyRows<T>& values, int64_t count,
                              int64_t channel, size_t rest, float alpha, float* HWY_RESTRICT o) {
  const FewTag d;
  FewVec sum = hn::Zero(d);
  for (int64_t i = 0; i < count; ++i)
    sum = hn::MulAdd(hn::Set(d, weights[i]), kn::LoadFloatN(d, values(i) + channel, rest), sum);
  hn::StoreU(hn::MulAdd(hn::Set(d, alpha), hn::LoadU(d, o + channel), sum), d, o + channel);
}

// The same for all channels.
template <class T>
HWY_INLINE void AddAllValues(const float* HWY_RESTRICT weights, const KeyRows<T>& values, int64_t count,
                             int64_t dim, float alpha, float* HWY_RESTRICT o) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(FewTag()));
  int64_t channel = 0;
  for (; channel + 8 * lanes <= dim; channel += 8 * lanes)
    AddValues<8>(weights, values, count, channel, alpha, o);
  for (; channel + 4 * lanes <= dim; channel += 4 * lanes)
    AddValues<4>(weights, values, count, channel, alpha, o);
  for (; channel + lanes <= dim; channel += lanes) AddValues<1>(weights, values, count, channel, alpha, o);
  if (channel < dim)
    AddValuesTail(weights, values, count, channel, static_cast<size_t>(dim - channel), alpha, o);
}

// Some of the keys of a range, and their values.
template <class T>
struct KeyRun {
  KeyRows<T> keys;
  KeyRows<T> values;
  int64_t count;
  float log2_count;  // of the range
};

// Attends one query row to a run of keys.
template <class T>
void AttendKeys(const Workspace& work, int64_t row, const KeyRun<T>& run, int64_t dim) {
  const int64_t padded_dim = RoundUp(dim, 16);
  ScoreKeys(work.q + row * padded_dim, run.keys, run.count, dim, work.scores);
  const float alpha = UpdateWeights(work.scores, run.count, run.log2_count, work.max + row, work.sum + row);
  AddAllValues(work.scores, run.values, run.count, dim, alpha, work.o + row * padded_dim);
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_KEYS_INL_H_
