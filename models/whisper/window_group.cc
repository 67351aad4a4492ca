// All windows are at the same position, so a step continues them all; one that is at its end gives its place
// to the last.
#include "models/whisper/window_group.h"

#include "models/common/sampling.h"

namespace earshot::whisper {
WindowGroup WindowGroup::Create(int64_t max_text_tokens, Arena& arena) {
  WindowGroup group;
  const auto max_tokens = static_cast<size_t>(WindowPositions(max_text_tokens));
  for (GroupedWindow& window : group.windows_) {
    auto* memory = arena.AllocateArray<int32_t>(max_tokens);
    if (memory != nullptr) window.generation.tokens = TokenList(std::span(memory, max_tokens));
  }
  return group;
}

GroupedWindow& WindowGroup::Add(const WindowSpan& span) {
  GroupedWindow& window = windows_[size_++];
  window.span = span;
  window.audible = true;
  window.generation.Clear();
  window.no_speech_prob = 0;
  return window;
}

Status WindowGroup::Prefill(const GenerationRequest& request, std::span<const int32_t> prompt,
                            Network& network, Matrix<float>& logits) {
  for (size_t position = 0; position < prompt.size(); ++position) {
    std::array<int32_t, kMaxWindows> same;
    same.fill(prompt[position]);
    EARSHOT_ASSIGN_OR_RETURN(
        logits, network.DecodeWindows(std::span(same).first(num_running_), static_cast<int64_t>(position)));
    if (position > 0) continue;
    for (size_t place = 0; place < num_running_; ++place) {
      At(place).no_speech_prob =
          NoSpeechProbability(request.vocabulary, RowOf(logits, static_cast<int64_t>(place)));
    }
  }
  return Status::Ok();
}

void WindowGroup::Choose(const GenerationRequest& request, const Matrix<float>& logits) {
  for (size_t place = 0; place < num_running_; ++place) {
    Generation& generation = At(place).generation;
    const std::span<float> row = RowOf(logits, static_cast<int64_t>(place));
    request.rules.Apply(generation.tokens.tokens(), row);
    goes_on_[place] = Take(request, PickMostLikely(row), generation);
  }
}

Status WindowGroup::DropFinished(Network& network, int64_t tokens) {
  for (size_t place = num_running_; place-- > 0;) {
    if (goes_on_[place]) continue;
    const size_t last = --num_running_;
    if (place == last) continue;
    EARSHOT_RETURN_IF_ERROR(
        network.MoveWindow(static_cast<int64_t>(last), static_cast<int64_t>(place), tokens));
    order_[place] = order_[last];
  }
  return Status::Ok();
}

Status WindowGroup::Decode(const GenerationRequest& request, std::span<const int32_t> prompt,
                           Network& network) {
  num_running_ = 0;
  for (size_t i = 0; i < size_; ++i) {
    if (windows_[i].audible) order_[num_running_++] = i;
  }
  if (num_running_ == 0) return Status::Ok();
  Matrix<float> logits;
  EARSHOT_RETURN_IF_ERROR(Prefill(request, prompt, network, logits));
  for (int64_t position = std::ssize(prompt);; ++position) {
    Choose(request, logits);
    EARSHOT_RETURN_IF_ERROR(DropFinished(network, position));
    if (num_running_ == 0) return Status::Ok();
    if (ShouldStop(request.sink)) break;
    std::array<int32_t, kMaxWindows> last;
    for (size_t place = 0; place < num_running_; ++place)
      last[place] = At(place).generation.tokens.tokens().back();
    EARSHOT_ASSIGN_OR_RETURN(logits, network.DecodeWindows(std::span(last).first(num_running_), position));
  }
  for (size_t place = 0; place < num_running_; ++place) At(place).generation.cancelled = true;
  return Status::Ok();
}

}  // namespace earshot::whisper
