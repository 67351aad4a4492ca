// Where to cut a long recording into windows that do not wait for each other's text.
#ifndef EARSHOT_MODELS_WHISPER_WINDOW_CUTS_H_
#define EARSHOT_MODELS_WHISPER_WINDOW_CUTS_H_

#include <cstdint>

#include "models/whisper/transcription.h"
#include "runtime/core/status.h"

namespace earshot::whisper {

// End of a window that begins at `begin_ms`, in whole mel frames: the end of the audio if it is no more than
// `window_ms` away; else the middle of the quietest three tenths of a second in the last quarter of the
// window, or, where two windows are enough for the rest, around its middle. Never allocates. Errors: those of
// audio.read.
Result<int64_t> FindWindowEnd(const AudioSource& audio, int64_t begin_ms, int64_t window_ms);

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_WINDOW_CUTS_H_
