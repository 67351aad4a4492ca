// The cores that this process may use, and which of them are worth using.
#ifndef EARSHOT_PLATFORM_CPU_CORES_H_
#define EARSHOT_PLATFORM_CPU_CORES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace earshot {

struct Core {
  int id = 0;
  int64_t capacity = 0;  // relative speed that the kernel states for mixed cores; 0 if it does not
  int64_t max_khz = 0;   // 0 if unknown
};

// `root` stands before /sys; tests have a machine of their own there.
std::vector<Core> AllowedCores(const std::string& root = "");

// As many as have at least three quarters of the speed of the fastest: work is split evenly, so that all wait
// for a slow core. Speed is capacity or, where that is unknown, frequency.
size_t CountFastCores(const std::vector<Core>& cores);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CPU_CORES_H_
