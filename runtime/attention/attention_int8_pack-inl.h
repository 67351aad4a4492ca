// Rounding Q, K and V to 8 bits, and moving them into tiles.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hwy/highway.h"
#include "runtime/attention/attention_int8_job.h"
#include "runtime/attention/attention_pack-inl.h"
#include "runtime/attention/attention_pool-inl.h"
#include "runtime/kernels/load_float-inl.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep

#if defined(EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_PACK_INL_H_
#undef EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_PACK_INL_H_
#else
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_PACK_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace kn = earshot::kernels::HWY_NAMESPACE;

// Which bytes the products take. x86 multiplies unsigned by signed ones: queries plus 128 by keys, weights by
// values. 64-bit ARM wants the same on both sides: queries by keys signed, weights by values plus 128
// unsigned. What is off by 128 is undone exactly, so that both have the same result.
constexpr bool kSameSigns = HWY_ARCH_ARM_A64;
constexpr uint32_t kQueryFlip = kSameSigns ? 0 : 0x80808080u;
constexpr uint8_t kValueFlip = kSameSigns ? 0x80 : 0;

using DChannels = hn::CappedTag<float, kInt8Channels>;
using VChannels = hn::Vec<DChannels>;
constexpr int64_t kChannelLanes = static_cast<int64_t>(hn::MaxLanes(DChannels()));

// Channels of a row from `channel` on, zeros behind the last.
template <class T>
HWY_INLINE VChannels LoadChannels(const T* row, int64_t channel, int64_t dim) {
  const DChannels d;
  if (channel + kChannelLanes <= dim) return kn::LoadFloat(d, row + channel);
  if (channel >= dim) return hn::Zero(d);
  return kn::LoadFloatN(d, row + channel, static_cast<size_t>(dim - channel));
}

// Smallest, largest and mean number of each channel, [Dp].
struct ChannelRanges {
  float* min;
  float* max;
  float* mean;
};

// For kVecs vectors of channels from `channel` on; several at once hide the latency of the sums.
template <int64_t kVecs, class T>
HWY_INLINE void FindRangesOf(const Matrix<const T>& rows, int64_t channel, const ChannelRanges& ranges) {
  const DChannels d;
  VChannels min[static_cast<size_t>(kVecs)], max[static_cast<size_t>(kVecs)], sum[static_cast<size_t>(kVecs)];
  for (int64_t n = 0; n < kVecs; ++n) {
    min[n] = max[n] = LoadChannels(rows.Row(0), channel + n * kChannelLanes, rows.cols);
    sum[n] = hn::Zero(d);
  }
  for (int64_t i = 0; i < rows.rows; ++i) {
    const T* row = rows.Row(i);
    HWY_UNROLL(4)
    for (int64_t n = 0; n < kVecs; ++n) {
      const VChannels x = LoadChannels(row, channel + n * kChannelLanes, rows.cols);
      min[n] = hn::Min(min[n], x);
      max[n] = hn::Max(max[n], x);
      sum[n] = hn::Add(sum[n], x);
    }
  }
  const VChannels inverse_count = hn::Set(d, 1.0f / static_cast<float>(rows.rows));
  for (int64_t n = 0; n < kVecs; ++n) {
    const int64_t at = channel + n * kChannelLanes;
    hn::Store(min[n], d, ranges.min + at);
    hn::Store(max[n], d, ranges.max + at);
    hn::Store(hn::Mul(sum[n], inverse_count), d, ranges.mean + at);
  }
}

template <class T>
void FindRanges(const Matrix<const T>& rows, const ChannelRanges& ranges) {
  const int64_t padded_dim = RoundUp(rows.cols, kInt8Channels);
  int64_t channel = 0;
  for (; channel + 4 * kChannelLanes <= padded_dim; channel += 4 * kChannelLanes)
    FindRangesOf<4>(rows, channel, ranges);
  for (; channel < padded_dim; channel += kChannelLanes) FindRangesOf<1>(rows, channel, ranges);
}

HWY_INLINE hn::Vec<hn::RebindToSigned<DChannels>> RoundAndStore(VChannels x, int8_t* to) {
  const hn::Rebind<int8_t, DChannels> d8;
  const auto rounded = hn::NearestInt(x);
  hn::StoreU(hn::DemoteTo(d8, rounded), d8, to);
  return rounded;
}

// A row in 8 bits: row = scale * q, with the sum of q.
struct RoundedRow {
  float scale;
  int32_t sum;
};

