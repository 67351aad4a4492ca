// The sizes of a Whisper model file that a session plans its memory with.
#ifndef EARSHOT_MODELS_WHISPER_DIMENSIONS_H_
#define EARSHOT_MODELS_WHISPER_DIMENSIONS_H_

#include <cstdint>

#include "models/common/log_mel.h"
#include "models/whisper/window_decoder.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"

namespace earshot::whisper {

// The encoder halves the time resolution.
constexpr int64_t kMelFramesPerEncoderFrame = 2;

struct Dimensions {
  int64_t max_mel_frames = 0;  // 2S, S being the most the encoder takes; what 30 s have
  LogMelConfig log_mel;        // its filters lie in the model file
  DecoderTables tables;        // views of the model file
};

// Errors: kInvalidArgument (a model of another family); kInvalidModel names what is missing or contradictory:
// a method, a symbol, the audio front end, a token. Never allocates.
Result<Dimensions> ReadDimensions(const Program& program);

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_DIMENSIONS_H_
