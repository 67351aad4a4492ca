// The best continuations of several hypotheses: what a beam search keeps of all tokens after all beams.
#ifndef EARSHOT_MODELS_COMMON_BEST_CANDIDATES_H_
#define EARSHOT_MODELS_COMMON_BEST_CANDIDATES_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace earshot {

struct BeamCandidate {
  float score = 0.0f;  // of the hypothesis with the token
  int64_t beam = 0;
  int32_t token = 0;
};

// Borrows its room. Keeps as many candidates as that holds, best first; the earlier one of equal scores.
class BestCandidates {
 public:
  explicit BestCandidates(std::span<BeamCandidate> room) : room_(room) {}

  void Add(const BeamCandidate& candidate) {
    if (count_ == room_.size() && candidate.score <= room_[count_ - 1].score) return;
    if (count_ < room_.size()) ++count_;
    size_t at = count_ - 1;
    for (; at > 0 && room_[at - 1].score < candidate.score; --at) room_[at] = room_[at - 1];
    room_[at] = candidate;
  }

  // Whether a candidate of that score would be kept.
  bool Wants(float score) const { return count_ < room_.size() || score > room_[count_ - 1].score; }

  std::span<const BeamCandidate> all() const { return room_.first(count_); }

 private:
  std::span<BeamCandidate> room_;
  size_t count_ = 0;
};

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_BEST_CANDIDATES_H_
