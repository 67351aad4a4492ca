// Speech to text with a Whisper model, in memory that the caller gives.
#ifndef EARSHOT_MODELS_WHISPER_SESSION_H_
#define EARSHOT_MODELS_WHISPER_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "models/whisper/transcription.h"
#include "models/whisper/vocabulary.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"

namespace earshot::whisper {

// Borrows the program, the memory and the thread pool; all must outlive it. After Create nothing touches the
// heap. Threads: one call at a time; sessions are independent.
//
//   auto needed = WhisperSession::Measure(program, options);           // needed->total_bytes()
//   auto session = WhisperSession::Create(program, memory, options);
//   session->Transcribe(samples, {.language = "en"}, {.on_segment = Print}, &summary);
class WhisperSession {
 public:
  // What Create will need on this machine. Errors: kInvalidArgument (a model of another family),
  // kInvalidModel (a method, token or table is missing), and those of earshot::Session::Measure.
  static Result<MemoryRequirements> Measure(const Program& program, const SessionOptions& options);

  // `memory`: aligned to kArenaAlignment, at least Measure(...).total_bytes().
  // Errors: those of Measure and of earshot::Session::Create, kOutOfMemory with the bytes needed and given.
  static Result<WhisperSession> Create(const Program& program, std::span<std::byte> memory,
                                       const SessionOptions& options);

  WhisperSession(WhisperSession&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }
  WhisperSession& operator=(WhisperSession&& other) noexcept;
  ~WhisperSession();

  // What Transcribe says of the options, whatever the model and the audio. kInvalidArgument.
  static Status CheckOptions(const TranscribeOptions& options);

  // Transcribes a recording of any length, handing over segments in order as windows are done. What lies
  // behind the last whole 10 ms is not heard; less than 100 ms of audio gives no text. `summary` (may be
  // null) is filled also on error. Errors: kInvalidArgument (an option, a language the model does not know),
  // kInvalidAudio (samples that are no numbers or far outside of +-1), those of audio.read; kCancelled after
  // sink.should_stop said so: what was decoded until then, the finished segments of the window at hand
  // included, has been handed over.
  Status Transcribe(const AudioSource& audio, const TranscribeOptions& options, const Sink& sink,
                    Summary* summary);
  // The same for audio in memory: 16 kHz, mono, +-1.
  Status Transcribe(std::span<const float> audio, const TranscribeOptions& options, const Sink& sink,
                    Summary* summary);

  // --- The network itself, for tests and measurements ---

  // Encodes normalized log-mel [mel_frames, num_mels] f32; mel_frames even, at most max_mel_frames().
  Status EncodeMel(Matrix<const float> mel);
  // Encodes the first window of the audio as Transcribe with these options does at first: padding and margin
  // count.
  Status EncodeAudio(std::span<const float> audio, const TranscribeOptions& options = {});
  // [S, d] f32 of the last window encoded; valid until the next call.
  Result<Matrix<const float>> EncoderOutput() const;
  // Appends tokens at `position` of the decoder's cache, 0 to begin anew, and returns the logits [V] f32 that
  // follow the last one; valid until the next call. Errors: kInvalidArgument (no tokens, unknown tokens,
  // beyond the cache, nothing encoded).
  Result<std::span<const float>> Decode(std::span<const int32_t> tokens, int64_t position);
  // The language of the encoded window. Forgets the decoder's cache. kUnsupported on English-only models.
  Result<Vocabulary::LanguageGuess> DetectLanguage();

  const Vocabulary& vocabulary() const;
  int64_t max_mel_frames() const;
  int64_t num_mels() const;
  int64_t max_text_tokens() const;
  // Greatest beam size. 1: SessionOptions::optional_methods lacks kBeamsMethod, or the model does.
  int64_t max_beams() const;
  // Greatest batch size, likewise, with kWindowsMethod.
  int64_t max_windows() const;

  // Bytes really taken, by class.
  MemoryRequirements used() const;

 private:
  struct Impl;
  explicit WhisperSession(Impl* impl) : impl_(impl) {}
  Impl* impl_ = nullptr;  // in the caller's memory
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_SESSION_H_
