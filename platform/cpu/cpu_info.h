// The machine's processor in words, for reports.
#ifndef EARSHOT_PLATFORM_CPU_CPU_INFO_H_
#define EARSHOT_PLATFORM_CPU_CPU_INFO_H_

#include <cstddef>
#include <string>

namespace earshot {

struct CpuInfo {
  std::string name;      // "AMD EPYC 9R45"; empty if unknown
  size_t num_cores = 0;  // that this process may run on
  std::string features;  // what XNNPACK chooses its kernels by, separated by spaces: "neon dotprod"
};

// Asks the operating system and the processor; a few milliseconds.
CpuInfo ReadCpuInfo();

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CPU_CPU_INFO_H_
