// Speech to text with a CTC model (Wav2Vec2, Wav2Vec2-Conformer, Parakeet), in memory that the caller gives.
#ifndef EARSHOT_MODELS_CTC_SESSION_H_
#define EARSHOT_MODELS_CTC_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "models/common/transcription.h"
#include "models/ctc/dimensions.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"

namespace earshot::ctc {

// Borrows the program, the memory and the thread pool; all must outlive it. After Create nothing touches the
// heap. Threads: one call at a time; sessions are independent.
class CtcSession {
 public:
  // What Create will need on this machine. Errors: kInvalidArgument (a model of another family),
  // kInvalidModel (a method, token or table is missing), and those of earshot::Session::Measure.
  static Result<MemoryRequirements> Measure(const Program& program, const SessionOptions& options);

  // `memory`: aligned to kArenaAlignment, at least Measure(...).total_bytes(). Errors: those of Measure and
  // of earshot::Session::Create, kOutOfMemory with the bytes needed and given.
  static Result<CtcSession> Create(const Program& program, std::span<std::byte> memory,
                                   const SessionOptions& options);

  CtcSession(CtcSession&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }
  CtcSession& operator=(CtcSession&& other) noexcept;
  ~CtcSession();

  // Transcribes a recording of any length in segments of up to Dimensions::max_samples, cut where it is
  // quiet; the segments of the text are the same, from the first to the last frame that has a label. Less
  // audio than a frame needs gives no text. Of the options count: task (kTranscribe) and language, which is
  // put into the summary and changes nothing. `summary` (may be null) is filled also on error. Errors:
  // kInvalidArgument (an option), kInvalidAudio (samples that are no numbers or far outside of +-1), those of
  // audio.read; kCancelled after sink.should_stop said so: what was decoded until then has been handed over.
  Status Transcribe(const speech::AudioSource& audio, const speech::TranscribeOptions& options,
                    const speech::Sink& sink, speech::Summary* summary);

  // --- The network itself, for tests and measurements ---

  // Features and network over the first segment of the audio.
  Status Hear(std::span<const float> audio);

  const Dimensions& dimensions() const;

  // Bytes really taken, by class.
  MemoryRequirements used() const;

 private:
  struct Impl;
  explicit CtcSession(Impl* impl) : impl_(impl) {}
  Impl* impl_ = nullptr;  // in the caller's memory
};

}  // namespace earshot::ctc

#endif  // EARSHOT_MODELS_CTC_SESSION_H_
