// The specification of AttendInt8: the same rounding, one query row after the other, sums in double
// precision. Allocates; for tests.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/attention/attention_int8.h"
#include "runtime/attention/attention_int8_job.h"

namespace earshot {
namespace {

using attention::Int8Keys;
using attention::kSmallestMagnitude;
using attention::kTileKeys;
using attention::kTileQueries;

float Widen(float x) { return x; }
float Widen(Float16 x) { return ToFloat(x); }

// A vector in 8 bits: values[i] * scale.
struct Rounded {
  std::vector<int32_t> values;
  float scale;
  float inverse;  // of the scale
};

Rounded Round(const std::vector<float>& x) {
  float magnitude = kSmallestMagnitude;
  for (const float value : x) magnitude = std::max(magnitude, std::abs(value));
  Rounded rounded = {.values = {}, .scale = magnitude / 127.0f, .inverse = 127.0f / magnitude};
  for (const float value : x)
    rounded.values.push_back(static_cast<int32_t>(std::nearbyint(value * rounded.inverse)));
  return rounded;
}

// Columns of a matrix minus their means.
struct Centered {
  std::vector<std::vector<float>> cols;
  std::vector<float> means;
};

template <class T>
Centered Center(const Matrix<const T>& matrix) {
  Centered result;
  for (int64_t c = 0; c < matrix.cols; ++c) {
    float sum = 0.0f;
    for (int64_t i = 0; i < matrix.rows; ++i) sum += Widen(matrix.Row(i)[c]);
    result.means.push_back(sum * (1.0f / static_cast<float>(matrix.rows)));
    std::vector<float>& col = result.cols.emplace_back();
    for (int64_t i = 0; i < matrix.rows; ++i) col.push_back(Widen(matrix.Row(i)[c]) - result.means.back());
  }
  return result;
}

// Column means of the rows of each group, in the order of the kernel's sums.
template <class T>
std::vector<std::vector<float>> PooledRows(const Matrix<const T>& matrix, int64_t pool_length) {
  std::vector<std::vector<float>> pooled;
  for (int64_t i = 0; i < attention::NumPooledKeys(matrix.rows, pool_length); ++i) {
    const attention::RowGroup group = attention::GroupOf(i, matrix.rows, pool_length);
    std::vector<float>& row = pooled.emplace_back();
    for (int64_t c = 0; c < matrix.cols; ++c) {
      float sum = 0.0f;
      for (int64_t r = group.begin; r < group.end; ++r) sum += Widen(matrix.Row(r)[c]);
      row.push_back(sum * (1.0f / static_cast<float>(group.end - group.begin)));
    }
  }
  return pooled;
}

// K and V of a head as AttendInt8 keeps them: rows, then pooled rows.
struct RoundedHead {
  std::vector<Rounded> keys;      // [Tk + pooled][D]
  std::vector<Rounded> channels;  // [D][Tk + pooled]
  std::vector<float> means;       // [D], of V
};

template <class T>
RoundedHead RoundHead(const Matrix<const T>& k, const Matrix<const T>& v, int64_t pool_length) {
  RoundedHead head;
  const Centered keys = Center(k);
  for (size_t i = 0; i < static_cast<size_t>(k.rows); ++i) {
    std::vector<float> row;
    for (const std::vector<float>& col : keys.cols) row.push_back(col[i]);
    head.keys.push_back(Round(row));
  }
  for (std::vector<float> row : PooledRows(k, pool_length)) {
    for (size_t c = 0; c < row.size(); ++c) row[c] -= keys.means[c];
    head.keys.push_back(Round(row));
  }
  const Centered values = Center(v);
  for (const std::vector<float>& col : values.cols) head.channels.push_back(Round(col));
  head.means = values.means;
  for (const std::vector<float>& row : PooledRows(v, pool_length)) {
    for (size_t c = 0; c < row.size(); ++c) {
      Rounded& channel = head.channels[c];
      channel.values.push_back(
          static_cast<int32_t>(std::nearbyint((row[c] - values.means[c]) * channel.inverse)));
    }
  }
  return head;
}

// 255 * 2^x, rounded to a float as the kernel does it.
float Weight(float x, MultiplyAddRounding rounding) {
  const auto multiply_add = [rounding](float a, float b, float c) {
    if (rounding == MultiplyAddRounding::kOnce) return std::fma(a, b, c);
    const volatile float product = a * b;  // volatile: the compiler must not fuse it
    return product + c;
  };
  x = std::max(x, -127.0f);
  constexpr float kBias = 12583039.0f;  // as kernels::RoundingBias: what is halfway goes to the odd integer
  const float biased = x + kBias;
  const float n = biased - kBias;
  const float f = x - n;
  float p = multiply_add(f, 14.0687756f, 61.8658362f);
  p = multiply_add(p, f, 176.781552f);
  p = multiply_add(p, f, 254.981659f);
  return n == -127.0f ? 0.0f : std::ldexp(p, static_cast<int>(n));
}

// One query on its way through the keys.
struct QueryRow {
  explicit QueryRow(Rounded of_query)
      : query(std::move(of_query)),
        sums(query.values.size()),
        max(-std::numeric_limits<double>::infinity()) {}

  Rounded query;
  std::vector<double> sums;  // of weighted values, for each channel
  double max;
  double weight = 0.0;

