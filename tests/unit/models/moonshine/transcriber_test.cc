// The loops over segments and tokens, with a network that says what a test wrote down.
#include "models/moonshine/transcriber.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace earshot::moonshine {
namespace {

using Catch::Matchers::ContainsSubstring;

constexpr int32_t kStart = 0, kEnd = 1, kHello = 2, kWorld = 3, kDot = 4;
constexpr int64_t kVocabulary = 5, kMaxTokens = 40, kSecond = 16000, kMaxSamples = 4 * kSecond,
                  kMinSamples = 895;

// Pieces of the vocabulary, as a model file holds them.
struct Pieces {
  std::string bytes = " hello world.";
  std::vector<uint32_t> offsets = {0, 0, 0, 6, 12, 13};

  TokenDecoder Decoder() const {
    return TokenDecoder::Create({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, offsets,
                                kVocabulary)
        .value();
  }
};

// The likeliest token after those of the segment so far.
using Speech = std::function<int32_t(int segment, size_t num_tokens)>;

class FakeNetwork final : public Network {
 public:
  explicit FakeNetwork(Speech speech) : speech_(std::move(speech)) {}

  Result<std::span<float>> AudioInput() override { return std::span(audio_); }
  Status Encode(int64_t samples) override {
    encoded.push_back(samples);
    return Status::Ok();
  }
  Result<std::span<const float>> Decode(std::span<const int32_t> tokens, int64_t position) override {
    if (position != (position == 0 ? 0 : num_tokens_) || position + std::ssize(tokens) > kMaxTokens)
      return Status::Error(StatusCode::kInvalidArgument, "a gap in the cache, or beyond it");
    num_tokens_ = position + std::ssize(tokens);
    std::ranges::fill(logits_, 0.0f);
    logits_[static_cast<size_t>(
        speech_(static_cast<int>(encoded.size()) - 1, static_cast<size_t>(position)))] = 9.0f;
    return std::span<const float>(logits_);
  }

  std::vector<int64_t> encoded;  // samples of each segment

 private:
  Speech speech_;
  std::vector<float> audio_ = std::vector<float>(kMaxSamples);
  std::vector<float> logits_ = std::vector<float>(kVocabulary);
  int64_t num_tokens_ = 0;
};

int32_t SayHello(int, size_t num_tokens) {
  constexpr int32_t kText[] = {kHello, kWorld, kDot, kEnd};
  return kText[std::min<size_t>(num_tokens, 3)];
}

struct Heard {
  std::vector<std::string> texts;
  std::vector<std::pair<int64_t, int64_t>> times_ms;
  std::vector<int64_t> progress_ms;
  int stops_after = 1 << 20;  // questions
};

class TranscriberTest {
 public:
  Status Run(FakeNetwork& network, const speech::TranscribeOptions& options = {}) {
    const Dimensions dimensions = {.min_samples = kMinSamples,
                                   .max_samples = kMaxSamples,
                                   .max_tokens = kMaxTokens,
                                   .vocab_size = kVocabulary,
                                   .start = kStart,
                                   .end_of_text = kEnd,
                                   .pieces = pieces_.Decoder(),
                                   .max_piece_bytes = 6};
    Arena measuring;
    CHECK_FALSE(Transcriber::Create(dimensions, measuring).ok());
    memory_.resize(measuring.required_bytes() / sizeof(Line) + 1);
    Arena arena(std::as_writable_bytes(std::span(memory_)));
    auto transcriber = Transcriber::Create(dimensions, arena);
    REQUIRE(transcriber.ok());
    const speech::AudioSource source = {.context = &audio, .total_samples = std::ssize(audio), .read = Read};
    return transcriber->Run(network, source, options, MakeSink(), summary);
  }

  std::vector<float> audio;
  Heard heard;
  speech::Summary summary;

 private:
  struct alignas(kArenaAlignment) Line {
    std::byte bytes[kArenaAlignment];
  };

  static Status Read(void* context, int64_t first, std::span<float> samples) {
    const auto& audio = *static_cast<const std::vector<float>*>(context);
    std::copy_n(audio.begin() + first, samples.size(), samples.begin());
    return Status::Ok();
  }

  speech::Sink MakeSink() {
    return {.context = &heard,
            .on_segment =
                [](void* context, const speech::Segment& segment) {
                  auto& target = *static_cast<Heard*>(context);
                  target.texts.emplace_back(segment.text);
                  target.times_ms.emplace_back(segment.start_ms, segment.end_ms);
                },
            .on_progress = [](void* context, int64_t processed_ms,
                              int64_t) { static_cast<Heard*>(context)->progress_ms.push_back(processed_ms); },
            .should_stop = [](void* context) { return --static_cast<Heard*>(context)->stops_after < 0; }};
  }

