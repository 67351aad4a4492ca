// PeakMemoryBytes from /proc: unlike getrusage it does not count what the process was before exec.
#include "platform/cli/peak_memory.h"

#include <cinttypes>
#include <cstdio>

namespace earshot::cli {

uint64_t PeakMemoryBytes() {
  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (status == nullptr) return 0;
  char line[256];
  uint64_t kibibytes = 0;
  while (std::fgets(line, sizeof(line), status) != nullptr) {
    if (std::sscanf(line, "VmHWM: %" SCNu64 " kB", &kibibytes) == 1) break;
  }
  std::fclose(status);
  return kibibytes * 1024;
}

}  // namespace earshot::cli
