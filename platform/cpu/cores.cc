// Affinity mask, and what sysfs says of each core in it.
#include "platform/cpu/cores.h"

#include <sched.h>

#include <algorithm>

#include "platform/cpu/system_file.h"

namespace earshot {

std::vector<Core> AllowedCores(const std::string& root) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<Core> cores;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return {Core{}};
  for (int id = 0; id < CPU_SETSIZE; ++id) {
    if (!CPU_ISSET(static_cast<size_t>(id), &allowed)) continue;
    const std::string folder = root + "/sys/devices/system/cpu/cpu" + std::to_string(id);
    cores.push_back({.id = id,
                     .capacity = ReadSystemNumber(folder + "/cpu_capacity").value_or(0),
                     .max_khz = ReadSystemNumber(folder + "/cpufreq/cpuinfo_max_freq").value_or(0)});
  }
  return cores;
}

size_t CountFastCores(const std::vector<Core>& cores) {
  const bool has_capacities = std::ranges::all_of(cores, [](const Core& core) { return core.capacity > 0; });
  const auto speed = [has_capacities](const Core& core) {
    return has_capacities ? core.capacity : core.max_khz;
  };
  int64_t fastest = 0;
  for (const Core& core : cores) fastest = std::max(fastest, speed(core));
  return static_cast<size_t>(
      std::ranges::count_if(cores, [&](const Core& core) { return 4 * speed(core) >= 3 * fastest; }));
}

}  // namespace earshot