  Pieces pieces_;
  std::vector<Line> memory_;
};

std::vector<float> Speechlike(double seconds) {
  std::vector<float> samples(static_cast<size_t>(seconds * kSecond));
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = 0.2f * std::sin(0.05f * static_cast<float>(i));
  return samples;
}

TEST_CASE("a short recording is one segment, encoded at its length") {
  TranscriberTest test;
  test.audio = Speechlike(2);
  FakeNetwork network(SayHello);
  REQUIRE(test.Run(network).ok());
  CHECK(network.encoded == std::vector<int64_t>{2 * kSecond});
  CHECK(test.heard.texts == std::vector<std::string>{" hello world."});
  CHECK(test.heard.times_ms == std::vector<std::pair<int64_t, int64_t>>{{0, 2000}});
  CHECK(test.heard.progress_ms == std::vector<int64_t>{2000});
  CHECK(test.summary.tokens == 3);
  CHECK(std::string(test.summary.language.data()) == "en");
}

TEST_CASE("a long recording is cut in pauses, and every sample is heard once") {
  TranscriberTest test;
  test.audio = Speechlike(9);
  std::fill_n(test.audio.begin() + 3 * kSecond, kSecond / 2, 0.0f);
  std::fill_n(test.audio.begin() + 6 * kSecond, kSecond / 2, 0.0f);
  FakeNetwork network(SayHello);
  REQUIRE(test.Run(network).ok());
  REQUIRE(test.heard.times_ms.size() == 3);
  CHECK(test.heard.times_ms[0].first == 0);
  for (size_t i = 0; i + 1 < 3; ++i) {
    CHECK(test.heard.times_ms[i].second == test.heard.times_ms[i + 1].first);
    const int64_t pause_ms = i == 0 ? 3000 : 6000;
    CHECK(test.heard.times_ms[i].second >= pause_ms);
    CHECK(test.heard.times_ms[i].second <= pause_ms + 500);
  }
  CHECK(test.heard.times_ms.back().second == 9000);
  CHECK(std::ranges::all_of(network.encoded, [](int64_t samples) { return samples <= kMaxSamples; }));
}

TEST_CASE("silence is not decoded, and what holds no word is no segment") {
  TranscriberTest test;
  test.audio = std::vector<float>(3 * kSecond, 0.0f);
  FakeNetwork network(SayHello);
  REQUIRE(test.Run(network).ok());
  CHECK(network.encoded.empty());
  CHECK(test.summary.skipped_windows == 1);
  test.audio = Speechlike(1);
  FakeNetwork signs([](int, size_t num_tokens) { return num_tokens < 2 ? kDot : kEnd; });
  REQUIRE(test.Run(signs).ok());
  CHECK(test.heard.texts.empty());
  test.audio = Speechlike(0.05);
  REQUIRE(test.Run(signs).ok());
  CHECK(test.summary.windows == 0);
}

TEST_CASE("a text that does not end is stopped: by its loop, by the length of the audio, by the cache") {
  TranscriberTest test;
  test.audio = Speechlike(4);
  FakeNetwork looping([](int, size_t) { return kHello; });
  REQUIRE(test.Run(looping, {.stop_loops = true}).ok());
  CHECK(test.summary.loops_stopped == 1);
  CHECK(test.heard.texts.back() == " hello");
  REQUIRE(test.Run(looping, {.stop_loops = false, .max_new_tokens = 5}).ok());
  CHECK(test.summary.tokens == 5);
  REQUIRE(test.Run(looping, {.stop_loops = false, .max_new_tokens = 1000}).ok());
  CHECK(test.summary.tokens == kMaxTokens - 1);
  test.audio = Speechlike(1);
  REQUIRE(test.Run(looping, {.stop_loops = false}).ok());
  CHECK(test.summary.tokens < kMaxTokens - 1);
}

TEST_CASE("a wish to stop is obeyed, and what was decoded is handed over") {
  TranscriberTest test;
  test.audio = Speechlike(9);
  test.heard.stops_after = 2;  // after the second token
  FakeNetwork network(SayHello);
  CHECK(test.Run(network).code() == StatusCode::kCancelled);
  CHECK(test.heard.texts == std::vector<std::string>{" hello world"});
}

TEST_CASE("what cannot be done is refused") {
  TranscriberTest test;
  test.audio = Speechlike(1);
  FakeNetwork network(SayHello);
  CHECK(test.Run(network, {.language = "de"}).code() == StatusCode::kInvalidArgument);
  CHECK(test.Run(network, {.task = speech::Task::kTranslate}).code() == StatusCode::kInvalidArgument);
  CHECK(test.Run(network, {.max_new_tokens = -1}).code() == StatusCode::kInvalidArgument);
  test.audio[5000] = std::numeric_limits<float>::quiet_NaN();
  const Status damaged = test.Run(network);
  CHECK(damaged.code() == StatusCode::kInvalidAudio);
  CHECK_THAT(damaged.message(), ContainsSubstring("no numbers"));
  CHECK(network.encoded.empty());
}

}  // namespace
}  // namespace earshot::moonshine
