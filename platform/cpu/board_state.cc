// Reads /proc and /sys.
#include "platform/cpu/board_state.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "platform/cpu/system_file.h"

namespace earshot {
namespace {

// Bytes of a line "NAME:   123 kB".
uint64_t MemoryLine(const std::string& meminfo, const std::string& name) {
  const size_t at = meminfo.find(name + ":");
  if (at == std::string::npos) return 0;
  return std::strtoull(meminfo.c_str() + at + name.size() + 1, nullptr, 10) * 1024;
}

std::optional<double> HottestSensor(const std::string& root) {
  constexpr int kMaxSensors = 64;
  std::optional<double> hottest;
  for (int i = 0; i < kMaxSensors; ++i) {
    const auto millidegrees =
        ReadSystemNumber(root + "/sys/class/thermal/thermal_zone" + std::to_string(i) + "/temp");
    if (!millidegrees) continue;
    hottest = std::max(hottest.value_or(-273.0), static_cast<double>(*millidegrees) / 1000.0);
  }
  return hottest;
}

std::optional<Throttling> ReadThrottling(const std::string& root) {
  // The file holds hexadecimal digits without a prefix.
  const std::string text = ReadSystemFile(root + "/sys/devices/platform/soc/soc:firmware/get_throttled");
  if (text.empty()) return std::nullopt;
  const unsigned long bits = std::strtoul(text.c_str(), nullptr, 16);
  const auto has = [bits](int bit) { return ((bits >> bit) & 1) != 0; };
  return Throttling{.undervoltage_now = has(0),
                    .throttled_now = has(1) || has(2) || has(3),
                    .undervoltage_before = has(16),
                    .throttled_before = has(17) || has(18) || has(19)};
}

// Lines "00-00: USB Audio : USB Audio : playback 1 : capture 1".
std::vector<std::string> Microphones(const std::string& root) {
  std::vector<std::string> names;
  std::istringstream lines(ReadSystemFile(root + "/proc/asound/pcm"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find(": capture") == std::string::npos) continue;
    const size_t begin = line.find(": "), end = line.find(" : ", begin + 1);
    if (begin == std::string::npos || end == std::string::npos) continue;
    names.push_back(line.substr(begin + 2, end - begin - 2));
  }
  return names;
}

}  // namespace

BoardState ReadBoardState(const std::string& root) {
  const std::string meminfo = ReadSystemFile(root + "/proc/meminfo");
  BoardState state = {
      .model = ReadSystemFile(root + "/proc/device-tree/model"),
      .total_memory_bytes = MemoryLine(meminfo, "MemTotal"),
      .available_memory_bytes = MemoryLine(meminfo, "MemAvailable"),
      .load = std::strtod(ReadSystemFile(root + "/proc/loadavg").c_str(), nullptr),
      .degrees_celsius = HottestSensor(root),
      .governor = ReadSystemFile(root + "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
      .throttling = ReadThrottling(root),
      .microphones = Microphones(root)};
  utsname system = {};
  if (uname(&system) == 0) state.kernel_machine = system.machine;
  return state;
}

}  // namespace earshot
