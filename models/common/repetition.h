// Recognizing that a decoder has fallen into a loop, while it is still decoding.
#ifndef EARSHOT_MODELS_COMMON_REPETITION_H_
#define EARSHOT_MODELS_COMMON_REPETITION_H_

#include <cstdint>
#include <span>

namespace earshot {

// When the end of a token sequence counts as a loop: a phrase stands there at least `min_copies` times, and
// the copies after the first hold at least `min_repeated_tokens` tokens of text. The defaults are far from
// what people say: the text of such a loop compresses by more than the 2.4 at which Whisper's own check
// rejects a window, but that check can only be made when the window has been decoded to its end.
struct RepetitionRule {
  int max_period_tokens = 56;
  int min_copies = 4;
  int min_repeated_tokens = 32;
  // Tokens from this id on (Whisper's timestamps) count as equal to each other and not as text.
  int32_t first_interchangeable_token = INT32_MAX;
};

// How many tokens at the end only repeat the phrase before them: cutting them off leaves the phrase once.
// 0 if the sequence does not end in a loop. O(max_period_tokens + length of the loop). Never allocates.
int64_t RepeatedTailTokens(std::span<const int32_t> tokens, const RepetitionRule& rule);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_REPETITION_H_
