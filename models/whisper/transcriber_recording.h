// What the loop over windows and groups of them share: the state of a transcription, limits, and what is good
// enough.
#ifndef EARSHOT_MODELS_WHISPER_TRANSCRIBER_RECORDING_H_
#define EARSHOT_MODELS_WHISPER_TRANSCRIBER_RECORDING_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "models/common/random.h"
#include "models/whisper/fallback.h"
#include "models/whisper/transcriber.h"

namespace earshot::whisper {

// Less audio than this at the end is not worth a window; the model tends to invent words for it.
constexpr int64_t kMinContentMs = 100;
// Tokens, timestamps included, that so much audio may take: a multiple of what the fastest speakers say
// (English: 7 in a second), with room for languages whose characters take several tokens each. What is
// generous costs only where a text runs away; too little costs words, except in the first try at a window,
// which is followed by another.
struct TokenRate {
  int64_t per_second;
  int64_t at_least;
};
constexpr TokenRate kFirstTryRate = {.per_second = 15, .at_least = 16};
constexpr TokenRate kHighestRate = {.per_second = 30, .at_least = 32};

class Stopwatch {
 public:
  double Milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Options with the number of tokens limited to what the audio can hold.
inline TranscribeOptions Limited(const TranscribeOptions& options, const TokenRate& rate, int64_t content_ms,
                                 int64_t max_text_tokens) {
  const int64_t possible = rate.at_least + content_ms * rate.per_second / 1000;
  TranscribeOptions limited = options;
  limited.max_new_tokens = static_cast<int>(std::min(WantedTokens(options, max_text_tokens), possible));
  return limited;
}

// Rows of mel to encode for a window with that much audio; even, since the encoder halves them.
inline int64_t RightSizedFrames(int64_t content_ms, int margin_ms, int64_t whole_window) {
  const int64_t wanted = (content_ms + margin_ms) / kMelFrameMs;
  return std::min(whole_window, (wanted + 1) / 2 * 2);
}

// Whether a text over less than a whole window may stand. That nothing was said is for whole windows to say:
// over shorter ones the model now and then ends before it has begun.
inline bool IsConvincing(const TranscribeOptions& options, const Vocabulary& vocabulary,
                         const WindowTranscript& transcript) {
  const bool has_text =
      std::ranges::any_of(transcript.tokens, [&](int32_t token) { return !vocabulary.IsTimestamp(token); });
  return has_text && !transcript.truncated && !NeedsFallback(options, transcript.score) &&
         !IsSilence(options, transcript.score);
}

inline void SetLanguage(std::string_view code, float probability, Summary& summary) {
  summary.language = {};
  std::ranges::copy(code.substr(0, summary.language.size() - 1), summary.language.begin());
  summary.language_probability = probability;
}

// The arguments of Run, and how far it has come.
struct Transcriber::Recording {
  Network& network;
  AudioSource audio;  // up to where a window may reach
  const TranscribeOptions& options;
  const Sink& sink;
  Summary& summary;
  Pcg32 random;
  int32_t language_token;
  int64_t begin_ms = 0;    // of the next window
  int64_t content_ms = 0;  // whole mel frames of `audio`
  bool cancelled = false;

  void EndAt(const AudioSource& whole, int64_t end_ms) {
    audio = whole;
    audio.total_samples = std::min(whole.total_samples, end_ms * kSamplesPerMs);
    content_ms = ContentFrames(audio.total_samples) * kMelFrameMs;
  }
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_TRANSCRIBER_RECORDING_H_
