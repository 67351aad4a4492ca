// A network that plays back what a test wrote down, and remembers what it was asked.
#ifndef EARSHOT_TESTS_UNIT_MODELS_WHISPER_FAKE_NETWORK_H_
#define EARSHOT_TESTS_UNIT_MODELS_WHISPER_FAKE_NETWORK_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "models/whisper/network.h"
#include "tests/unit/models/whisper/small_model.h"

namespace earshot::whisper {

class FakeNetwork final : public Network {
 public:
  // What follows a context: the content of the decoder's cache. The logits are 0 before.
  using Speech = std::function<void(std::span<const int32_t> context, int window, std::span<float> logits)>;
  explicit FakeNetwork(Speech speech) : speech_(std::move(speech)) {}

  int64_t vocab_size() const override { return token::kSize; }
  int64_t max_text_tokens() const override { return 64; }
  int64_t max_mel_frames() const override { return 3000; }
  int64_t num_mels() const override { return kSmallModelMels; }

  Result<Matrix<float>> MelInput(int64_t mel_frames) override {
    return Matrix<float>{mel_.data(), mel_frames, num_mels(), num_mels()};
  }
  Status Encode(int64_t mel_frames) override {
    ++windows;
    encoded_frames.push_back(mel_frames);
    return encode_status;
  }
  Result<std::span<float>> Decode(std::span<const int32_t> tokens, int64_t position) override {
    if (position < 0 || position > std::ssize(context_)) {
      return Status::Error(StatusCode::kInvalidArgument, "a gap in the cache");
    }
    context_.resize(static_cast<size_t>(position));
    context_.insert(context_.end(), tokens.begin(), tokens.end());
    if (std::ssize(context_) > max_text_tokens())
      return Status::Error(StatusCode::kInvalidArgument, "the cache is full");
    if (tokens[0] > token::kEndOfText && tokens[0] < token::kTime0) prompts.push_back(context_);
    ++steps;
    std::ranges::fill(logits_, 0.0f);
    speech_(context_, windows - 1, logits_);
    return std::span(logits_);
  }

  int64_t max_beams() const override { return beams_room; }
  Status BeginBeams(int64_t beams, int64_t tokens) override {
    if (tokens > std::ssize(context_)) return Status::Error(StatusCode::kInvalidArgument, "no such prompt");
    const std::vector<int32_t> prompt(context_.begin(), context_.begin() + tokens);
    beams_.assign(static_cast<size_t>(beams), prompt);
    return {};
  }
  Result<Matrix<float>> DecodeBeams(std::span<const int32_t> tokens, int64_t position) override {
    ++beam_steps;
    beam_logits_.assign(tokens.size() * token::kSize, 0.0f);
    for (size_t beam = 0; beam < tokens.size(); ++beam) {
      if (std::ssize(beams_.at(beam)) < position)
        return Status::Error(StatusCode::kInvalidArgument, "a gap in the cache of a beam");
      beams_[beam].resize(static_cast<size_t>(position));
      beams_[beam].push_back(tokens[beam]);
      speech_(beams_[beam], windows - 1, std::span(beam_logits_).subspan(beam * token::kSize, token::kSize));
    }
    return Matrix<float>{beam_logits_.data(), std::ssize(tokens), token::kSize, token::kSize};
  }
  Status ReorderBeams(std::span<const int32_t> parents, int64_t begin, int64_t end) override {
    const std::vector<std::vector<int32_t>> old = beams_;
    for (size_t beam = 0; beam < parents.size(); ++beam) {
      const std::vector<int32_t>& parent = old.at(static_cast<size_t>(parents[beam]));
      beams_[beam].resize(static_cast<size_t>(end));
      std::copy(parent.begin() + begin, parent.begin() + end, beams_[beam].begin() + begin);
    }
    return {};
  }

  int64_t max_windows() const override { return windows_room; }
  int64_t max_window_tokens() const override { return 40; }
  Status KeepWindow(int64_t window) override {
    if (window >= windows_room) return Status::Error(StatusCode::kInvalidArgument, "no room for the window");
    kept_.resize(static_cast<size_t>(window));
    kept_.push_back({.number = windows - 1, .said = {}});
    return {};
  }
  Result<Matrix<float>> DecodeWindows(std::span<const int32_t> tokens, int64_t position) override {
    ++window_steps;
    window_rows += std::ssize(tokens);
    beam_logits_.assign(tokens.size() * token::kSize, 0.0f);
    for (size_t row = 0; row < tokens.size(); ++row) {
      Kept& window = kept_.at(row);
      if (std::ssize(window.said) != position || position >= max_window_tokens())
        return Status::Error(StatusCode::kInvalidArgument, "a gap in the cache of a window, or its end");
      window.said.push_back(tokens[row]);
      speech_(window.said, window.number, std::span(beam_logits_).subspan(row * token::kSize, token::kSize));
    }
    return Matrix<float>{beam_logits_.data(), std::ssize(tokens), token::kSize, token::kSize};
  }
  Status MoveWindow(int64_t from, int64_t to, int64_t tokens) override {
    Kept moved = kept_.at(static_cast<size_t>(from));
    moved.said.resize(static_cast<size_t>(tokens));
    kept_.at(static_cast<size_t>(to)) = moved;
    return {};
  }

  int64_t windows_room = 0;
  int window_steps = 0;
  int64_t window_rows = 0;  // of all window_steps
  int64_t beams_room = 0;
  int beam_steps = 0;
  std::vector<std::vector<int32_t>> prompts;  // contexts after each run that began with a control token
  std::vector<int64_t> encoded_frames;        // of mel, a run each
  int windows = 0;
  int steps = 0;
  Status encode_status;
  std::vector<float> mel_ = std::vector<float>(3000 * kSmallModelMels);

 private:
  Speech speech_;
  std::vector<int32_t> context_;
  std::vector<std::vector<int32_t>> beams_;
  struct Kept {
    int number;  // of the window that was encoded
    std::vector<int32_t> said;
  };
  std::vector<Kept> kept_;
  std::vector<float> beam_logits_;
  std::vector<float> logits_ = std::vector<float>(token::kSize);
};

// Says these tokens and then end-of-text, whatever stands before them; each with the given logit over zeros.
inline FakeNetwork::Speech Script(std::vector<std::vector<int32_t>> windows, float logit = 20.0f) {
  return [windows = std::move(windows), logit](std::span<const int32_t> context, int window,
                                               std::span<float> logits) {
    const std::vector<int32_t>& script = windows.at(static_cast<size_t>(window));
    // Tokens since the last control token of the prompt.
    const auto last_control = std::find_if(context.rbegin(), context.rend(), [](int32_t id) {
      return id > token::kEndOfText && id < token::kTime0;
    });
    const auto said = static_cast<size_t>(last_control - context.rbegin());
    logits[static_cast<size_t>(said < script.size() ? script[said] : token::kEndOfText)] = logit;
  };
}

}  // namespace earshot::whisper

#endif  // EARSHOT_TESTS_UNIT_MODELS_WHISPER_FAKE_NETWORK_H_
