// Products of small matrices, each head by itself. A panel of sums or of results, some rows by some vectors
// of values, stays in registers while the keys or the features pass by; causal heads read and write the sums
// once for each row. The order of additions is that of the rows, whichever way a row is reached.
#include "runtime/attention/linear_attention.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/attention/linear_attention_head.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/attention/linear_attention.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace earshot {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr size_t kPanelRows = 4;  // features of the sums, or queries
constexpr int64_t kStep = kPanelRows;
constexpr size_t kPanelVectors = 4;  // of values

HWY_INLINE int64_t ValuesOfPanel() { return static_cast<int64_t>(kPanelVectors * hn::Lanes(D())); }

// Values from `first` on, as many as fill the panel's vectors.
struct WholePanel {
  HWY_INLINE V Load(const float* row, size_t vector) const {
    return hn::LoadU(D(), row + first + vector * hn::Lanes(D()));
  }
  HWY_INLINE void Store(V value, float* row, size_t vector) const {
    hn::StoreU(value, D(), row + first + vector * hn::Lanes(D()));
  }
  int64_t first;
};

// The last `count` values.
struct PartPanel {
  HWY_INLINE V Load(const float* row, size_t vector) const {
    const size_t begin = vector * hn::Lanes(D());
    if (begin >= count) return hn::Zero(D());
    return hn::LoadN(D(), row + first + begin, count - begin);
  }
  HWY_INLINE void Store(V value, float* row, size_t vector) const {
    const size_t begin = vector * hn::Lanes(D());
    if (begin < count) hn::StoreN(value, D(), row + first + begin, count - begin);
  }
  int64_t first;
  size_t count;
};

template <class Body>
void ForEachPanel(int64_t num_values, const Body& body) {
  int64_t first = 0;
  for (; first + ValuesOfPanel() <= num_values; first += ValuesOfPanel()) body(WholePanel{first});
  if (first < num_values) body(PartPanel{first, static_cast<size_t>(num_values - first)});
}

HWY_INLINE float* SumsOf(const LinearHead& head, int64_t feature, size_t row) {
  return head.sums.Row(feature + static_cast<int64_t>(row));
}

// Adds the outer products of the keys in [begin, end) and their values to `rows` rows of the sums.
template <size_t kRows, class Panel>
void AddKeysToPanel(const LinearHead& head, int64_t begin, int64_t end, int64_t feature, const Panel& panel) {
  const D d;
  V sums[kRows][kPanelVectors];
  float features[kRows];
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t i = 0; i < kPanelVectors; ++i) sums[r][i] = panel.Load(SumsOf(head, feature, r), i);
    features[r] = SumsOf(head, feature, r)[head.v.cols];
  }
  for (int64_t row = begin; row < end; ++row) {
    const float* key = head.k.Row(row) + feature;
    V values[kPanelVectors];
    for (size_t i = 0; i < kPanelVectors; ++i) values[i] = panel.Load(head.v.Row(row), i);
    for (size_t r = 0; r < kRows; ++r) {
      const V weight = hn::Set(d, key[r]);
      for (size_t i = 0; i < kPanelVectors; ++i) sums[r][i] = hn::MulAdd(weight, values[i], sums[r][i]);
      features[r] += key[r];
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t i = 0; i < kPanelVectors; ++i) panel.Store(sums[r][i], SumsOf(head, feature, r), i);
    if (panel.first == 0) SumsOf(head, feature, r)[head.v.cols] = features[r];
  }
}

void AddKeys(const LinearHead& head, int64_t begin, int64_t end) {
  ForEachPanel(head.v.cols, [&](const auto& panel) {
    int64_t feature = 0;
    for (; feature + kStep <= head.k.cols; feature += kStep)
      AddKeysToPanel<kPanelRows>(head, begin, end, feature, panel);
    for (; feature < head.k.cols; ++feature) AddKeysToPanel<1>(head, begin, end, feature, panel);
  });
}

// From the sum over q * z and over q.
HWY_INLINE float DivisorOf(const LinearAttentionParams& params, float sum) {
  switch (params.normalizer) {
    case LinearNormalizer::kNone:
      return 1.0f;
    case LinearNormalizer::kAddEpsilon:
      return sum + params.epsilon;
    case LinearNormalizer::kFloor:
      return HWY_MAX(sum, params.epsilon);
    case LinearNormalizer::kKeyEpsilon:
      break;
  }
  return sum;
}

HWY_INLINE float KeyEpsilon(const LinearAttentionParams& params) {
  return params.normalizer == LinearNormalizer::kKeyEpsilon ? params.epsilon : 0.0f;
}

