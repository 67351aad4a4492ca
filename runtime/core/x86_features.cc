// Compiled for 64-bit x86 only.
#include "runtime/core/x86_features.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace earshot {
namespace {

// Bits of leaf 7 (Intel's manual, volume 2, CPUID): of register EBX, ECX and EDX.
constexpr uint32_t kAvx512F = 1u << 16, kAvx512Bw = 1u << 30;
constexpr uint32_t kAvx512Vnni = 1u << 11;
constexpr uint32_t kAmxTile = 1u << 24, kAmxInt8 = 1u << 25;
// Of leaf 1, register ECX: XGETBV may be executed.
constexpr uint32_t kOsXsave = 1u << 27;
// What the operating system saves: vectors of 128, 256 and 512 bits with their masks; the configuration of
// tiles, and their data.
constexpr uint32_t kVectorStates = 7u << 5 | 3u << 1;
constexpr uint32_t kTileStates = 3u << 17;
// arch/x86/include/uapi/asm/prctl.h
constexpr long kArchReqXcompPerm = 0x1023, kXfeatureTileData = 18;

struct Features {
  uint32_t ebx = 0, ecx = 0, edx = 0;  // of leaf 7
  uint32_t saved_states = 0;
};

uint32_t SavedStates() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

// All zero where a process may use none of them.
Features FindFeatures() {
  uint32_t eax, ebx, ecx, edx;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & kOsXsave) == 0) return {};
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return {};
  return {.ebx = ebx, .ecx = ecx, .edx = edx, .saved_states = SavedStates()};
}

bool HasAll(uint32_t bits, uint32_t wanted) { return (bits & wanted) == wanted; }

bool FindAvx512Vnni() {
  const Features features = FindFeatures();
  return HasAll(features.ebx, kAvx512F | kAvx512Bw) && HasAll(features.ecx, kAvx512Vnni) &&
         HasAll(features.saved_states, kVectorStates);
}

bool FindAmxInt8() {
  const Features features = FindFeatures();
  return HasAll(features.edx, kAmxTile | kAmxInt8) && HasAll(features.saved_states, kTileStates) &&
         syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureTileData) == 0;
}

}  // namespace

bool HasAvx512Vnni() {
  static const bool has = FindAvx512Vnni();
  return has;
}

bool HasAmxInt8() {
  static const bool has = FindAmxInt8();
  return has;
}

}  // namespace earshot
