// Windows of a recording that are decoded side by side: weights are read once for a token of each.
#ifndef EARSHOT_MODELS_WHISPER_WINDOW_GROUP_H_
#define EARSHOT_MODELS_WHISPER_WINDOW_GROUP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "models/whisper/config.h"
#include "models/whisper/generation.h"
#include "models/whisper/network.h"
#include "models/whisper/segment_splitter.h"
#include "runtime/core/status.h"
#include "runtime/memory/arena.h"

namespace earshot::whisper {

struct GroupedWindow {
  WindowSpan span;
  bool audible = true;  // false: without sound, and without a text
  Generation generation;
  float no_speech_prob = 0;
};

// Greedy: the most likely token each time. Owns nothing, borrows its memory; never touches the heap. Threads:
// one call at a time.
class WindowGroup {
 public:
  // Takes lists of tokens from the arena; where it is full they have no room (Arena::required_bytes tells).
  static WindowGroup Create(int64_t max_text_tokens, Arena& arena);

  void Clear() { size_ = 0; }
  // The window behind the last one. Precondition: there are fewer than kMaxWindows. A reference lives until
  // the next call.
  GroupedWindow& Add(const WindowSpan& span);
  std::span<GroupedWindow> windows() { return std::span(windows_).first(size_); }

  // Decodes all audible windows, which the network keeps in their order, after `prompt`
  // (request.prompt_tokens of them, the first one <|startoftranscript|>). Errors: those of the network. After
  // a wish to stop, what was not at its end is `cancelled`.
  Status Decode(const GenerationRequest& request, std::span<const int32_t> prompt, Network& network);

 private:
  Status Prefill(const GenerationRequest& request, std::span<const int32_t> prompt, Network& network,
                 Matrix<float>& logits);
  void Choose(const GenerationRequest& request, const Matrix<float>& logits);
  Status DropFinished(Network& network, int64_t tokens);
  GroupedWindow& At(size_t place) { return windows_[order_[place]]; }

  std::array<GroupedWindow, kMaxWindows> windows_;
  size_t size_ = 0;
  // Windows that are not at their end: where the network has them, and whether the last token left them so.
  std::array<size_t, kMaxWindows> order_{};
  std::array<bool, kMaxWindows> goes_on_{};
  size_t num_running_ = 0;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_WINDOW_GROUP_H_
