// Layer normalization.
#include <cmath>
#include <cstddef>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/layer_norm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sum of term(x) over a row; term(0) must not be added for the lanes behind its end, hence the mask. Four
// sums, because one would wait for the latency of each addition.
template <class Term>
HWY_INLINE float SumOver(const float* row, size_t cols, const Term& term) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d), sum2 = hn::Zero(d), sum3 = hn::Zero(d);
  size_t i = 0;
  for (; i + 4 * lanes <= cols; i += 4 * lanes) {
    sum0 = hn::Add(sum0, term(d, hn::LoadU(d, row + i)));
    sum1 = hn::Add(sum1, term(d, hn::LoadU(d, row + i + lanes)));
    sum2 = hn::Add(sum2, term(d, hn::LoadU(d, row + i + 2 * lanes)));
    sum3 = hn::Add(sum3, term(d, hn::LoadU(d, row + i + 3 * lanes)));
  }
  for (; i + lanes <= cols; i += lanes) sum0 = hn::Add(sum0, term(d, hn::LoadU(d, row + i)));
  if (i < cols) {
    const auto inside = hn::FirstN(d, cols - i);
    sum1 = hn::Add(sum1, hn::IfThenElseZero(inside, term(d, hn::LoadN(d, row + i, cols - i))));
  }
  return hn::ReduceSum(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)));
}

struct Identity {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D, hn::Vec<D> x) const {
    return x;
  }
};

struct SquaredDeviation {
  float mean;
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    const auto deviation = hn::Sub(x, hn::Set(d, mean));
    return hn::Mul(deviation, deviation);
  }
};

// (x - mean) * inverse * gamma + beta
template <class D>
HWY_INLINE hn::Vec<D> Scaled(D d, hn::Vec<D> x, float mean, float inverse, hn::Vec<D> gamma,
                             hn::Vec<D> beta) {
  const auto normal = hn::Mul(hn::Sub(x, hn::Set(d, mean)), hn::Set(d, inverse));
  return hn::MulAdd(normal, gamma, beta);
}

// The variance is summed from the deviations, a second pass over the row: E[x^2] - mean^2 would cancel for
// rows far from zero.
void NormalizeRows(const LayerNormParams& params, Matrix<const float> in, Matrix<float> out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const size_t cols = static_cast<size_t>(in.cols);
  const float count = static_cast<float>(cols);
  const float* gamma = params.gamma;
  const float* beta = params.beta;
  for (int64_t row = 0; row < in.rows; ++row) {
    const float* x = in.Row(row);
    float* to = out.Row(row);
    const float mean = SumOver(x, cols, Identity{}) / count;
    const float variance = SumOver(x, cols, SquaredDeviation{mean}) / count;
    const float inverse = 1.0f / std::sqrt(variance + params.epsilon);
    size_t i = 0;
    for (; i + lanes <= cols; i += lanes) {
      const auto shift = beta == nullptr ? hn::Zero(d) : hn::LoadU(d, beta + i);
      hn::StoreU(Scaled(d, hn::LoadU(d, x + i), mean, inverse, hn::LoadU(d, gamma + i), shift), d, to + i);
    }
    const size_t rest = cols - i;
    if (rest == 0) continue;
    const auto shift = beta == nullptr ? hn::Zero(d) : hn::LoadN(d, beta + i, rest);
    hn::StoreN(Scaled(d, hn::LoadN(d, x + i, rest), mean, inverse, hn::LoadN(d, gamma + i, rest), shift), d,
               to + i, rest);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(NormalizeRows);

void LayerNorm(const LayerNormParams& params, Matrix<const float> in, Matrix<float> out) {
  HWY_DYNAMIC_DISPATCH(NormalizeRows)(params, in, out);
}

}  // namespace earshot::kernels
#endif  // HWY_ONCE
