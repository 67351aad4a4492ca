// Finds the shortest period with which a token sequence ends.
#include "models/common/repetition.h"

namespace earshot {
namespace {

struct RepeatedRun {
  int64_t tokens = 0;
  int64_t text_tokens = 0;
};

// The longest suffix whose every token equals the one `period` before it.
RepeatedRun SuffixWithPeriod(std::span<const int32_t> tokens, int64_t period, int32_t first_interchangeable) {
  RepeatedRun run;
  for (int64_t i = std::ssize(tokens) - 1; i >= period; --i) {
    const int32_t token = tokens[static_cast<size_t>(i)];
    const int32_t earlier = tokens[static_cast<size_t>(i - period)];
    const bool interchangeable = token >= first_interchangeable && earlier >= first_interchangeable;
    if (token != earlier && !interchangeable) break;
    ++run.tokens;
    if (!interchangeable) ++run.text_tokens;
  }
  return run;
}

}  // namespace

int64_t RepeatedTailTokens(std::span<const int32_t> tokens, const RepetitionRule& rule) {
  for (int64_t period = 1; period <= rule.max_period_tokens && period < std::ssize(tokens); ++period) {
    const RepeatedRun run = SuffixWithPeriod(tokens, period, rule.first_interchangeable_token);
    if (run.text_tokens >= rule.min_repeated_tokens && run.tokens >= period * (rule.min_copies - 1)) {
      return run.tokens;
    }
  }
  return 0;
}

}  // namespace earshot
