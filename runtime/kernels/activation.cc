// Activation functions.
#include <cstddef>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/activation.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "runtime/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Below this x * sigmoid(x) is 0 in f32. Clamping there turns -inf * 0 into -0.
constexpr float kSigmoidFloor = -100.0f;

struct None {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D, hn::Vec<D> x) const {
    return x;
  }
};

struct Gelu {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    const auto u = hn::Min(hn::Abs(x), hn::Set(d, 12.0f));
    return hn::Sub(hn::Max(x, hn::Zero(d)), NormalTailTimesX(d, u));
  }
};

struct Relu {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    return hn::Max(x, hn::Zero(d));
  }
};

struct Silu {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    return hn::Mul(hn::Max(x, hn::Set(d, kSigmoidFloor)), Sigmoid(d, x));
  }
};

struct TanhOp {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    return Tanh(d, x);
  }
};

struct SigmoidOp {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    return Sigmoid(d, x);
  }
};

// (1 + tanh(y)) / 2 = sigmoid(2 y) with y = sqrt(2 / pi) (x + 0.044715 x^3) (Hendrycks & Gimpel 2016, section
// 2).
struct GeluTanh {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    const auto slope = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.0713548162726f), hn::Set(d, 1.5957691216057f));
    return hn::Mul(hn::Max(x, hn::Set(d, kSigmoidFloor)), Sigmoid(d, hn::Mul(x, slope)));
  }
};

template <class Op>
void Transform(Matrix<const float> in, Matrix<float> out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const size_t cols = static_cast<size_t>(in.cols);
  for (int64_t row = 0; row < in.rows; ++row) {
    const float* from = in.Row(row);
    float* to = out.Row(row);
    size_t i = 0;
    for (; i + lanes <= cols; i += lanes) hn::StoreU(Op()(d, hn::LoadU(d, from + i)), d, to + i);
    if (i < cols) hn::StoreN(Op()(d, hn::LoadN(d, from + i, cols - i)), d, to + i, cols - i);
  }
}

void ActivateAll(Activation activation, Matrix<const float> in, Matrix<float> out) {
  switch (activation) {
    case Activation::kNone:
      return Transform<None>(in, out);
    case Activation::kGelu:
      return Transform<Gelu>(in, out);
    case Activation::kRelu:
      return Transform<Relu>(in, out);
    case Activation::kSilu:
      return Transform<Silu>(in, out);
    case Activation::kTanh:
      return Transform<TanhOp>(in, out);
    case Activation::kSigmoid:
      return Transform<SigmoidOp>(in, out);
    case Activation::kGeluTanh:
      return Transform<GeluTanh>(in, out);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(ActivateAll);

void Activate(Activation activation, Matrix<const float> in, Matrix<float> out) {
  HWY_DYNAMIC_DISPATCH(ActivateAll)(activation, in, out);
}

}  // namespace earshot::kernels
#endif  // HWY_ONCE
