// Self-attention caches of beams, which decode_beams keeps interleaved: row p * B + b holds what beam b said
// at position p.
#ifndef EARSHOT_MODELS_WHISPER_BEAM_CACHES_H_
#define EARSHOT_MODELS_WHISPER_BEAM_CACHES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "models/whisper/config.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"

namespace earshot::whisper {

// Views of a session's states, which must outlive it. Threads: one call at a time.
class BeamCaches {
 public:
  // The caches of a layer: one sequence [P, 2d], and all beams [P * B, 2d]. Errors: kInvalidModel (they do
  // not fit), kUnsupported (too many layers).
  Status AddLayer(const MatrixView& one, const MatrixView& beams);

  int64_t max_beams() const { return max_beams_; }  // B; 0: there is no layer

  // Copies positions [0, tokens) of the one sequence into the first `beams` beams.
  void Spread(int64_t beams, int64_t tokens) const;

  // Beam b takes over positions [begin, end) of beam parents[b], as they were before the call.
  void Reorder(std::span<const int32_t> parents, int64_t begin, int64_t end) const;

 private:
  static constexpr size_t kMaxLayers = 128;

  struct Layer {
    std::byte* one = nullptr;
    std::byte* beams = nullptr;
    size_t row_bytes = 0;  // of both, which have no gaps
  };
  std::span<const Layer> layers() const { return std::span(layers_).first(num_layers_); }

  std::array<Layer, kMaxLayers> layers_;
  size_t num_layers_ = 0;
  int64_t max_beams_ = 0;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_BEAM_CACHES_H_
