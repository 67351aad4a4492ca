// Compiled for ARM only, 32 and 64 bits.
#include "runtime/core/arm_features.h"

#include <sys/auxv.h>

namespace earshot {
namespace {

// The bit of AT_HWCAP for dot products (arch/arm64/include/uapi/asm/hwcap.h and arch/arm/...).
constexpr unsigned long kHwcapAsimdDp = 1ul << (sizeof(void*) == 8 ? 20 : 24);

}  // namespace

bool HasNeonDotProducts() { return (getauxval(AT_HWCAP) & kHwcapAsimdDp) != 0; }

}  // namespace earshot
