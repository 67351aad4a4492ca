// A run of 8-bit keys and one query: the query is rounded to 15 bits once, and on ARM so are the weights of a
// run, each times the scale of its row; products are summed up exactly. Their rounding is 1/128 of that of
// the keys and values. Widening a byte to 16 bits costs a third of the instructions of widening it to a
// float. Weighted values are left in f32 on x86, where the widening products add neighbours and want rows
// interleaved first.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "runtime/attention/attention_few_keys-inl.h"
#include "runtime/attention/attention_job.h"
#include "runtime/attention/few_products.h"
#include "runtime/core/arm_features.h"
#include "runtime/kernels/kernels.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep

#if defined(EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INT8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INT8_INL_H_
#undef EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INT8_INL_H_
#else
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INT8_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using WideTag = hn::ScalableTag<int16_t>;
using SumTag = hn::Repartition<int32_t, WideTag>;
using ByteTag = hn::Rebind<int8_t, WideTag>;
using WideVec = hn::Vec<WideTag>;
using SumVec = hn::Vec<SumTag>;

// The first `count` rows, if they lie one after the other.
HWY_INLINE ByteRows EvenRows(const KeyRows<int8_t>& rows, int64_t count, int64_t dim) {
  return {rows.matrix.Row(rows.begin), rows.step * rows.matrix.stride, count, dim};
}

HWY_INLINE int64_t TileDistance(const ByteRows& rows) { return kFewTileKeys * rows.stride; }

// Calls visit with the rows as what is cheapest to ask: even ones need neither a table nor a branch.
template <class Visit>
HWY_INLINE void WithRows(const KeyRows<int8_t>& rows, int64_t count, int64_t dim, const Visit& visit) {
  if (rows.order != nullptr) return visit(rows);
  visit(EvenRows(rows, count, dim));
}

// Those of a whole tile where they lie one after the other; others are brought together in `room`.
HWY_INLINE const float* LoadScales(const KeyRows<int8_t>& rows, int64_t count, float* HWY_RESTRICT room) {
  if (rows.order != nullptr) {
    for (int64_t i = 0; i < count; ++i) room[i] = rows.Scale(i);
    return room;
  }
  const float* from = rows.scales.Row(rows.begin);
  const int64_t stride = rows.step * rows.scales.stride;
  if (stride == 1 && count == kFewTileKeys) return from;
  HWY_UNROLL(4)
  for (int64_t i = 0; i < count; ++i, from += stride) room[i] = *from;
  return room;
}

// Rounds numbers to `levels` levels of their largest magnitude; returns the scale: x = scale * to. `count` is
// rounded up to whole vectors.
HWY_INLINE float RoundTo16(const float* HWY_RESTRICT x, int64_t count, int64_t levels,
                           int16_t* HWY_RESTRICT to) {
  const FewTag d;
  const hn::Rebind<int16_t, FewTag> d16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  FewVec largest = hn::Set(d, kernels::kSmallestMagnitude);
  for (int64_t i = 0; i < count; i += lanes) largest = hn::Max(largest, hn::Abs(hn::Load(d, x + i)));
  const float magnitude = hn::ReduceMax(d, largest);
  const FewVec factor = hn::Set(d, static_cast<float>(levels) / magnitude);
  for (int64_t i = 0; i < count; i += lanes) {
    const auto rounded = hn::NearestInt(hn::Mul(hn::Load(d, x + i), factor));
    hn::StoreU(hn::DemoteTo(d16, rounded), d16, to + i);
  }
  return magnitude / static_cast<float>(levels);
}

// Rounds work.q of a row.
inline void RoundFewQuery(int64_t dim, int64_t row, const Workspace& work) {
  const int64_t padded_dim = RoundUp(dim, 16), begin = row * padded_dim;
  work.q16_scale[row] = RoundTo16(work.q + begin, padded_dim, FewQueryLevels(dim), work.q16 + begin);
}

// Two vectors of 16-bit channels.
struct WidePair {
  WideVec low;
  WideVec high;
};

HWY_INLINE WidePair LoadPair(const int8_t* from) {
  const WideTag d16;
  const hn::Repartition<int8_t, WideTag> d8;
  const auto bytes = hn::LoadU(d8, from);
  return {hn::PromoteLowerTo(d16, bytes), hn::PromoteUpperTo(d16, bytes)};
}