  void AttendTile(const RoundedHead& head, const std::vector<int64_t>& keys, float log2_count,
                  MultiplyAddRounding rounding) {
    if (keys.empty()) return;
    std::vector<float> scores;
    for (const int64_t key : keys) scores.push_back(Score(head.keys[static_cast<size_t>(key)]));
    const float tile_max = *std::max_element(scores.begin(), scores.end());
    const double scaled_max = static_cast<double>(tile_max * query.scale) + static_cast<double>(log2_count);
    const double new_max = std::max(max, scaled_max);
    const double old_share = std::exp2(max - new_max), new_share = std::exp2(scaled_max - new_max);
    weight *= old_share;
    for (double& sum : sums) sum *= old_share;
    for (size_t i = 0; i < keys.size(); ++i) {
      const float part = Weight((scores[i] - tile_max) * query.scale, rounding);
      weight += new_share * static_cast<double>(part);
      const double rounded_part = new_share * std::nearbyint(static_cast<double>(part));
      for (size_t c = 0; c < sums.size(); ++c)
        sums[c] += rounded_part * head.channels[c].values[static_cast<size_t>(keys[i])];
    }
    max = new_max;
  }

  float Score(const Rounded& key) const {
    int32_t sum = 0;
    for (size_t c = 0; c < key.values.size(); ++c) sum += query.values[c] * key.values[c];
    return static_cast<float>(sum) * key.scale;
  }
};

// A block of queries of one head.
template <class T>
struct Block {
  attention::AttentionHead<T> head;
  QueryBlock rows;
  std::vector<QueryRow> queries;
};

template <class T>
void AttendRange(const RoundedHead& keys, int64_t index, MultiplyAddRounding rounding, Block<T>* block) {
  const AttentionPattern& pattern = *block->head.pattern;
  const KeyRange range = pattern.Range(block->rows, index);
  std::vector<KeyLimits> limits(block->queries.size(), {range.begin, range.end});
  if (!range.exact) pattern.RowLimits(block->rows, index, limits);
  const attention::KeyRows<T> rows = block->head.Keys(range);
  for (int64_t begin = 0; begin < attention::NumKeys(range); begin += kTileKeys) {
    const int64_t end = std::min(begin + kTileKeys, attention::NumKeys(range));
    for (size_t i = 0; i < limits.size(); ++i) {
      std::vector<int64_t> seen;
      for (int64_t key = begin; key < end; ++key) {
        const int64_t position = range.begin + key * range.step;
        if (position >= limits[i].begin && position < limits[i].end)
          seen.push_back(range.source == KeySource::kPooled ? block->head.k.rows + position
                                                            : rows.RowIndex(key));
      }
      block->queries[i].AttendTile(keys, seen, range.log2_count, rounding);
    }
  }
}

template <class T>
void AttendBlock(const RoundedHead& keys, MultiplyAddRounding rounding, Block<T>* block) {
  constexpr float kLog2E = 1.44269504f;
  const attention::AttentionHead<T>& head = block->head;
  const float factor = head.scale * kLog2E;
  for (int64_t position = block->rows.query_begin; position < block->rows.query_end; ++position) {
    std::vector<float> query;
    for (int64_t c = 0; c < head.q.cols; ++c)
      query.push_back(head.q.Row(head.QueryRow(position))[c] * factor);
    block->queries.emplace_back(Round(query));
  }
  const int64_t num_ranges = head.pattern->NumRanges(block->rows);
  for (int64_t index = 0; index < num_ranges; ++index) AttendRange(keys, index, rounding, block);
  for (int64_t i = 0; i < block->rows.num_rows(); ++i) {
    const QueryRow& query = block->queries[static_cast<size_t>(i)];
    float* out = head.out.Row(head.QueryRow(block->rows.query_begin + i));
    for (size_t c = 0; c < query.sums.size(); ++c) {
      const double value = query.sums[c] * static_cast<double>(keys.channels[c].scale) / query.weight;
      out[c] = query.weight > 0.0 ? static_cast<float>(value + static_cast<double>(keys.means[c])) : 0.0f;
    }
  }
}

template <class T>
void AttendAllHeads(const AttentionParams& params, const AttentionOperands<T>& operands,
                    MultiplyAddRounding rounding) {
  const FullPattern full;
  AttentionParams with_pattern = params;
  if (params.pattern == nullptr) with_pattern.pattern = &full;
  for (int64_t i = 0; i < params.shape.num_heads; ++i) {
    const attention::AttentionHead<T> head = attention::MakeHead(with_pattern, operands, i);
    const RoundedHead keys = RoundHead(head.k, head.v, head.pattern->PoolLength(i));
    for (int64_t begin = 0; begin < head.q.rows; begin += kTileQueries) {
      const QueryBlock rows = head.Block(begin, std::min(begin + kTileQueries, head.q.rows));
      Block<T> block = {.head = head, .rows = rows, .queries = {}};
      AttendBlock(keys, rounding, &block);
    }
  }
}

}  // namespace

void AttendInt8Reference(const AttentionParams& params, const AttentionOperands<float>& operands,
                         MultiplyAddRounding rounding) {
  AttendAllHeads(params, operands, rounding);
}
void AttendInt8Reference(const AttentionParams& params, const AttentionOperands<Float16>& operands,
                         MultiplyAddRounding rounding) {
  AttendAllHeads(params, operands, rounding);
}

}  // namespace earshot
