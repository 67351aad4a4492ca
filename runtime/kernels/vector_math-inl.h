// Exponential, tanh, sigmoid and normal tail probability of a vector of floats. Polynomials are minimax fits
// made for this file (linear programming on Chebyshev-spaced points); the stated errors were measured against
// double precision over the stated range.
#include "hwy/highway.h"
#include "runtime/kernels/simd_targets.h"  // IWYU pragma: keep

#if defined(EARSHOT_RUNTIME_KERNELS_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef EARSHOT_RUNTIME_KERNELS_VECTOR_MATH_INL_H_
#undef EARSHOT_RUNTIME_KERNELS_VECTOR_MATH_INL_H_
#else
#define EARSHOT_RUNTIME_KERNELS_VECTOR_MATH_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 1.5 * 2^23 + 127. Adding it rounds x to the nearest integer n and leaves n + 127 in the low bits of the
// sum: the biased exponent of 2^n, so that one shift makes the scale factor. Holds for -127 <= n <= 127; n =
// -127 gives the factor 0.
template <class D>
HWY_INLINE hn::Vec<D> RoundingBias(D d) {
  return hn::Set(d, 12583039.0f);
}

template <class D>
HWY_INLINE hn::Vec<D> PowerOfTwo(D d, hn::Vec<D> biased) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, biased)));
}

// 2^x for x <= 127. Relative error below 2e-7; 0 below -126.5 and for -inf: results are never denormal.
template <class D>
HWY_INLINE hn::Vec<D> Exp2(D d, hn::Vec<D> x) {
  x = hn::Max(x, hn::Set(d, -127.0f));
  const auto biased = hn::Add(x, RoundingBias(d));
  const auto f = hn::Sub(x, hn::Sub(biased, RoundingBias(d)));
  auto p = hn::MulAdd(f, hn::Set(d, 0.0013264727f), hn::Set(d, 0.009671513f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.055507336f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.24022242f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.693147f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  return hn::Mul(p, PowerOfTwo(d, biased));
}

// e^x for x <= 88. Relative error below 2e-7; 0 below -87.7 and for -inf. x = n ln 2 + r with ln 2 in two
// parts, the first of which has so few bits that n times it is exact (Cody & Waite 1980).
template <class D>
HWY_INLINE hn::Vec<D> Exp(D d, hn::Vec<D> x) {
  x = hn::Max(x, hn::Set(d, -88.0f));
  const auto biased = hn::MulAdd(x, hn::Set(d, 1.44269504f), RoundingBias(d));
  const auto n = hn::Sub(biased, RoundingBias(d));
  auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  auto p = hn::MulAdd(r, hn::Set(d, 0.008290307f), hn::Set(d, 0.041897975f));
  p = hn::MulAdd(p, r, hn::Set(d, 0.16667637f));
  p = hn::MulAdd(p, r, hn::Set(d, 0.4999915f));
  p = hn::MulAdd(p, r, hn::Set(d, 0.9999997f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  return hn::Mul(p, PowerOfTwo(d, biased));
}

// 1 / (1 + e^-x), any x. Absolute error below 2e-7. Both signs use e^-|x|, which cannot overflow.
template <class D>
HWY_INLINE hn::Vec<D> Sigmoid(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0f);
  const auto e = Exp(d, hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

// tanh x, any x. Absolute error below 2e-7; the relative error grows below |x| = 0.1, where 1 - e^-2|x|
// cancels.
template <class D>
HWY_INLINE hn::Vec<D> Tanh(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0f);
  const auto e = Exp(d, hn::Mul(hn::Abs(x), hn::Set(d, -2.0f)));
  return hn::CopySign(hn::Div(hn::Sub(one, e), hn::Add(one, e)), x);
}

// u * P(X > u) for a standard normal X and 0 <= u <= 12: what GELU lacks from being a ReLU. Absolute error
// below 1.5e-7. log2 P(X > u) is so smooth that a polynomial of degree 6 does (weighted fit on [0, 6]; it
// falls monotonously until 12, where the result is below 1e-29): cheaper and more exact in the tail than erf.
template <class D>
HWY_INLINE hn::Vec<D> NormalTailTimesX(D d, hn::Vec<D> u) {
  auto q = hn::MulAdd(u, hn::Set(d, 2.9925497e-05f), hn::Set(d, -0.0007398836f));
  q = hn::MulAdd(q, u, hn::Set(d, 0.007977487f));
  q = hn::MulAdd(q, u, hn::Set(d, -0.053238217f));
  q = hn::MulAdd(q, u, hn::Set(d, -0.45891568f));
  q = hn::MulAdd(q, u, hn::Set(d, -1.1511471f));
  q = hn::MulAdd(q, u, hn::Set(d, -1.0f));
  return hn::Mul(u, Exp2(d, q));
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#endif  // EARSHOT_RUNTIME_KERNELS_VECTOR_MATH_INL_H_
