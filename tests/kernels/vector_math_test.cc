// The vector functions of vector_math-inl.h against double precision, with the errors that their comments
// state.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/kernels/simd_targets.h"
#include "tests/kernels/kernel_testing.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/vector_math_test.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "runtime/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {

// in.size() is a multiple of 16.
void Exp2All(const std::vector<float>& in, std::vector<float>& out) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < in.size(); i += hn::Lanes(d)) hn::StoreU(Exp2(d, hn::LoadU(d, &in[i])), d, &out[i]);
}
void ExpAll(const std::vector<float>& in, std::vector<float>& out) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < in.size(); i += hn::Lanes(d)) hn::StoreU(Exp(d, hn::LoadU(d, &in[i])), d, &out[i]);
}
void SigmoidAll(const std::vector<float>& in, std::vector<float>& out) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < in.size(); i += hn::Lanes(d))
    hn::StoreU(Sigmoid(d, hn::LoadU(d, &in[i])), d, &out[i]);
}
void TanhAll(const std::vector<float>& in, std::vector<float>& out) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < in.size(); i += hn::Lanes(d)) hn::StoreU(Tanh(d, hn::LoadU(d, &in[i])), d, &out[i]);
}
void TailAll(const std::vector<float>& in, std::vector<float>& out) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < in.size(); i += hn::Lanes(d))
    hn::StoreU(NormalTailTimesX(d, hn::LoadU(d, &in[i])), d, &out[i]);
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(Exp2All);
HWY_EXPORT(ExpAll);
HWY_EXPORT(SigmoidAll);
HWY_EXPORT(TanhAll);
HWY_EXPORT(TailAll);

namespace {

using testing::ForEachSimdTarget;

// A multiple of 16 numbers from first to last.
std::vector<float> Sweep(float first, float last) {
  constexpr int kCount = 1 << 16;
  std::vector<float> in;
  for (int i = 0; i < kCount; ++i) in.push_back(first + (last - first) * static_cast<float>(i) / kCount);
  return in;
}

template <class Exact>
double LargestRelativeError(const std::vector<float>& in, const std::vector<float>& out, const Exact& exact) {
  double largest = 0.0;
  for (size_t i = 0; i < in.size(); ++i) {
    const double want = exact(double{in[i]});
    const double error = std::abs(out[i] - want) / want;
    if (!(error <= largest)) largest = error;  // takes NaN too
  }
  return largest;
}

template <class Exact>
double LargestError(const std::vector<float>& in, const std::vector<float>& out, const Exact& exact) {
  double largest = 0.0;
  for (size_t i = 0; i < in.size(); ++i) {
    const double error = std::abs(out[i] - exact(double{in[i]}));
    if (!(error <= largest)) largest = error;
  }
  return largest;
}

TEST_CASE("exp2 and exp have the stated relative error", "[quick]") {
  ForEachSimdTarget([] {
    for (const float first : {-1.0f, -30.0f, -126.0f}) {
      const std::vector<float> in = Sweep(first, -first);
      std::vector<float> out(in.size());
      HWY_DYNAMIC_DISPATCH(Exp2All)(in, out);
      CHECK(LargestRelativeError(in, out, [](double x) { return std::exp2(x); }) <= 2e-7);
    }
    for (const float first : {-1.0f, -30.0f, -87.0f}) {
      const std::vector<float> in = Sweep(first, -first);
      std::vector<float> out(in.size());
      HWY_DYNAMIC_DISPATCH(ExpAll)(in, out);
      CHECK(LargestRelativeError(in, out, [](double x) { return std::exp(x); }) <= 2e-7);
    }
  });
}

TEST_CASE("exp2 and exp of zero are one and underflow to zero without denormals", "[quick]") {
  std::vector<float> in(16, -std::numeric_limits<float>::infinity());
  in[0] = 0.0f;
  in[1] = -0.0f;
  in[2] = -126.6f;
  in[3] = -1e30f;
  in[4] = -std::numeric_limits<float>::max();
  std::vector<float> out(16);
  ForEachSimdTarget([&] {
    HWY_DYNAMIC_DISPATCH(Exp2All)(in, out);
    CHECK(out[0] == 1.0f);
    CHECK(out[1] == 1.0f);
    for (size_t i = 2; i < 16; ++i) CHECK(out[i] == 0.0f);
    HWY_DYNAMIC_DISPATCH(ExpAll)(in, out);
    CHECK(out[0] == 1.0f);
    CHECK(out[1] == 1.0f);
    for (size_t i = 2; i < 16; ++i) CHECK(out[i] == 0.0f);
  });
}

TEST_CASE("sigmoid, tanh and the normal tail have the stated absolute error", "[quick]") {
  ForEachSimdTarget([] {
    for (const float first : {-1.0f, -12.0f, -100.0f}) {
      const std::vector<float> in = Sweep(first, -first);
      std::vector<float> out(in.size());
      HWY_DYNAMIC_DISPATCH(SigmoidAll)(in, out);
      CHECK(LargestError(in, out, [](double x) { return 1.0 / (1.0 + std::exp(-x)); }) <= 2e-7);
      HWY_DYNAMIC_DISPATCH(TanhAll)(in, out);
      CHECK(LargestError(in, out, [](double x) { return std::tanh(x); }) <= 2e-7);
    }
    const std::vector<float> in = Sweep(0.0f, 12.0f);
    std::vector<float> out(in.size());
    HWY_DYNAMIC_DISPATCH(TailAll)(in, out);
    CHECK(LargestError(in, out, [](double x) { return x * 0.5 * std::erfc(x / std::sqrt(2.0)); }) <= 1.5e-7);
  });
}

}  // namespace
}  // namespace earshot::kernels
#endif  // HWY_ONCE