// Rounds factor * (row - mean), `dim` channels, zeros up to a multiple of kInt8Channels. mean is padded with
// zeros likewise; nullptr stands for zeros.
template <class T>
HWY_INLINE RoundedRow RoundRow(const T* row, const float* mean, int64_t dim, float factor, int8_t* to) {
  const DChannels d;
  const hn::RebindToSigned<DChannels> di;
  const int64_t padded_dim = RoundUp(dim, kInt8Channels);
  const auto value = [&](int64_t channel) {
    const VChannels x = LoadChannels(row, channel, dim);
    const VChannels centered = mean == nullptr ? x : hn::Sub(x, hn::Load(d, mean + channel));
    return hn::Mul(centered, hn::Set(d, factor));
  };
  VChannels largest = hn::Set(d, kSmallestMagnitude);
  for (int64_t channel = 0; channel < dim; channel += kChannelLanes)
    largest = hn::Max(largest, hn::Abs(value(channel)));
  const float magnitude = hn::ReduceMax(d, largest);
  const VChannels inverse = hn::Set(d, 127.0f / magnitude);
  auto sum = hn::Zero(di);
  for (int64_t channel = 0; channel < padded_dim; channel += kChannelLanes)
    sum = hn::Add(sum, RoundAndStore(hn::Mul(value(channel), inverse), to + channel));
  return {magnitude / 127.0f, hn::ReduceSum(di, sum)};
}

// Sums of bytes are far from overflow, but a damaged model makes anything of numbers that are none.
HWY_INLINE int32_t MinusTimes128(int32_t sum) {
  return static_cast<int32_t>(0u - (static_cast<uint32_t>(sum) << 7));
}

template <class T>
void RoundKeys(const Matrix<const T>& k, int64_t pool_length, const Int8Keys& keys) {
  const int64_t padded_dim = RoundUp(k.cols, kInt8Channels);
  FindRanges(k, {keys.k_min, keys.k_max, keys.k_mean});
  const auto round = [&](const auto* from, int64_t i) {
    const RoundedRow row = RoundRow(from, keys.k_mean, k.cols, 1.0f, keys.k + i * padded_dim);
    keys.k_scale[i] = row.scale;
    keys.k_shift[i] = kSameSigns ? 0 : MinusTimes128(row.sum);
  };
  for (int64_t i = 0; i < k.rows; ++i) round(k.Row(i), i);
  float* mean = keys.k_min;  // no longer needed
  for (int64_t i = 0; i < NumPooledKeys(k.rows, pool_length); ++i) {
    PoolRows(KeyRows<T>{k, nullptr, 0, 1}, GroupOf(i, k.rows, pool_length), mean);
    round(mean, k.rows + i);
  }
}

// Not in vectors, which have no exact division on 32-bit ARM.
inline void FindValueScales(int64_t padded_dim, const Int8Keys& keys) {
  for (int64_t c = 0; c < padded_dim; ++c) {
    const float magnitude = std::max(
        kSmallestMagnitude, std::max(keys.v_max[c] - keys.v_mean[c], keys.v_mean[c] - keys.v_min[c]));
    keys.v_scale[c] = magnitude / 127.0f;
    keys.v_inverse[c] = 127.0f / magnitude;
  }
}

template <class T>
void RoundValues(const Matrix<const T>& v, int64_t pool_length, const Int8Keys& keys) {
  const DChannels d;
  const int64_t padded_dim = RoundUp(v.cols, kInt8Channels);
  FindRanges(v, {keys.v_min, keys.v_max, keys.v_mean});
  FindValueScales(padded_dim, keys);
  const auto round = [&](const auto* row, int64_t i) {
    for (int64_t channel = 0; channel < padded_dim; channel += kChannelLanes) {
      const VChannels x = hn::Sub(LoadChannels(row, channel, v.cols), hn::Load(d, keys.v_mean + channel));
      RoundAndStore(hn::Mul(x, hn::Load(d, keys.v_inverse + channel)), keys.v + i * padded_dim + channel);
    }
  };
  for (int64_t i = 0; i < v.rows; ++i) round(v.Row(i), i);
  float* mean = keys.v_min;  // no longer needed
  for (int64_t i = 0; i < NumPooledKeys(v.rows, pool_length); ++i) {
    PoolRows(KeyRows<T>{v, nullptr, 0, 1}, GroupOf(i, v.rows, pool_length), mean);
    round(mean, v.rows + i);
  }
}