// sums[i] = q . rows(i) for i < count, up to the next multiple of four.
template <class Rows>
HWY_INLINE void MultiplyKeys(const int16_t* HWY_RESTRICT q, const Rows& rows, int64_t count, int64_t dim,
                             float* HWY_RESTRICT sums) {
  const WideTag d16;
  const SumTag d32;
  const ByteTag d8;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d16));
  const int64_t ahead = TileDistance(rows);
  for (int64_t i = 0; i < count; i += 4) {
    // The last rows are repeated rather than branched over.
    const int8_t* row[4];
    HWY_UNROLL(4)
    for (int64_t j = 0; j < 4; ++j) {
      row[j] = rows(std::min(i + j, count - 1));
      PrefetchAhead(row[j], ahead);
    }
    SumVec low[4], high[4];
    HWY_UNROLL(4)
    for (size_t j = 0; j < 4; ++j) low[j] = high[j] = hn::Zero(d32);
    int64_t channel = 0;
    for (; channel + 2 * lanes <= dim; channel += 2 * lanes) {
      const WidePair factor = {hn::LoadU(d16, q + channel), hn::LoadU(d16, q + channel + lanes)};
      HWY_UNROLL(4)
      for (size_t j = 0; j < 4; ++j) {
        const WidePair key = LoadPair(row[j] + channel);
        low[j] = hn::ReorderWidenMulAccumulate(d32, factor.low, key.low, low[j], high[j]);
        low[j] = hn::ReorderWidenMulAccumulate(d32, factor.high, key.high, low[j], high[j]);
      }
    }
    for (; channel < dim; channel += lanes) {
      const size_t rest = static_cast<size_t>(std::min(lanes, dim - channel));
      const WideVec factor = hn::LoadN(d16, q + channel, rest);
      HWY_UNROLL(4)
      for (size_t j = 0; j < 4; ++j) {
        const WideVec key = hn::PromoteTo(d16, hn::LoadN(d8, row[j] + channel, rest));
        low[j] = hn::ReorderWidenMulAccumulate(d32, factor, key, low[j], high[j]);
      }
    }
    const hn::FixedTag<float, 4> d4;
    hn::StoreU(hn::ConvertTo(d4, FourSums(d32, hn::Add(low[0], high[0]), hn::Add(low[1], high[1]),
                                          hn::Add(low[2], high[2]), hn::Add(low[3], high[3]))),
               d4, sums + i);
  }
}

// x[i] *= factor * y[i] for i < count, up to the next whole vector; what lies there stays finite.
HWY_INLINE void MultiplyBy(float* HWY_RESTRICT x, const float* HWY_RESTRICT y, int64_t count, float factor) {
  const FewTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count; i += lanes)
    hn::Store(hn::Mul(hn::Mul(hn::LoadU(d, y + i), hn::Set(d, factor)), hn::Load(d, x + i)), d, x + i);
}

// sums[c] = sum_i weights[i] * rows(i)[c] for kPairs pairs of vectors of channels.
template <size_t kPairs, class Rows>
HWY_INLINE void SumValues(const int16_t* HWY_RESTRICT weights, const Rows& rows, int64_t count,
                          int64_t channel, int32_t* HWY_RESTRICT sums) {
  const WideTag d16;
  const SumTag d32;
  const size_t lanes = hn::Lanes(d16);
  SumVec sum[kPairs][4];
  HWY_UNROLL(4)
  for (size_t n = 0; n < kPairs; ++n) {
    HWY_UNROLL(4)
    for (size_t j = 0; j < 4; ++j) sum[n][j] = hn::Zero(d32);
  }
  for (int64_t i = 0; i < count; ++i) {
    const int8_t* row = rows(i) + channel;
    const WideVec weight = hn::Set(d16, weights[i]);
    HWY_UNROLL(4)
    for (size_t n = 0; n < kPairs; ++n) {
      const WidePair value = LoadPair(row + n * 2 * lanes);
      sum[n][0] = hn::WidenMulAccumulate(d32, weight, value.low, sum[n][0], sum[n][1]);
      sum[n][2] = hn::WidenMulAccumulate(d32, weight, value.high, sum[n][2], sum[n][3]);
    }
  }
  HWY_UNROLL(4)
  for (size_t n = 0; n < kPairs; ++n) {
    HWY_UNROLL(4)
    for (size_t j = 0; j < 4; ++j) hn::StoreU(sum[n][j], d32, sums + channel + (n * 4 + j) * (lanes / 2));
  }
}

