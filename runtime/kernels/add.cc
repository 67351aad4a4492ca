// Sum of two matrices, or of a matrix and a row.
#include <cstddef>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/add.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void AddRows(Matrix<const float> a, Matrix<const float> b, Matrix<float> out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const size_t cols = static_cast<size_t>(a.cols);
  for (int64_t row = 0; row < a.rows; ++row) {
    const float* x = a.Row(row);
    const float* y = b.Row(b.rows == 1 ? 0 : row);
    float* to = out.Row(row);
    size_t i = 0;
    for (; i + lanes <= cols; i += lanes) {
      hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, to + i);
    }
    const size_t rest = cols - i;
    if (rest != 0) hn::StoreN(hn::Add(hn::LoadN(d, x + i, rest), hn::LoadN(d, y + i, rest)), d, to + i, rest);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(AddRows);

void Add(Matrix<const float> a, Matrix<const float> b, Matrix<float> out) {
  HWY_DYNAMIC_DISPATCH(AddRows)(a, b, out);
}

}  // namespace earshot::kernels
#endif  // HWY_ONCE