// q[channel / 4][query][channel % 4] as the products want them, for query < num_rows; `stride` queries apart.
// Behind the last row stays what was there: nobody reads its scores. `scratch` holds one padded row.
template <class Rows>
void RoundQueries(const Rows& rows, int64_t num_rows, int64_t stride, int64_t dim, float factor,
                  int8_t* HWY_RESTRICT scratch, uint8_t* HWY_RESTRICT q, float* HWY_RESTRICT scale) {
  for (int64_t i = 0; i < num_rows; ++i) {
    scale[i] = RoundRow(rows(i), nullptr, dim, factor, scratch).scale;
    for (int64_t channel = 0; channel < dim; channel += kQuad) {
      uint32_t quad;
      std::memcpy(&quad, scratch + channel, sizeof(quad));
      quad ^= kQueryFlip;
      std::memcpy(q + channel * stride + i * kQuad, &quad, sizeof(quad));
    }
  }
}

// out[channel / 4][i][channel % 4] = rows(i)[channel] for i < num_rows, [padded_dim / 4][out_rows][4]; the
// last row is repeated up to a multiple of kRowPadding.
template <class Rows>
void PackQuads(const Rows& rows, int64_t num_rows, int64_t padded_dim, int64_t out_rows,
               int8_t* HWY_RESTRICT out) {
  const hn::FixedTag<int8_t, 16> d;
  const hn::Repartition<int32_t, decltype(d)> d32;
  for (int64_t i = 0; i < RoundUp(num_rows, kRowPadding); i += 4) {
    const int8_t* row[4];
    for (int64_t j = 0; j < 4; ++j) row[j] = rows(std::min(i + j, num_rows - 1));
    for (int64_t channel = 0; channel < padded_dim; channel += 16) {
      auto r0 = hn::BitCast(d32, hn::LoadU(d, row[0] + channel));
      auto r1 = hn::BitCast(d32, hn::LoadU(d, row[1] + channel));
      auto r2 = hn::BitCast(d32, hn::LoadU(d, row[2] + channel));
      auto r3 = hn::BitCast(d32, hn::LoadU(d, row[3] + channel));
      TransposeBlocks(d32, r0, r1, r2, r3);
      int8_t* to = out + channel * out_rows + i * kQuad;
      hn::StoreU(hn::BitCast(d, r0), d, to);
      hn::StoreU(hn::BitCast(d, r1), d, to + out_rows * kQuad);
      hn::StoreU(hn::BitCast(d, r2), d, to + 2 * out_rows * kQuad);
      hn::StoreU(hn::BitCast(d, r3), d, to + 3 * out_rows * kQuad);
    }
  }
}

// out[i / 4][channel][i % 4] = rows(i)[channel] for i < num_rows, as the products want them; the last row is
// repeated to fill its quad.
template <class Rows>
void PackValueQuads(const Rows& rows, int64_t num_rows, int64_t padded_dim, int8_t* HWY_RESTRICT out) {
  const hn::FixedTag<int8_t, 16> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::Repartition<int16_t, decltype(d)> d16;
  for (int64_t i = 0; i < num_rows; i += kQuad) {
    const int8_t* row[static_cast<size_t>(kQuad)];
    for (int64_t j = 0; j < kQuad; ++j) row[j] = rows(std::min(i + j, num_rows - 1));
    for (int64_t channel = 0; channel < padded_dim; channel += 16) {
      const auto load = [&](int64_t j) HWY_ATTR {
        const auto bytes = hn::LoadU(d, row[j] + channel);
        if constexpr (kValueFlip == 0) return bytes;
        return hn::BitCast(d, hn::Xor(hn::BitCast(du, bytes), hn::Set(du, kValueFlip)));
      };
      const auto r0 = load(0), r1 = load(1), r2 = load(2), r3 = load(3);
      const auto low01 = hn::BitCast(d16, hn::InterleaveLower(d, r0, r1));
      const auto low23 = hn::BitCast(d16, hn::InterleaveLower(d, r2, r3));
      const auto high01 = hn::BitCast(d16, hn::InterleaveUpper(d, r0, r1));
      const auto high23 = hn::BitCast(d16, hn::InterleaveUpper(d, r2, r3));
      int8_t* to = out + i * padded_dim + channel * kQuad;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d16, low01, low23)), d, to);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d16, low01, low23)), d, to + 16);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d16, high01, high23)), d, to + 32);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d16, high01, high23)), d, to + 48);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::attention
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_PACK_INL_H_
