// What a board says of itself now: memory, load, heat, frequency, microphones.
#ifndef EARSHOT_PLATFORM_CPU_BOARD_STATE_H_
#define EARSHOT_PLATFORM_CPU_BOARD_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace earshot {

// A Raspberry Pi's firmware keeps one bit for each cause, now (0..3) and since power-on (16..19).
struct Throttling {
  bool undervoltage_now = false;
  bool throttled_now = false;  // too warm, or undervoltage
  bool undervoltage_before = false;
  bool throttled_before = false;
};

struct BoardState {
  std::string model;                // "Raspberry Pi 5 Model B Rev 1.0"; empty where no device tree says it
  std::string kernel_machine;       // "aarch64": of the kernel, whatever this program was built for
  uint64_t total_memory_bytes = 0;  // 0 if unknown
  uint64_t available_memory_bytes = 0;    // free, or free at once: the page cache counts
  double load = 0.0;                      // running processes, mean of the last minute
  std::optional<double> degrees_celsius;  // the hottest sensor
  std::string governor;                   // of the first core; empty if it has none
  std::optional<Throttling> throttling;
  std::vector<std::string> microphones;  // capture devices of ALSA, by name
};

// `root` stands before /proc and /sys; tests have a machine of their own there. What the machine does not
// tell stays empty.
BoardState ReadBoardState(const std::string& root = "");

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CPU_BOARD_STATE_H_
