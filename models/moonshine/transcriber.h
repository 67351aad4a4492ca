// The transcription of a whole recording: segment after segment, cut where it is quiet.
#ifndef EARSHOT_MODELS_MOONSHINE_TRANSCRIBER_H_
#define EARSHOT_MODELS_MOONSHINE_TRANSCRIBER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "models/common/token_list.h"
#include "models/common/transcription.h"
#include "models/moonshine/dimensions.h"
#include "models/moonshine/network.h"
#include "runtime/core/status.h"
#include "runtime/memory/arena.h"

namespace earshot::moonshine {

// Owns nothing, borrows its memory; never touches the heap. Threads: one call at a time.
class Transcriber {
 public:
  // Takes its memory from the arena; from a measuring one the result is kOutOfMemory, and the arena knows the
  // bytes.
  static Result<Transcriber> Create(const Dimensions& dimensions, Arena& arena);

  // See MoonshineSession::Transcribe.
  Status Run(Network& network, const speech::AudioSource& audio, const speech::TranscribeOptions& options,
             const speech::Sink& sink, speech::Summary& summary);

  // Encodes the first segment of `audio` as Run does.
  Status EncodeFirstSegment(Network& network, const speech::AudioSource& audio);

  const Dimensions& dimensions() const { return dimensions_; }

 private:
  struct Recording;  // the arguments of Run, and how far it has come
  struct Text;       // what was decoded of a segment
  explicit Transcriber(const Dimensions& dimensions) : dimensions_(dimensions) {}

  Result<int64_t> ReadSegment(Network& network, const speech::AudioSource& audio, int64_t begin) const;
  int64_t MaxTokens(const Recording& recording, int64_t samples) const;
  Status TranscribeSegment(Recording& recording);
  Status Encode(Recording& recording, int64_t samples);
  Status Decode(Recording& recording, int64_t samples, Text& text);
  Status Emit(Recording& recording, int64_t samples, const Text& text);

  Dimensions dimensions_;
  TokenList tokens_;
  std::span<char> raw_text_, text_;  // of a segment; the second one well-formed UTF-8
};

}  // namespace earshot::moonshine

#endif  // EARSHOT_MODELS_MOONSHINE_TRANSCRIBER_H_
