// How much memory the process has used at most.
#ifndef EARSHOT_PLATFORM_CLI_PEAK_MEMORY_H_
#define EARSHOT_PLATFORM_CLI_PEAK_MEMORY_H_

#include <cstdint>

namespace earshot::cli {

// Largest resident size of the process so far, shared pages of the program and of mapped files included
// (VmHWM). 0 if the system does not tell.
uint64_t PeakMemoryBytes();

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_PEAK_MEMORY_H_
