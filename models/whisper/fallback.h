// When a decoded window is good enough, when it is silence, and when it is tried again at a higher
// temperature (Radford et al. 2022, section 4.5).
#ifndef EARSHOT_MODELS_WHISPER_FALLBACK_H_
#define EARSHOT_MODELS_WHISPER_FALLBACK_H_

#include "models/whisper/transcription.h"

namespace earshot::whisper {

// What an attempt is judged by; the fields mean what they mean in Segment.
struct AttemptScore {
  float avg_logprob = 0;
  float compression_ratio = 0;
  float no_speech_prob = 0;
  bool looped = false;  // stopped because it repeated itself
};

inline bool TooRepetitive(const TranscribeOptions& options, const AttemptScore& score) {
  return score.looped || score.compression_ratio > options.compression_ratio_threshold;
}

// True if a higher temperature should be tried. Doubtful tokens where the model hears silence are no reason.
inline bool NeedsFallback(const TranscribeOptions& options, const AttemptScore& score) {
  if (score.avg_logprob < options.logprob_threshold)
    return !(score.no_speech_prob > options.no_speech_threshold);
  return TooRepetitive(options, score);
}

// True if the window holds no speech and is to be skipped, whatever tokens were decoded. A confident text
// overrules.
inline bool IsSilence(const TranscribeOptions& options, const AttemptScore& score) {
  return score.no_speech_prob > options.no_speech_threshold &&
         !(score.avg_logprob > options.logprob_threshold);
}

// Which of two attempts to keep when every temperature failed: the one that does not repeat itself, then the
// likelier. (As faster-whisper does; the paper's implementation keeps the last.)
inline bool IsBetterFailure(const TranscribeOptions& options, const AttemptScore& a, const AttemptScore& b) {
  const bool a_repeats = TooRepetitive(options, a);
  const bool b_repeats = TooRepetitive(options, b);
  if (a_repeats != b_repeats) return !a_repeats;
  return a.avg_logprob > b.avg_logprob;
}

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_FALLBACK_H_