template <size_t kRows, class Panel>
void AttendPanel(const LinearAttentionParams& params, const LinearHead& head, int64_t row,
                 const Panel& panel) {
  const D d;
  const float key_epsilon = KeyEpsilon(params);
  V out[kRows][kPanelVectors];
  float divisors[kRows] = {};
  for (auto& vectors : out) {
    for (V& vector : vectors) vector = hn::Zero(d);
  }
  for (int64_t feature = 0; feature < head.q.cols; ++feature) {
    const float* sum = head.sums.Row(feature);
    const float key_sum = sum[head.v.cols] + key_epsilon;
    V sums[kPanelVectors];
    for (size_t i = 0; i < kPanelVectors; ++i) sums[i] = panel.Load(sum, i);
    for (size_t r = 0; r < kRows; ++r) {
      const float query = head.q.Row(row + static_cast<int64_t>(r))[feature];
      const V weight = hn::Set(d, query);
      for (size_t i = 0; i < kPanelVectors; ++i) out[r][i] = hn::MulAdd(weight, sums[i], out[r][i]);
      divisors[r] += query * key_sum;
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    const V divisor = hn::Set(d, DivisorOf(params, divisors[r]));
    for (size_t i = 0; i < kPanelVectors; ++i)
      panel.Store(hn::Div(out[r][i], divisor), head.out.Row(row + static_cast<int64_t>(r)), i);
  }
}

void AttendRows(const LinearAttentionParams& params, const LinearHead& head, int64_t begin, int64_t end) {
  ForEachPanel(head.v.cols, [&](const auto& panel) {
    int64_t row = begin;
    for (; row + kStep <= end; row += kStep) AttendPanel<kPanelRows>(params, head, row, panel);
    for (; row < end; ++row) AttendPanel<1>(params, head, row, panel);
  });
}

// AddKeys and AttendRows of one row.
template <class Panel>
void AddAndAttendPanel(const LinearAttentionParams& params, const LinearHead& head, int64_t row,
                       const Panel& panel) {
  const D d;
  const float key_epsilon = KeyEpsilon(params);
  const float* key = head.k.Row(row);
  const float* query = head.q.Row(row);
  V values[kPanelVectors], out[kPanelVectors];
  for (size_t i = 0; i < kPanelVectors; ++i) {
    values[i] = panel.Load(head.v.Row(row), i);
    out[i] = hn::Zero(d);
  }
  float divisor = 0.0f;
  for (int64_t feature = 0; feature < head.q.cols; ++feature) {
    float* sum = head.sums.Row(feature);
    const V key_weight = hn::Set(d, key[feature]), query_weight = hn::Set(d, query[feature]);
    for (size_t i = 0; i < kPanelVectors; ++i) {
      const V updated = hn::MulAdd(key_weight, values[i], panel.Load(sum, i));
      panel.Store(updated, sum, i);
      out[i] = hn::MulAdd(query_weight, updated, out[i]);
    }
    if (panel.first == 0) sum[head.v.cols] += key[feature];
    divisor += query[feature] * (sum[head.v.cols] + key_epsilon);
  }
  const V divisors = hn::Set(d, DivisorOf(params, divisor));
  for (size_t i = 0; i < kPanelVectors; ++i) panel.Store(hn::Div(out[i], divisors), head.out.Row(row), i);
}

void AttendHead(const LinearAttentionParams& params, const LinearHead& head) {
  if (!params.is_causal) {
    AddKeys(head, 0, head.k.rows);
    AttendRows(params, head, 0, head.q.rows);
  } else if (params.blindspot == 1) {
    for (int64_t row = 0; row < head.q.rows; ++row) {
      ForEachPanel(head.v.cols, [&](const auto& panel) { AddAndAttendPanel(params, head, row, panel); });
    }
  } else {
    for (int64_t begin = 0; begin < head.q.rows; begin += params.blindspot) {
      const int64_t end = HWY_MIN(begin + params.blindspot, head.q.rows);
      AttendRows(params, head, begin, end);
      AddKeys(head, begin, end);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot {
namespace {

HWY_EXPORT(AttendHead);

}  // namespace

void ClearSums(const LinearAttentionParams& params, const LinearAttentionOperands& operands) {
  std::fill_n(operands.sums, operands.k.cols * (operands.v.cols / params.num_heads + 1), 0.0f);
}

void AttendLinear(const LinearAttentionParams& params, const LinearAttentionOperands& operands,
                  const ThreadPool& pool) {
  pool.ParallelFor(static_cast<size_t>(params.num_heads), [&](size_t head, size_t) {
    HWY_DYNAMIC_DISPATCH(AttendHead)(params, LinearHeadOf(params, operands, static_cast<int64_t>(head)));
  });
}

}  // namespace earshot
#endif  // HWY_ONCE
