// The loop over SIMD targets and the guarded memory.
#include "tests/kernels/kernel_testing.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>

// clang-format off: chooses the targets of Highway's headers, so it comes first
#define HWY_WANT_AVX3_DL
#include "runtime/kernels/simd_targets.h"
// clang-format on

#include "hwy/highway.h"
#include "runtime/kernels/kernels.h"

namespace earshot::testing {
namespace {

// Targets this CPU must exercise, asked from the CPU in another way than Highway does.
std::vector<std::string> ExpectedTargets() {
#if defined(__x86_64__) || defined(__i386__)
  std::vector<std::string> names;
  if (__builtin_cpu_supports("sse4.2")) names.push_back("SSE4");
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) names.push_back("AVX2");
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq")) {
    names.push_back("AVX3");
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi2"))
      names.push_back("AVX3_DL");
  }
  return names;
#elif defined(__ARM_NEON)
  return {"NEON_WITHOUT_AES"};
#else
  return {};
#endif
}

}  // namespace

void ForEachSimdTarget(const std::function<void()>& body) {
  std::vector<std::string> exercised;
  const int64_t supported = hwy::SupportedTargets();
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    // Bits of better targets are lower. The lesser ones stay for files that are not compiled for this one.
    hwy::SetSupportedTargetsForTest(supported & -target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const std::string name = hwy::TargetName(target);
    INFO("SIMD target " << name);
    REQUIRE(kernels::SimdTargetName() == name);
    exercised.push_back(name);
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  for (const std::string& name : ExpectedTargets()) {
    INFO("expected SIMD target " << name);
    REQUIRE(std::find(exercised.begin(), exercised.end(), name) != exercised.end());
  }
}

GuardedPages::GuardedPages(size_t size_bytes) {
  const size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t usable_bytes = (size_bytes + page_bytes - 1) / page_bytes * page_bytes;
  mapped_bytes_ = usable_bytes + page_bytes;
  void* memory = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  begin_ = static_cast<std::byte*>(memory);
  end_ = begin_ + usable_bytes;
  REQUIRE(mprotect(end_, page_bytes, PROT_NONE) == 0);
}

GuardedPages::~GuardedPages() { munmap(begin_, mapped_bytes_); }

void ForEachShape(const std::function<void(int64_t, int64_t, int64_t, int64_t)>& body) {
  for (int64_t cols = 0; cols <= kMaxTailCols; ++cols) {
    body(cols, 1, cols, 0);
    body(cols, 3, cols + 5, cols % 7);
  }
  for (const int64_t cols : {288, 384, 1000, 4099}) {
    for (int64_t end_gap = 0; end_gap < 4; ++end_gap) body(cols, 2, cols + end_gap, end_gap);
  }
}

}  // namespace earshot::testing
