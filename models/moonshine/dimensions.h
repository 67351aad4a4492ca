// What a session must know of a Moonshine model file.
#ifndef EARSHOT_MODELS_MOONSHINE_DIMENSIONS_H_
#define EARSHOT_MODELS_MOONSHINE_DIMENSIONS_H_

#include <cstdint>

#include "models/common/token_decoder.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"

namespace earshot::moonshine {

struct Dimensions {
  // Samples in a row of input: 1, or a frame of a model for streams, which `embed` hears and `encode` goes on
  // with.
  int64_t frame_samples = 1;
  int64_t min_samples = 0;  // that the convolutions need for one frame
  int64_t max_samples = 0;  // that a segment may have
  int64_t max_tokens = 0;   // positions of the decoder's cache
  int64_t vocab_size = 0;
  int32_t start = 0;
  int32_t end_of_text = 0;
  TokenDecoder pieces;  // a view of the model file
  int64_t max_piece_bytes = 0;
};

// Errors: kInvalidArgument (a model of another family); kInvalidModel names what is missing or contradictory.
// Never allocates.
Result<Dimensions> ReadDimensions(const Program& program);

}  // namespace earshot::moonshine

#endif  // EARSHOT_MODELS_MOONSHINE_DIMENSIONS_H_
