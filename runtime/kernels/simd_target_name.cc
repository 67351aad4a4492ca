// The SIMD target that dynamic dispatch chooses, as compiled code: not what the CPU offers, but what our
// kernels really run.
#define HWY_WANT_AVX3_DL  // the wider choice: some file has it
#include "runtime/kernels/kernels.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/simd_target_name.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::kernels {
namespace HWY_NAMESPACE {

const char* NameOfTarget() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace earshot::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::kernels {

HWY_EXPORT(NameOfTarget);

const char* SimdTargetName() { return HWY_DYNAMIC_DISPATCH(NameOfTarget)(); }

}  // namespace earshot::kernels
#endif  // HWY_ONCE
