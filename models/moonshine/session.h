// Speech to text with a Moonshine model, in memory that the caller gives.
#ifndef EARSHOT_MODELS_MOONSHINE_SESSION_H_
#define EARSHOT_MODELS_MOONSHINE_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "models/common/transcription.h"
#include "models/moonshine/dimensions.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"

namespace earshot::moonshine {

// Borrows the program, the memory and the thread pool; all must outlive it. After Create nothing touches the
// heap. Threads: one call at a time; sessions are independent.
class MoonshineSession {
 public:
  // What Create will need on this machine. Errors: kInvalidArgument (a model of another family),
  // kInvalidModel (a method, token or table is missing), and those of earshot::Session::Measure.
  static Result<MemoryRequirements> Measure(const Program& program, const SessionOptions& options);

  // `memory`: aligned to kArenaAlignment, at least Measure(...).total_bytes(). Errors: those of Measure and
  // of earshot::Session::Create, kOutOfMemory with the bytes needed and given.
  static Result<MoonshineSession> Create(const Program& program, std::span<std::byte> memory,
                                         const SessionOptions& options);

  MoonshineSession(MoonshineSession&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }
  MoonshineSession& operator=(MoonshineSession&& other) noexcept;
  ~MoonshineSession();

  // Transcribes a recording of any length in segments, which end where it is quiet; the segments of the text
  // are the same. Less than 100 ms of audio gives no text. Of the options count: language and task (English,
  // kTranscribe), the first temperature, stop_loops, max_new_tokens, seed. `summary` (may be null) is filled
  // also on error. Errors: kInvalidArgument (an option), kInvalidAudio (samples that are no numbers or far
  // outside of +-1), those of audio.read; kCancelled after sink.should_stop said so: what was decoded until
  // then has been handed over.
  Status Transcribe(const speech::AudioSource& audio, const speech::TranscribeOptions& options,
                    const speech::Sink& sink, speech::Summary* summary);

  // --- The network itself, for tests and measurements ---

  // Encodes the first segment of the audio.
  Status EncodeAudio(std::span<const float> audio);
  // Appends tokens at `position` of the decoder's cache, 0 to begin anew, and returns the logits [V] f32 that
  // follow the last one; valid until the next call. Errors: kInvalidArgument (no tokens, unknown tokens,
  // beyond the cache, nothing encoded).
  Result<std::span<const float>> Decode(std::span<const int32_t> tokens, int64_t position);

  const Dimensions& dimensions() const;

  // Bytes really taken, by class.
  MemoryRequirements used() const;

 private:
  struct Impl;
  explicit MoonshineSession(Impl* impl) : impl_(impl) {}
  Impl* impl_ = nullptr;  // in the caller's memory
};

}  // namespace earshot::moonshine

#endif  // EARSHOT_MODELS_MOONSHINE_SESSION_H_
