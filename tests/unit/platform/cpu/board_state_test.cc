// The files of a Raspberry Pi, and those of a machine that tells nothing.
#include "platform/cpu/board_state.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/unit/platform/cpu/system_tree.h"

namespace earshot {
namespace {

TEST_CASE("a machine that tells nothing has an empty state", "[board_state]") {
  const SystemTree tree;
  const BoardState state = ReadBoardState(tree.root());
  CHECK(state.model.empty());
  CHECK_FALSE(state.kernel_machine.empty());
  CHECK(state.total_memory_bytes == 0);
  CHECK(state.available_memory_bytes == 0);
  CHECK(state.load == 0.0);
  CHECK_FALSE(state.degrees_celsius.has_value());
  CHECK(state.governor.empty());
  CHECK_FALSE(state.throttling.has_value());
  CHECK(state.microphones.empty());
}

TEST_CASE("a Raspberry Pi is read", "[board_state]") {
  const SystemTree tree;
  tree.Write("/proc/device-tree/model", std::string("Raspberry Pi 4 Model B Rev 1.4") + '\0');
  tree.Write("/proc/meminfo", "MemTotal:        3884324 kB\nMemFree:  100 kB\nMemAvailable:    3245678 kB\n");
  tree.Write("/proc/loadavg", "1.25 0.50 0.10 2/170 1234\n");
  tree.Write("/sys/class/thermal/thermal_zone0/temp", "47712\n");
  tree.Write("/sys/class/thermal/thermal_zone1/temp", "61000\n");
  tree.Write("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n");
  tree.Write("/sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n");
  tree.Write("/proc/asound/pcm",
             "00-00: bcm2835 Headphones : bcm2835 Headphones : playback 8\n"
             "01-00: USB Audio : USB Audio : playback 1 : capture 1\n");
  const BoardState state = ReadBoardState(tree.root());
  CHECK(state.model == "Raspberry Pi 4 Model B Rev 1.4");
  CHECK(state.total_memory_bytes == 3884324ull * 1024);
  CHECK(state.available_memory_bytes == 3245678ull * 1024);
  CHECK(state.load == 1.25);
  CHECK(state.degrees_celsius == 61.0);
  CHECK(state.governor == "ondemand");
  REQUIRE(state.throttling.has_value());
  CHECK(state.throttling->undervoltage_now);
  CHECK(state.throttling->throttled_now);
  CHECK(state.throttling->undervoltage_before);
  CHECK(state.throttling->throttled_before);
  CHECK(state.microphones == std::vector<std::string>{"USB Audio"});
}

}  // namespace
}  // namespace earshot
