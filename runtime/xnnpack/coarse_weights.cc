// Plain loops that compilers turn into vectors; run once at the start of a session without packed weights.
#include "runtime/xnnpack/coarse_weights.h"

#include <algorithm>
#include <cmath>

namespace earshot {
namespace {

constexpr int64_t kSampleBlocks = 64, kSampleRows = 32;  // of each block
// The step that leaves the least error over rows of vocabularies: the largest value of a row, or those near
// it, are cut off a little.
constexpr float kStepsToLargest = 8.75f;
constexpr float kSmallestDeviation = 1e-12f;
constexpr int64_t kSums = 16;  // side by side, so that a compiler makes vectors of them

// Calls visit(row) for each row of the sample.
template <class Visit>
void ForSample(int64_t rows, const Visit& visit) {
  const int64_t blocks = std::min(kSampleBlocks, rows);
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t begin = rows * block / blocks, end = rows * (block + 1) / blocks;
    for (int64_t row = begin; row < std::min(begin + kSampleRows, end); ++row) visit(row);
  }
}

// Rounds to the nearest whole number, of magnitudes below 2^22, with instructions that every CPU has.
inline int32_t RoundSmall(float x) {
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: the bits behind the point fall off
  return static_cast<int32_t>((x + kShift) - kShift);
}

// In [-8, 7], even what is no number, as the weights of a damaged file can make it.
inline float Bounded(float x) {
  const float at_least = x > -8.0f ? x : -8.0f;
  return at_least < 7.0f ? at_least : 7.0f;
}

}  // namespace

void FindCoarseColumns(const Int8Weights& weights, float* mean, float* deviation, float* inverse) {
  const int64_t k = weights.values.cols;
  std::fill_n(mean, k, 0.0f);
  std::fill_n(deviation, k, 0.0f);
  float count = 0;
  ForSample(weights.values.rows, [&](int64_t row) {
    const int8_t* values = weights.values.Row(row);
    const float scale = weights.scales[row];
    for (int64_t i = 0; i < k; ++i) mean[i] += scale * static_cast<float>(values[i]);
    count += 1;
  });
  for (int64_t i = 0; i < k; ++i) mean[i] /= count;
  ForSample(weights.values.rows, [&](int64_t row) {
    const int8_t* values = weights.values.Row(row);
    const float scale = weights.scales[row];
    for (int64_t i = 0; i < k; ++i) {
      const float distance = scale * static_cast<float>(values[i]) - mean[i];
      deviation[i] += distance * distance;
    }
  });
  for (int64_t i = 0; i < k; ++i) {
    deviation[i] = std::max(kSmallestDeviation, std::sqrt(deviation[i] / count));
    inverse[i] = 1.0f / deviation[i];
  }
}

void CoarsenWeights(const Int8Weights& weights, const CoarseColumns& columns, int8_t* values, float* scales) {
  const int64_t k = weights.values.cols;
  for (int64_t row = 0; row < weights.values.rows; ++row, values += k) {
    const int8_t* from = weights.values.Row(row);
    const float scale = weights.scales[row];
    const auto coordinate = [&](int64_t i) {
      return (scale * static_cast<float>(from[i]) - columns.mean[i]) * columns.inverse[i];
    };
    float largest[kSums] = {};
    int64_t i = 0;
    for (; i + kSums <= k; i += kSums) {
      for (int64_t lane = 0; lane < kSums; ++lane)
        largest[lane] = std::max(largest[lane], std::abs(coordinate(i + lane)));
    }
    for (; i < k; ++i) largest[0] = std::max(largest[0], std::abs(coordinate(i)));
    const float step =
        std::max(kSmallestDeviation, *std::max_element(largest, largest + kSums) / kStepsToLargest);
    const float inverse_step = 1.0f / step;
    for (i = 0; i < k; ++i) {
      values[i] = static_cast<int8_t>(RoundSmall(Bounded(coordinate(i) * inverse_step)));
    }
    scales[row] = step;
  }
}

}  // namespace earshot
