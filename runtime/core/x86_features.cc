// Compiled for 64-bit x86 only.
#include "runtime/core/x86_features.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace earshot {
namespace {

// Bits of leaf 7, register EDX (Intel's manual, volume 2, CPUID).
constexpr uint32_t kAmxTile = 1u << 24, kAmxInt8 = 1u << 25;
// Of leaf 1, register ECX: XGETBV may be executed.
constexpr uint32_t kOsXsave = 1u << 27;
// What the operating system saves: the configuration of tiles, and their data.
constexpr uint32_t kTileStates = 3u << 17;
// arch/x86/include/uapi/asm/prctl.h
constexpr long kArchReqXcompPerm = 0x1023, kXfeatureTileData = 18;

uint32_t SavedStates() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool FindAmxInt8() {
  uint32_t eax, ebx, ecx, edx;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & kOsXsave) == 0) return false;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & kAmxTile) == 0 || (edx & kAmxInt8) == 0) return false;
  if ((SavedStates() & kTileStates) != kTileStates) return false;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureTileData) == 0;
}

}  // namespace

bool HasAmxInt8() {
  static const bool has = FindAmxInt8();
  return has;
}

}  // namespace earshot
