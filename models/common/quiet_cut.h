// Where to cut audio that is longer than a model hears at once.
#ifndef EARSHOT_MODELS_COMMON_QUIET_CUT_H_
#define EARSHOT_MODELS_COMMON_QUIET_CUT_H_

#include <cstdint>
#include <span>

namespace earshot {

struct QuietCut {
  int64_t earliest = 1;  // the cut lies there or later
  // Length of the stretches that are compared: longer than the closure of a stop, shorter than the pause of a
  // speaker.
  int64_t stretch = 4800;
  int64_t step = 160;  // from one stretch to the next
};

// The middle of the stretch with the least energy among those that begin at cut.earliest or later and end
// within the audio; of equal ones the last, so that pieces grow long. The end of the audio where no stretch
// has room. Samples must be finite. Precondition: 0 < cut.earliest <= audio.size(), cut.stretch > 0, cut.step
// > 0. O(audio.size()), never allocates.
int64_t FindQuietCut(std::span<const float> audio, const QuietCut& cut);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_QUIET_CUT_H_
