// Recordings that tell how far the heads of an encoder look.
#ifndef EARSHOT_CONVERTER_CALIBRATE_CALIBRATION_AUDIO_H_
#define EARSHOT_CONVERTER_CALIBRATE_CALIBRATION_AUDIO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/core/status.h"

namespace earshot::calibrate {

// Samples at 16 kHz, mono, +-1.
using Clip = std::vector<float>;

// Longer pieces are cut; of more pieces than max_clips, so many are taken, evenly spread.
struct AudioLimits {
  int64_t max_clip_samples = 30 * 16000;
  int64_t max_clips = 48;
};

// `paths` are recordings, or folders of which every WAV, FLAC and MP3 file is taken, in the order of names.
// Pieces of less than half a second are left out. Errors: those of DecodeAudioFile; kInvalidArgument where
// nothing is left.
Result<std::vector<Clip>> ReadCalibrationAudio(const std::vector<std::string>& paths,
                                               const AudioLimits& limits);

}  // namespace earshot::calibrate

#endif  // EARSHOT_CONVERTER_CALIBRATE_CALIBRATION_AUDIO_H_
