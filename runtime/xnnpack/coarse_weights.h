// The leading 4 bits of int8 weights: for results of which only the largest matter
// (runtime/ops/ranked_linear.h).
//
// Columns of a vocabulary differ: some have a mean, or a spread, that is many times that of the others, and
// one scale a row would leave the others a few steps. So weights are taken apart first,
//   w[n][k] = mean[k] + deviation[k] * v[n][k]     and     sum_k x[k] w[n][k] = x . mean + sum_k (x[k]
//   deviation[k]) v[n][k],
// where x . mean is the same for all outputs. v is rounded to 4 bits, with a scale for each output.
//
// Letters: K inputs, N outputs of a layer.
#ifndef EARSHOT_RUNTIME_XNNPACK_COARSE_WEIGHTS_H_
#define EARSHOT_RUNTIME_XNNPACK_COARSE_WEIGHTS_H_

#include <cstddef>
#include <cstdint>

#include "runtime/core/matrix_view.h"

namespace earshot {

struct Int8Weights {
  Matrix<const int8_t> values;    // [N, K], rows without a gap
  const float* scales = nullptr;  // [N]
};

// Each [K].
struct CoarseColumns {
  const float* mean = nullptr;
  const float* deviation = nullptr;  // above 0
  const float* inverse = nullptr;    // 1 / deviation
};

// Finds them in some thousand rows, spread over all.
void FindCoarseColumns(const Int8Weights& weights, float* mean, float* deviation, float* inverse);

// v = values * scale, values in [-8, 7]. values: [N, K]; scales: [N].
void CoarsenWeights(const Int8Weights& weights, const CoarseColumns& columns, int8_t* values, float* scales);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_XNNPACK_COARSE_WEIGHTS_H_