// The same for all channels; sums has room up to the next multiple of 16.
template <class Rows>
HWY_INLINE void SumAllValues(const int16_t* HWY_RESTRICT weights, const Rows& rows, int64_t count,
                             int64_t dim, int32_t* HWY_RESTRICT sums) {
  const WideTag d16;
  const SumTag d32;
  const ByteTag d8;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d16));
  constexpr int64_t kPairs = HWY_ARCH_ARM_A64 ? 4 : 2;  // 16 sums of 32 registers, or 8 of 16
  int64_t channel = 0;
  for (; channel + kPairs * 2 * lanes <= dim; channel += kPairs * 2 * lanes)
    SumValues<static_cast<size_t>(kPairs)>(weights, rows, count, channel, sums);
  for (; channel + 2 * lanes <= dim; channel += 2 * lanes) SumValues<1>(weights, rows, count, channel, sums);
  for (; channel < dim; channel += lanes) {
    const size_t rest = static_cast<size_t>(std::min(lanes, dim - channel));
    SumVec low = hn::Zero(d32), high = hn::Zero(d32);
    for (int64_t i = 0; i < count; ++i) {
      const WideVec value = hn::PromoteTo(d16, hn::LoadN(d8, rows(i) + channel, rest));
      low = hn::WidenMulAccumulate(d32, hn::Set(d16, weights[i]), value, low, high);
    }
    hn::StoreU(low, d32, sums + channel);
    hn::StoreU(high, d32, sums + channel + lanes / 2);
  }
}

// Whether the instructions of few_products.h serve a run.
HWY_INLINE bool TakesDotProducts(const KeyRows<int8_t>& rows, int64_t dim) {
  if constexpr (HWY_ARCH_ARM_A64)
    return rows.order == nullptr && dim % 16 == 0 && dim <= kMaxFewChannels && HasNeonDotProducts();
  return false;
}

// scores[i] = q . keys(i), but for the scale of q.
HWY_INLINE void ScoreKeys16(const int16_t* HWY_RESTRICT q, const KeyRun<int8_t>& run, int64_t dim,
                            float* HWY_RESTRICT scores) {
  if constexpr (HWY_ARCH_ARM_A64) {
    if (TakesDotProducts(run.keys, dim))
      return MultiplyKeysNeonDot(q, EvenRows(run.keys, run.count, dim), scores);
  }
  WithRows(run.keys, run.count, dim,
           [&](const auto& rows) HWY_ATTR { MultiplyKeys(q, rows, run.count, dim, scores); });
}

// sums[c] = sum_i weights[i] * values(i)[c].
HWY_INLINE void SumValues16(const int16_t* HWY_RESTRICT weights, const KeyRun<int8_t>& run, int64_t dim,
                            int32_t* HWY_RESTRICT sums) {
  if constexpr (HWY_ARCH_ARM_A64) {
    if (TakesDotProducts(run.values, dim))
      return SumValuesNeonDot(weights, EvenRows(run.values, run.count, dim), sums);
  }
  WithRows(run.values, run.count, dim,
           [&](const auto& rows) HWY_ATTR { SumAllValues(weights, rows, run.count, dim, sums); });
}

// o = alpha * o + sum_i weights[i] * values(i).
inline void AddValues16(const float* HWY_RESTRICT weights, const KeyRun<int8_t>& run, int64_t dim,
                        float alpha, const Workspace& work, float* HWY_RESTRICT o) {
  const FewTag d;
  const SumTag d32;
  alignas(64) int16_t rounded[kFewTileKeys] = {};
  const FewVec scale = hn::Set(d, RoundTo16(weights, run.count, kFewLevels, rounded));
  SumValues16(rounded, run, dim, work.sums);
  for (int64_t channel = 0; channel < dim; channel += static_cast<int64_t>(hn::Lanes(d))) {
    const FewVec values = hn::Mul(hn::ConvertTo(d, hn::LoadU(d32, work.sums + channel)), scale);
    hn::StoreU(hn::MulAdd(hn::Set(d, alpha), hn::LoadU(d, o + channel), values), d, o + channel);
  }
}

inline void AttendKeys(const Workspace& work, int64_t row, const KeyRun<int8_t>& run, int64_t dim) {
  const int64_t padded_dim = RoundUp(dim, 16);
  float* o = work.o + row * padded_dim;
  alignas(64) float room[kFewTileKeys] = {};
  ScoreKeys16(work.q16 + row * padded_dim, run, dim, work.scores);
  MultiplyBy(work.scores, LoadScales(run.keys, run.count, room), run.count, work.q16_scale[row]);
  const float alpha = UpdateWeights(work.scores, run.count, run.log2_count, work.max + row, work.sum + row);
  MultiplyBy(work.scores, LoadScales(run.values, run.count, room), run.count, 1.0f);
  if constexpr (HWY_ARCH_ARM) {
    AddValues16(work.scores, run, dim, alpha, work, o);
  } else {
    AddAllValues(work.scores, run.values, run.count, dim, alpha, o);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_FEW_INT8_INL_H_
