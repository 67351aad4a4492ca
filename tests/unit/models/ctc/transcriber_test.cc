// The loop over segments, with a network whose labels a test wrote down.
#include "models/ctc/transcriber.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace earshot::ctc {
namespace {

constexpr int32_t kBlank = 0, kSpace = 1, kA = 2, kB = 3;
constexpr int64_t kVocabulary = 4, kStride = 1600, kMaxSamples = 64000, kMinSamples = 400;

struct Pieces {
  std::string bytes = " AB";
  std::vector<uint32_t> offsets = {0, 0, 1, 2, 3};

  TokenDecoder Decoder() const {
    return TokenDecoder::Create({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, offsets,
                                kVocabulary)
        .value();
  }
};

// A label for each 100 ms: the first ones those of the list, then blanks.
class FakeNetwork final : public Network {
 public:
  explicit FakeNetwork(std::vector<int32_t> labels) : labels_(std::move(labels)) {}

  Result<Matrix<float>> Input(int64_t rows) override {
    return Matrix<float>{.data = audio_.data(), .rows = rows, .cols = 1, .stride = 1};
  }
  Result<Output> Run(int64_t rows) override {
    heard.emplace_back(audio_.begin(), audio_.begin() + rows);
    const int64_t frames = std::max<int64_t>(1, rows / kStride);
    best_.assign(labels_.begin(), labels_.end());
    best_.resize(static_cast<size_t>(frames), kBlank);
    logits_.assign(static_cast<size_t>(frames * kVocabulary), 0.0f);
    return Output{
        .logits = {.data = logits_.data(), .rows = frames, .cols = kVocabulary, .stride = kVocabulary},
        .labels = {.data = best_.data(), .rows = frames, .cols = 1, .stride = 1}};
  }

  std::vector<std::vector<float>> heard;

 private:
  std::vector<int32_t> labels_, best_;
  std::vector<float> audio_ = std::vector<float>(kMaxSamples), logits_;
};

struct Line {
  int64_t start_ms, end_ms;
  std::string text;
  float avg_logprob;
};

struct Outcome {
  Status status;
  std::vector<Line> lines;
  speech::Summary summary;
};

Outcome Transcribe(FakeNetwork& network, const std::vector<float>& audio, Hearing hearing = Hearing::kSamples,
                   const speech::TranscribeOptions& options = {}) {
  const Pieces pieces;
  const Dimensions dimensions = {.hearing = hearing,
                                 .min_samples = kMinSamples,
                                 .max_samples = kMaxSamples,
                                 .max_frames = kMaxSamples / kStride,
                                 .vocab_size = kVocabulary,
                                 .blank = kBlank,
                                 .pieces = pieces.Decoder(),
                                 .max_piece_bytes = 1};
  std::vector<std::byte> memory(1 << 16);
  const size_t shift = reinterpret_cast<uintptr_t>(memory.data()) % kArenaAlignment;
  Arena arena(std::span<std::byte>(memory).subspan((kArenaAlignment - shift) % kArenaAlignment));
  auto transcriber = Transcriber::Create(dimensions, arena);
  REQUIRE(transcriber.ok());
  Outcome outcome;
  const speech::AudioSource source = {.context = const_cast<std::vector<float>*>(&audio),
                                      .total_samples = std::ssize(audio),
                                      .read = [](void* context, int64_t first, std::span<float> samples) {
                                        const auto& all = *static_cast<const std::vector<float>*>(context);
                                        std::copy_n(all.begin() + first, samples.size(), samples.begin());
                                        return Status::Ok();
                                      }};
  const speech::Sink sink = {.context = &outcome.lines,
                             .on_segment = [](void* context, const speech::Segment& s) {
                               static_cast<std::vector<Line>*>(context)->push_back(
                                   {s.start_ms, s.end_ms, std::string(s.text), s.avg_logprob});
                             }};
  outcome.status = transcriber->Run(network, source, options, sink, outcome.summary);
  return outcome;
}

TEST_CASE("Labels collapse, blanks separate, times are those of frames") {
  FakeNetwork network({kBlank, kA, kA, kBlank, kA, kSpace, kSpace, kB, kBlank});
  const Outcome outcome = Transcribe(network, std::vector<float>(16000, 0.5f));
  REQUIRE(outcome.status.ok());
  REQUIRE(outcome.lines.size() == 1);
  CHECK(outcome.lines[0].text == " AA B");
  CHECK(outcome.lines[0].start_ms == 100);
  CHECK(outcome.lines[0].end_ms == 800);
  CHECK(std::fabs(outcome.lines[0].avg_logprob + std::log(4.0f)) < 1e-5f);
  CHECK(outcome.summary.tokens == 4);
  CHECK(outcome.summary.windows == 1);
}

TEST_CASE("A long recording is cut where it is quiet, and nothing is heard twice") {
  FakeNetwork network({kA});
  std::vector<float> audio(100000, 0.5f);
  std::fill_n(audio.begin() + 40000, 4800, 0.0f);
  const Outcome outcome = Transcribe(network, audio);
  REQUIRE(outcome.status.ok());
  REQUIRE(network.heard.size() == 2);
  CHECK(network.heard[0].size() + network.heard[1].size() == audio.size());
  CHECK(network.heard[0].size() > 40000);
  CHECK(network.heard[0].size() < 44800);
  CHECK(outcome.lines.size() == 2);
}

TEST_CASE("Silence, blanks alone and audio without a frame give no text") {
  FakeNetwork network({kA});
  CHECK(Transcribe(network, std::vector<float>(16000, 0.0f)).summary.skipped_windows == 1);
  CHECK(Transcribe(network, std::vector<float>(kMinSamples - 1, 0.5f)).status.ok());
  CHECK(network.heard.empty());
  FakeNetwork blanks({});
  const Outcome outcome = Transcribe(blanks, std::vector<float>(16000, 0.5f));
  CHECK(outcome.status.ok());
  CHECK(outcome.lines.empty());
}

TEST_CASE("Samples are normalized where the model wants that") {
  FakeNetwork network({kA});
  std::vector<float> audio(16000, 0.25f);
  std::fill_n(audio.begin(), 8000, 0.75f);
  REQUIRE(Transcribe(network, audio, Hearing::kNormalizedSamples).status.ok());
  REQUIRE(network.heard.size() == 1);
  CHECK(std::fabs(network.heard[0].front() - 1) < 1e-5f);
  CHECK(std::fabs(network.heard[0].back() + 1) < 1e-5f);
}

TEST_CASE("Options and audio that make no sense are refused") {
  FakeNetwork network({kA});
  const std::vector<float> audio(16000, 0.5f);
  CHECK(Transcribe(network, audio, Hearing::kSamples, {.task = speech::Task::kTranslate}).status.code() ==
        StatusCode::kInvalidArgument);
  CHECK(std::string(
            Transcribe(network, audio, Hearing::kSamples, {.language = "de"}).summary.language.data()) ==
        "de");
  std::vector<float> broken = audio;
  broken[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK(Transcribe(network, broken).status.code() == StatusCode::kInvalidAudio);
}

}  // namespace
}  // namespace earshot::ctc
