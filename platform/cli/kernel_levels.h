// Which kernels this CPU gets, by family.
#ifndef EARSHOT_PLATFORM_CLI_KERNEL_LEVELS_H_
#define EARSHOT_PLATFORM_CLI_KERNEL_LEVELS_H_

#include <string>
#include <vector>

#include "platform/cpu/cpu_info.h"

namespace earshot::cli {

struct KernelLevel {
  std::string family;  // "dense layers, int8"
  std::string level;   // "NEON dot product"
};

// `cpu` is what ReadCpuInfo says of this machine. Dense layers are XNNPACK's: the level is the best that the
// features allow, in the order in which it prefers them; the other families are asked.
std::vector<KernelLevel> ChosenKernelLevels(const CpuInfo& cpu);

// The level of 8-bit dense layers alone, for features in the words of CpuInfo.
std::string DenseInt8Level(const std::string& features);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_KERNEL_LEVELS_H_
