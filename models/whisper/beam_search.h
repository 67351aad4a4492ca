// Several sequences after one prompt, decoded side by side: beam search, and samples at a temperature.
#ifndef EARSHOT_MODELS_WHISPER_BEAM_SEARCH_H_
#define EARSHOT_MODELS_WHISPER_BEAM_SEARCH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "models/common/best_candidates.h"
#include "models/common/random.h"
#include "models/whisper/config.h"
#include "models/whisper/generation.h"
#include "models/whisper/network.h"
#include "runtime/core/status.h"
#include "runtime/memory/arena.h"

namespace earshot::whisper {

struct SampleResult {
  Generation& best;
  int64_t loops = 0;  // samples that fell into one
};

// Owns nothing, borrows its memory; never touches the heap. Threads: one call at a time.
class BeamSearch {
 public:
  // Takes lists of tokens from the arena; where it is full they have no room (Arena::required_bytes tells).
  static BeamSearch Create(int64_t max_tokens, Arena& arena);

  // The search of Radford et al. 2022, section 4.5, with a patience of 1: it ends when as many hypotheses
  // have ended as there are beams, and gives the one with the highest average log-probability. One that falls
  // into a loop, or reaches request.max_tokens, counts as ended. `logits`: those that follow the prompt; they
  // are overwritten. 1 < beams <= network.max_beams(). Errors: those of the network.
  Status Search(const GenerationRequest& request, Network& network, std::span<float> logits, int64_t beams,
                Generation& best);

  // So many samples, at most network.max_beams(), drawn at request.temperature; gives the one with the
  // highest average log-probability. Each draws from a random sequence of its own.
  Status Sample(const GenerationRequest& request, Network& network, std::span<float> logits, int64_t samples,
                Pcg32& random, SampleResult& result);

 private:
  using Generations = std::array<Generation, kMaxBeams>;

  void Expand(const GenerationRequest& request, size_t beam, std::span<float> logits,
              BestCandidates& candidates) const;
  void Advance(const GenerationRequest& request, size_t beams, std::span<const BeamCandidate> candidates);
  void Finish(const Generation& hypothesis);
  void TakeBest(Generation& best) const;
  Result<Matrix<float>> Run(const GenerationRequest& request, Network& network);

  Generations running_, next_, finished_;
  std::array<int32_t, kMaxBeams> parents_{};  // of the running ones, a step before
  size_t num_running_ = 0;
  size_t num_finished_ = 0;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_BEAM_SEARCH_H_
