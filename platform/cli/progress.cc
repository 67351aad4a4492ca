// Wording of progress.
#include "platform/cli/progress.h"

#include <algorithm>

#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

double Seconds(int64_t ms) { return static_cast<double>(ms) / 1000; }

// Seconds of audio in a second of time.
double Speed(const ProgressState& state) {
  return state.elapsed_s > 0 ? Seconds(state.processed_ms) / state.elapsed_s : 0;
}

std::string SpeedText(double speed) { return Fixed(speed, speed < 10 ? 1 : 0) + "x real time"; }

}  // namespace

std::string ProgressText(const ProgressState& state) {
  const int64_t percent =
      std::clamp<int64_t>(state.processed_ms * 100 / std::max<int64_t>(state.total_ms, 1), 0, 100);
  std::string line = std::to_string(percent) + "%  " + Clock(Seconds(state.processed_ms)) + " of " +
                     Clock(Seconds(state.total_ms));
  const double speed = Speed(state);
  if (speed > 0)
    line += "  " + SpeedText(speed) + "  " + Clock(Seconds(state.total_ms - state.processed_ms) / speed) +
            " left";
  return line;
}

std::string FinalLine(const ProgressState& state, uint64_t peak_memory_bytes) {
  std::string line =
      state.name + ": " + Fixed(Seconds(state.processed_ms), 1) + " s in " + Fixed(state.elapsed_s, 2) + " s";
  if (Speed(state) > 0) line += " (" + SpeedText(Speed(state)) + ")";
  if (peak_memory_bytes > 0) line += ", peak memory " + Megabytes(peak_memory_bytes);
  return line;
}

}  // namespace earshot::cli
