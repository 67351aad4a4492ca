// Speech to text with a Wav2Vec2 or Wav2Vec2-Conformer model and its CTC head (Baevski et al. 2020), in
// memory that the caller gives.
#ifndef EARSHOT_MODELS_WAV2VEC2_SESSION_H_
#define EARSHOT_MODELS_WAV2VEC2_SESSION_H_

#include <cstddef>
#include <span>

#include "models/common/transcription.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"

namespace earshot::wav2vec2 {

// Borrows the program, the memory and the thread pool; all must outlive it. After Create nothing touches the
// heap. Threads: one call at a time; sessions are independent.
class CtcSession {
 public:
  // What Create will need on this machine. Errors: kInvalidArgument (a model of another family),
  // kInvalidModel (a method, loop or the tokenizer is missing), and those of earshot::Session::Measure.
  static Result<MemoryRequirements> Measure(const Program& program, const SessionOptions& options);

  // `memory`: aligned to kArenaAlignment, at least Measure(...).total_bytes(). Errors: those of Measure and
  // of earshot::Session::Create, kOutOfMemory with the bytes needed and given.
  static Result<CtcSession> Create(const Program& program, std::span<std::byte> memory,
                                   const SessionOptions& options);

  CtcSession(CtcSession&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }
  CtcSession& operator=(CtcSession&& other) noexcept;
  ~CtcSession();

  // Transcribes a recording of any length in pieces of at most what the model was planned for, which end
  // where it is quiet; the segments of the text are the pieces, from the first frame with a token to the last
  // one. Pieces that are too short for a frame have no text. Of the options counts the task alone
  // (kTranscribe): these models know one language, do not say which, and choose the likeliest token of each
  // frame. `summary` (may be null) is filled also on error. Errors: kInvalidArgument (an option),
  // kInvalidAudio (samples that are no numbers or far outside of +-1), those of audio.read; kCancelled after
  // sink.should_stop said so.
  Status Transcribe(const speech::AudioSource& audio, const speech::TranscribeOptions& options,
                    const speech::Sink& sink, speech::Summary* summary);

  // Bytes really taken, by class.
  MemoryRequirements used() const;

 private:
  struct Impl;
  explicit CtcSession(Impl* impl) : impl_(impl) {}
  Impl* impl_ = nullptr;  // in the caller's memory
};

}  // namespace earshot::wav2vec2

#endif  // EARSHOT_MODELS_WAV2VEC2_SESSION_H_
