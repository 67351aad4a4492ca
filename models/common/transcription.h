// What goes into a transcription and what comes out of it, whatever the family of the model: options, the
// audio, segments, the summary. The vocabulary is that of the first family, Whisper; what a family has no use
// for its README says.
#ifndef EARSHOT_MODELS_COMMON_TRANSCRIPTION_H_
#define EARSHOT_MODELS_COMMON_TRANSCRIPTION_H_

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/core/status.h"

namespace earshot::speech {

constexpr int64_t kSampleRateHz = 16000;
constexpr int64_t kSamplesPerMs = kSampleRateHz / 1000;

enum class Task : uint8_t {
  kTranscribe,  // text in the language that is spoken
  kTranslate,   // English text; multilingual models only
};

// What the encoder hears behind the end of the audio, up to the 30 s it was trained on.
enum class WindowPadding : uint8_t {
  kSilentAudio,  // zeros as samples, which become the lowest value of the normalized log-mel spectrogram
  kZeroMel,      // 0.0 in the normalized log-mel spectrogram, a middling loudness
};

// Encodes whole windows of 30 s, as Whisper was trained on, however short the audio is.
constexpr int kWholeWindowMarginMs = 30'000;
constexpr int kDefaultMarginMs = 4'000;  // measured: models/whisper/README.md, "Right-sized input"

constexpr std::array<float, 6> kDefaultTemperatures = {0.0f, 0.2f, 0.4f, 0.6f, 0.8f, 1.0f};

// The defaults are those of Radford et al. 2022, section 4.5, except that previous text does not condition
// the next window: it makes loops more likely on small models.
struct TranscribeOptions {
  // Code of the spoken language as in the model's token <|en|>; empty: detected in the first window, or
  // English where the model knows nothing else. Borrowed during the call.
  std::string_view language = {};
  Task task = Task::kTranscribe;
  bool timestamps = true;  // false: one segment for each window of 30 s, its end being that of the window

  // Tried in order until a window passes the thresholds. 0 is the most likely text; above, `best_of` samples
  // are drawn and the one with the highest average log-probability counts. Borrowed during the call; not
  // empty, each finite and >= 0.
  std::span<const float> temperatures = kDefaultTemperatures;
  int best_of = 5;
  // Hypotheses that are followed at temperature 0; 1: greedy. Whisper only; no more than
  // WhisperSession::max_beams.
  int beam_size = 1;

  // Windows of a recording that are decoded side by side: faster, in more memory. The recording is cut at
  // quiet places then, not where the text before ended. 1: one after the other. Whisper only; no more than
  // WhisperSession::max_windows; greedy, and without condition_on_previous_text.
  int batch_size = 1;

  // Whether a window of a long recording is as long as the model hears, and the next one begins where its
  // text ended, as other programs for Whisper have it. Else it ends at the quietest place of its last
  // quarter, as with a batch, so that no word is cut in two: fewer errors (models/whisper/README.md). Whisper
  // only; not with a batch.
  bool whole_windows = false;

  // A window fails whose text, deflated, shrinks by more than this factor (infinity: never), ...
  float compression_ratio_threshold = 2.4f;
  // ... or whose tokens have an average log-probability below this (-infinity: never), unless the model also
  // gives silence a probability above no_speech_threshold (1 or more: never): then the window is skipped.
  float logprob_threshold = -1.0f;
  float no_speech_threshold = 0.6f;
  // Stops a window that has begun to repeat itself (models/common/repetition.h), keeps the phrase once, and
  // has it fail.
  bool stop_loops = true;

  bool condition_on_previous_text = false;
  // Tokens of a window, without those of the prompt. 0: half of the model's context (224), as in the paper's
  // implementation. Never more than what the context has left after the prompt.
  int max_new_tokens = 0;
  WindowPadding padding = WindowPadding::kSilentAudio;

  // How much padding is encoded behind the end of the audio, up to a whole window: the encoder's time shrinks
  // with it. With less than whole windows the model now and then falls into a loop; a text that does not pass
  // as it is (thresholds, loop, too many tokens for so little audio) is therefore dropped, and the window is
  // encoded whole and decoded anew.
  int margin_ms = kDefaultMarginMs;
  // No further attempt at a window begins once the attempts so far have chosen this many tokens for each one
  // that an attempt may choose: bounds the time that a window can take, whatever is said in it. At least 1.
  int max_attempt_lengths = 8;
  uint64_t seed = 0;  // of the samples at temperatures above 0; equal seeds give equal text
};

// A stretch of text. Views are valid only during the callback.
struct Segment {
  int id = 0;  // 0, 1, 2, ...
  int64_t start_ms = 0;
  int64_t end_ms = 0;  // > start_ms, not beyond the end of the audio
  std::string_view text =
      {};  // UTF-8 as the tokens spell it, usually with a space in front; never blank or signs alone
  std::span<const int32_t> tokens = {};  // with its timestamps, without end-of-text
  // Of the window that the segment lies in:
  float avg_logprob = 0;        // of its tokens, end-of-text included; natural logarithm
  float compression_ratio = 0;  // of its text
  float no_speech_prob = 0;
  float temperature = 0;
};

// Whom to tell. Every function may be null; all get `context`. They are called on the thread of Transcribe.
struct Sink {
  void* context = nullptr;
  void (*on_segment)(void* context, const Segment& segment) = nullptr;
  // After each window. processed_ms grows up to total_ms.
  void (*on_progress)(void* context, int64_t processed_ms, int64_t total_ms) = nullptr;
  // Asked before each window and each token.
  bool (*should_stop)(void* context) = nullptr;
};

// Audio at 16 kHz, mono, +-1, read piece by piece so that a long recording need not be in memory. Pieces
// overlap, since a window begins where the last segment ended: `read` must be able to go back by up to 30 s,
// with TranscribeOptions::batch_size by so much for each of these windows.
struct AudioSource {
  void* context = nullptr;
  int64_t total_samples = 0;
  // Fills `samples` with the audio from `first_sample` on; the range lies within [0, total_samples).
  Status (*read)(void* context, int64_t first_sample, std::span<float> samples) = nullptr;
};

struct Summary {
  std::array<char, 8> language = {};  // NUL-terminated code, for example "en"; empty if no window was decoded
  float language_probability = 0;     // 1 where it was given or the model knows only one
  int64_t audio_ms = 0;
  int64_t windows = 0;
  int64_t skipped_windows = 0;  // without speech
  int64_t segments = 0;
  int64_t tokens = 0;             // chosen in all attempts; a decoder step each
  int64_t fallbacks = 0;          // attempts after the first of a window
  int64_t reencoded_windows = 0;  // whose first text, over less than a whole window, was dropped
  int64_t loops_stopped = 0;
  // Wall-clock time.
  double features_ms = 0;
  double encode_ms = 0;
  double decode_ms = 0;  // from the prompt to the last token, the choice of tokens and the checks included
};

}  // namespace earshot::speech

#endif  // EARSHOT_MODELS_COMMON_TRANSCRIPTION_H_
