// The transcription of a whole recording: segment after segment, cut where it is quiet, each decoded
// greedily.
#ifndef EARSHOT_MODELS_CTC_TRANSCRIBER_H_
#define EARSHOT_MODELS_CTC_TRANSCRIBER_H_

#include <cstdint>
#include <optional>
#include <span>

#include "models/common/token_list.h"
#include "models/common/transcription.h"
#include "models/ctc/dimensions.h"
#include "models/ctc/features.h"
#include "models/ctc/network.h"
#include "runtime/core/status.h"
#include "runtime/memory/arena.h"

namespace earshot::ctc {

// Owns nothing, borrows its memory; never touches the heap. Threads: one call at a time.
class Transcriber {
 public:
  // Takes its memory from the arena; from a measuring one the result is kOutOfMemory, and the arena knows the
  // bytes.
  static Result<Transcriber> Create(const Dimensions& dimensions, Arena& arena);

  // See CtcSession::Transcribe.
  Status Run(Network& network, const speech::AudioSource& audio, const speech::TranscribeOptions& options,
             const speech::Sink& sink, speech::Summary& summary);

  // Features and network over the first segment of `audio`, as Run does.
  Status HearFirstSegment(Network& network, const speech::AudioSource& audio);

  const Dimensions& dimensions() const { return dimensions_; }

 private:
  struct Recording;  // the arguments of Run, and how far it has come
  struct Text;       // what was decoded of a segment
  explicit Transcriber(const Dimensions& dimensions) : dimensions_(dimensions) {}

  Result<std::span<float>> Samples(Network& network);
  Result<int64_t> ReadSegment(Network& network, const speech::AudioSource& audio, int64_t begin);
  Result<int64_t> MakeInput(Network& network, int64_t samples);
  Status TranscribeSegment(Recording& recording);
  Status Hear(Recording& recording, int64_t samples);
  void Decode(const Network::Output& output, Text& text);
  Status Emit(Recording& recording, int64_t samples, const Text& text);

  Dimensions dimensions_;
  std::optional<LogMelFeatures> features_;  // where the network hears those
  TokenList tokens_;
  std::span<char> raw_text_, text_;  // of a segment; the second one well-formed UTF-8
};

}  // namespace earshot::ctc

#endif  // EARSHOT_MODELS_CTC_TRANSCRIBER_H_
