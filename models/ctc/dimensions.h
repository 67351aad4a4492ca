// What a session must know of the file of a speech model with a CTC head.
#ifndef EARSHOT_MODELS_CTC_DIMENSIONS_H_
#define EARSHOT_MODELS_CTC_DIMENSIONS_H_

#include <cstdint>

#include "models/common/log_mel.h"
#include "models/common/token_decoder.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"

namespace earshot::ctc {

enum class Hearing {
  kSamples,            // the waveform
  kNormalizedSamples,  // of zero mean and unit variance
  kLogMel,             // see features.h
};

struct Dimensions {
  Hearing hearing = Hearing::kSamples;
  LogMelConfig log_mel;     // where it hears that
  int64_t min_samples = 0;  // that a segment needs for a frame
  int64_t max_samples = 0;  // that a segment may have
  int64_t max_frames = 0;   // that the network makes of it
  int64_t vocab_size = 0;
  int32_t blank = 0;
  TokenDecoder pieces;  // a view of the model file
  int64_t max_piece_bytes = 0;
};

// Errors: kInvalidArgument (a model of another family); kInvalidModel names what is missing or contradictory.
// Never allocates.
Result<Dimensions> ReadDimensions(const Program& program);

}  // namespace earshot::ctc

#endif  // EARSHOT_MODELS_CTC_DIMENSIONS_H_
