// Sums of squares, a stretch at a time.
#include "models/common/quiet_cut.h"

#include <cstddef>

namespace earshot {
namespace {

double Energy(std::span<const float> samples) {
  double energy = 0.0;
  for (const float sample : samples) energy += static_cast<double>(sample) * static_cast<double>(sample);
  return energy;
}

}  // namespace

int64_t FindQuietCut(std::span<const float> audio, const QuietCut& cut) {
  const int64_t size = std::ssize(audio);
  int64_t best = size;
  double least = 0.0;
  // Each is summed anew: a running sum would keep the rounding of what was loud, and at 15 s of audio this is
  // some 7 million products.
  for (int64_t begin = cut.earliest; begin + cut.stretch <= size; begin += cut.step) {
    const double energy = Energy(audio.subspan(static_cast<size_t>(begin), static_cast<size_t>(cut.stretch)));
    if (best < size && energy > least) continue;
    least = energy;
    best = begin + cut.stretch / 2;
  }
  return best;
}

}  // namespace earshot
