// Which token may come next: the constraints that Whisper's decoder puts on the logits before a token is
// chosen.
#ifndef EARSHOT_MODELS_WHISPER_LOGIT_RULES_H_
#define EARSHOT_MODELS_WHISPER_LOGIT_RULES_H_

#include <cstdint>
#include <span>

#include "models/whisper/vocabulary.h"

namespace earshot::whisper {

// Forbidden tokens get a logit of -infinity. The rules, as in the paper's implementation:
//  - never: the model's list of suppressed tokens; as first token also its begin list (blank, end-of-text);
//  - never: control tokens and languages, i.e. all ids between end-of-text and the timestamps. (The original
//    forbids most of them by name; none of them means anything here.)
//  - with timestamps: the first token is one, of at most `max_initial_timestamp_index` steps; they come in
//    pairs (end of a segment, begin of the next), except before end-of-text; they never decrease, and a
//    segment is never empty; none lies behind the window, which may be converted for less than 30 s; and
//    where all timestamps together are more likely than any single text token, one must follow;
//  - without: no timestamps. (The original leaves them possible.)
// Borrows the lists. Threads: immutable.
class LogitRules {
 public:
  struct Lists {
    std::span<const uint32_t> suppressed = {};
    std::span<const uint32_t> begin_suppressed = {};
    int64_t max_initial_timestamp_index = 50;
    int64_t max_timestamp_index = 1500;  // of the end of a window
  };

  LogitRules(const Vocabulary& vocabulary, const Lists& lists, bool timestamps);

  // `chosen`: the tokens of this window after the prompt. logits: [V] f32. Never allocates.
  void Apply(std::span<const int32_t> chosen, std::span<float> logits) const;

 private:
  void ApplyTimestampOrder(std::span<const int32_t> chosen, std::span<float> logits) const;
  void PreferTimestampsByMass(std::span<float> logits) const;

  size_t end_of_text_;
  size_t timestamp_begin_;
  Lists lists_;
  bool timestamps_;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_LOGIT_RULES_H_
