// The loop over the windows of a recording.
#include "models/whisper/transcriber.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/models/whisper/aligned_memory.h"
#include "tests/unit/models/whisper/fake_network.h"
#include "tests/unit/models/whisper/small_model.h"

namespace earshot::whisper {
namespace {

using token::At;
using Tokens = std::vector<int32_t>;
constexpr int32_t kA = token::kOne, kB = token::kTwo, kC = token::kThree;

struct Said {
  int64_t start_ms, end_ms;
  std::string text;
  bool operator==(const Said&) const = default;
};

// Runs transcriptions and keeps what they tell.
class Harness {
 public:
  explicit Harness(const SmallModelOptions& options = {.multilingual = false}) : model_(options) {
    Arena measuring;
    CHECK_FALSE(Transcriber::Create(model_.dimensions(), {}, measuring).ok());
    memory_.emplace(measuring.required_bytes());
    Arena arena(memory_->bytes());
    transcriber_.emplace(Transcriber::Create(model_.dimensions(), {}, arena).value());
  }

  // `samples` of a soft buzz, after `silent_samples` of nothing.
  Status Run(FakeNetwork& network, int64_t samples, const TranscribeOptions& options = {}) {
    said.clear();
    progress.clear();
    const AudioSource audio = {this, samples, [](void* context, int64_t first, std::span<float> out) {
                                 const auto& self = *static_cast<const Harness*>(context);
                                 for (size_t i = 0; i < out.size(); ++i)
                                   out[i] = self.SampleAt(first + static_cast<int64_t>(i));
                                 return Status::Ok();
                               }};
    const Sink sink = {
        .context = this,
        .on_segment =
            [](void* context, const Segment& segment) {
              auto& self = *static_cast<Harness*>(context);
              CHECK(segment.id == static_cast<int>(self.said.size()));
              self.said.push_back({segment.start_ms, segment.end_ms, std::string(segment.text)});
              self.last_temperature = segment.temperature;
            },
        .on_progress =
            [](void* context, int64_t processed_ms, int64_t whole_ms) {
              auto& self = *static_cast<Harness*>(context);
              self.progress.push_back(processed_ms);
              self.total_ms = whole_ms;
            },
        .should_stop = [](void* context) { return static_cast<Harness*>(context)->calls_until_stop-- == 0; }};
    TranscribeOptions with_windows = options;
    if (options.batch_size == 1) with_windows.whole_windows = !cuts_at_pauses;
    return transcriber_->Run(network, audio, with_windows, sink, summary);
  }

  std::vector<Said> said;
  std::vector<int64_t> progress;
  int64_t total_ms = 0;
  float last_temperature = -1;
  int calls_until_stop = -1;  // -1: never
  int64_t silent_samples = 0;
  std::vector<int64_t> pauses_ms;  // where a softer buzz of 400 ms begins
  bool cuts_at_pauses = false;     // one window after the other
  Summary summary;

 private:
  float SampleAt(int64_t sample) const {
    if (sample < silent_samples) return 0.0f;
    const float buzz = sample % 100 < 50 ? 0.1f : -0.1f;
    const int64_t ms = sample / 16;
    const bool pauses =
        std::ranges::any_of(pauses_ms, [ms](int64_t begin) { return ms >= begin && ms < begin + 400; });
    return pauses ? buzz / 10 : buzz;
  }

  SmallModel model_;
  std::optional<AlignedMemory> memory_;
  std::optional<Transcriber> transcriber_;
};

constexpr int64_t Seconds(double seconds) { return static_cast<int64_t>(seconds * 16000); }

TEST_CASE("a short clip is one window, and its segments end with the audio") {
  FakeNetwork network(Script({{At(0.0), kA, kB, At(2.0), At(2.4), kC, At(6.0)}}));
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(5.5)).ok());
  CHECK(harness.said == std::vector<Said>{{0, 2000, " one two"}, {2400, 5500, " three"}});
  CHECK(harness.progress == std::vector<int64_t>{5500});
  CHECK(harness.total_ms == 5500);
  CHECK(harness.summary.windows == 1);
  CHECK(harness.summary.segments == 2);
  CHECK(harness.summary.audio_ms == 5500);
  CHECK(harness.summary.tokens == 7);
  CHECK(std::string(harness.summary.language.data()) == "en");
  CHECK(harness.summary.language_probability == 1.0f);
}

TEST_CASE("an unfinished segment is heard again in the next window") {
  FakeNetwork network(Script({{At(0.0), kA, At(12.0), At(12.0), kB},
                              {At(0.5), kB, At(20.0), At(20.0), kC},
                              {At(0.0), kC, At(8.0)}}));
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(40)).ok());
  CHECK(harness.said ==
        std::vector<Said>{{0, 12000, " one"}, {12500, 32000, " two"}, {32000, 40000, " three"}});
  CHECK(harness.progress == std::vector<int64_t>{12000, 32000, 40000});
  CHECK(harness.summary.windows == 3);
}

TEST_CASE("a long recording is heard in windows that end in pauses") {
  // The second window says nothing of its last three seconds, so that these are heard again.
  FakeNetwork network(Script(
      {{At(0.0), kA, At(23.0), At(23.0), kB}, {At(0.0), kB, At(20.0), At(20.0)}, {At(0.0), kC, At(10.0)}}));
  Harness harness;
  harness.cuts_at_pauses = true;
  harness.pauses_ms = {25000, 48000};
  REQUIRE(harness.Run(network, Seconds(60)).ok());
  REQUIRE(harness.said.size() == 4);
  // The text that goes on at the end of the first window ends with it: nothing of it is heard again.
  CHECK(harness.said[0] == Said{0, 23000, " one"});
  const int64_t second_ms = harness.progress[0];
  CHECK((second_ms > 25000 && second_ms < 25400));
  CHECK(harness.said[1] == Said{23000, second_ms, " two"});
  CHECK(harness.said[2] == Said{second_ms, second_ms + 20000, " two"});
  CHECK(harness.progress[1] == second_ms + 20000);
  CHECK(harness.said[3].start_ms == second_ms + 20000);
  CHECK(harness.summary.windows == 3);
}

TEST_CASE("without timestamps every window is a segment") {
  FakeNetwork network(Script({{kA}, {kB}}));
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(42.125), {.timestamps = false}).ok());
  CHECK(harness.said == std::vector<Said>{{0, 30000, " one"}, {30000, 42120, " two"}});
  CHECK(harness.progress == std::vector<int64_t>{30000, 42125});
}

TEST_CASE(
    "blank segments, those of punctuation alone, and those in the padding behind the audio, are dropped") {
  FakeNetwork network(Script({{At(0.0), token::kBlank, At(1.0), At(1.0), token::kStop, token::kStop, At(2.0),
                               At(2.0), kA, At(3.0), At(4.5), kB, At(6.0)}}));
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(4)).ok());
  CHECK(harness.said == std::vector<Said>{{2000, 3000, " one"}});
}

TEST_CASE("a broken character becomes a replacement character") {
  FakeNetwork network(Script({{kA, token::kBrokenByte}}));
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(2), {.timestamps = false}).ok());
  CHECK(harness.said == std::vector<Said>{{0, 2000, " one\xEF\xBF\xBD"}});
}

TEST_CASE("windows of silence are skipped") {
  FakeNetwork network([](std::span<const int32_t> context, int window, std::span<float> logits) {
    if (window == 0) logits[token::kNoSpeech] = context.back() == token::kStart ? 20.0f : 0.0f;
    if (window == 1 && context.back() == token::kNoTimestamps) logits[kB] = 20.0f;
    if (window == 1 && context.back() == kB) logits[token::kEndOfText] = 20.0f;
  });
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(35), {.timestamps = false, .max_new_tokens = 4}).ok());
  CHECK(harness.said == std::vector<Said>{{30000, 35000, " two"}});
  CHECK(harness.summary.windows == 2);
  CHECK(harness.summary.skipped_windows == 1);
  CHECK(harness.summary.fallbacks == 0);
}

TEST_CASE("a window of digital silence is not even encoded") {
  FakeNetwork network(Script({{kA}}));
  Harness harness;
  harness.silent_samples = Seconds(31);
  REQUIRE(harness.Run(network, Seconds(35), {.timestamps = false}).ok());
  CHECK(network.windows == 1);
  CHECK(harness.said == std::vector<Said>{{30000, 35000, " one"}});
  CHECK(harness.summary.skipped_windows == 1);
  CHECK(std::string(harness.summary.language.data()) == "en");
}

TEST_CASE("what was said is the next window's prompt only if asked for") {
  const std::vector<Tokens> script = {{At(0.0), kA, At(30.0)}, {At(0.0), kB, At(5.0)}};
  Harness harness;
  FakeNetwork without(Script(script));
  REQUIRE(harness.Run(without, Seconds(35)).ok());
  CHECK(without.prompts == std::vector<Tokens>{{token::kStart}, {token::kStart}});
  FakeNetwork with(Script(script));
  REQUIRE(harness.Run(with, Seconds(35), {.condition_on_previous_text = true}).ok());
  CHECK(with.prompts ==
        std::vector<Tokens>{{token::kStart}, {token::kPrevious, At(0.0), kA, At(30.0), token::kStart}});
}

TEST_CASE("text sampled at a high temperature is no prompt") {
  FakeNetwork network(Script({{At(0.0), kA, At(30.0)}, {At(0.0), kB, At(5.0)}}));
  Harness harness;
  const float temperatures[] = {0.6f};
  REQUIRE(
      harness.Run(network, Seconds(35), {.temperatures = temperatures, .condition_on_previous_text = true})
          .ok());
  CHECK(network.prompts == std::vector<Tokens>{{token::kStart}, {token::kStart}});
  CHECK(harness.last_temperature == 0.6f);
}

TEST_CASE("the language detected in the first window holds for the others") {
  FakeNetwork network([](std::span<const int32_t> context, int window, std::span<float> logits) {
    logits[window == 0 ? token::kHawaiian : token::kEnglish] = 5.0f;
    if (context.back() == token::kNoTimestamps) logits[kA] = 20.0f;
    if (context.back() == kA) logits[token::kEndOfText] = 20.0f;
  });
  Harness harness({.multilingual = true});
  REQUIRE(harness.Run(network, Seconds(50), {.timestamps = false}).ok());
  CHECK(std::string(harness.summary.language.data()) == "haw");
  CHECK(harness.summary.language_probability > 0.9f);
  CHECK(network.prompts.back() ==
        Tokens{token::kStart, token::kHawaiian, token::kTranscribe, token::kNoTimestamps});
}

TEST_CASE("a language that was given is not detected") {
  FakeNetwork network(Script({{kA}}));
  Harness harness({.multilingual = true});
  REQUIRE(harness.Run(network, Seconds(3), {.language = "de", .timestamps = false}).ok());
  CHECK(network.prompts.back() ==
        Tokens{token::kStart, token::kGerman, token::kTranscribe, token::kNoTimestamps});
  CHECK(std::string(harness.summary.language.data()) == "de");
  CHECK(harness.summary.language_probability == 1.0f);
}

TEST_CASE("a loop does not keep the transcription in place") {
  // The loop begins after 0.2 s: without a guard the next window would begin there, and loop again.
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    const Tokens begin = {At(0.0), kA, At(0.2), At(0.2)};
    const size_t said = context.size() - 1;
    logits[static_cast<size_t>(said < begin.size() ? begin[said] : (context.back() == kB ? kC : kB))] = 30.0f;
  });
  Harness harness;
  const float greedy[] = {0.0f};
  REQUIRE(harness
              .Run(network, Seconds(3),
                   {.temperatures = greedy, .max_new_tokens = 60, .margin_ms = kWholeWindowMarginMs})
              .ok());
  CHECK(harness.progress == std::vector<int64_t>{1000, 2000, 3000});
  CHECK(harness.summary.loops_stopped == 3);
}

TEST_CASE("stopping hands over the finished segments of the window at hand") {
  FakeNetwork network(Script({{At(0.0), kA, At(30.0)}, {At(0.0), kB, At(2.0), At(2.0), kC, kC, kC}}));
  Harness harness;
  // Asked before each window and after each token but the last of a window: 1 + 3, then 1 + 5.
  harness.calls_until_stop = 9;
  const Status status = harness.Run(network, Seconds(60));
  CHECK(status.code() == StatusCode::kCancelled);
  CHECK(harness.said == std::vector<Said>{{0, 30000, " one"}, {30000, 32000, " two"}});
  CHECK(harness.summary.segments == 2);
}

TEST_CASE("stopping at once does no work") {
  FakeNetwork network(Script({{kA}}));
  Harness harness;
  harness.calls_until_stop = 0;
  CHECK(harness.Run(network, Seconds(3)).code() == StatusCode::kCancelled);
  CHECK(network.windows == 0);
}

TEST_CASE("too little audio gives no window") {
  FakeNetwork network(Script({{kA}}));
  Harness harness;
  REQUIRE(harness.Run(network, 0).ok());
  REQUIRE(harness.Run(network, Seconds(0.09)).ok());
  CHECK(network.windows == 0);
  CHECK(harness.said.empty());
  REQUIRE(harness.Run(network, Seconds(0.1), {.timestamps = false}).ok());
  CHECK(harness.said == std::vector<Said>{{0, 100, " one"}});
}

TEST_CASE("a scrap at the end of a recording gives no window of its own") {
  FakeNetwork network(Script({{At(0.0), kA, At(9.96), At(9.96), kB}}));
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(10)).ok());
  CHECK(network.windows == 1);
  CHECK(harness.progress == std::vector<int64_t>{10000});
}

TEST_CASE("impossible options are refused, with the reason") {
  FakeNetwork network(Script({{kA}}));
  Harness english, multilingual({.multilingual = true});
  const float none_finite[] = {std::numeric_limits<float>::quiet_NaN()};
  const float negative[] = {-0.5f};
  const auto code = [&](Harness& harness, const TranscribeOptions& options) {
    return harness.Run(network, Seconds(1), options).code();
  };
  CHECK(code(english, {.language = "de"}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.task = Task::kTranslate}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.temperatures = {}}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.temperatures = none_finite}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.temperatures = negative}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.best_of = 0}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.beam_size = 0}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.batch_size = 0}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.max_new_tokens = -1}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.margin_ms = -1}) == StatusCode::kInvalidArgument);
  CHECK(code(english, {.max_attempt_lengths = 0}) == StatusCode::kInvalidArgument);
  CHECK(code(multilingual, {.language = "xx"}) == StatusCode::kInvalidArgument);
  const Status unknown = multilingual.Run(network, Seconds(1), {.language = "klingon"});
  CHECK(std::string(unknown.message()).find("klingon") != std::string::npos);
  CHECK(english.Run(network, -1).code() == StatusCode::kInvalidArgument);
  CHECK(network.windows == 0);
}

TEST_CASE("more beams than there is room for are refused, with the number") {
  FakeNetwork network(Script({{kA}, {kA}}));
  Harness english;
  CHECK(english.Run(network, Seconds(1), {.beam_size = 2}).code() == StatusCode::kInvalidArgument);
  network.beams_room = 4;
  CHECK(english.Run(network, Seconds(1), {.beam_size = 4}).ok());
  CHECK(network.beam_steps > 0);
  const Status status = english.Run(network, Seconds(1), {.beam_size = 5});
  CHECK(status.code() == StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()).find("room for 4") != std::string::npos);
}

TEST_CASE("only the audio and a margin are encoded, up to a whole window") {
  const auto encoded = [](double seconds, int margin_ms) {
    FakeNetwork network(Script({{kA}, {kB}}));
    Harness harness;
    REQUIRE(harness.Run(network, Seconds(seconds), {.timestamps = false, .margin_ms = margin_ms}).ok());
    CHECK(harness.summary.reencoded_windows == 0);
    return network.encoded_frames;
  };
  CHECK(encoded(3, 4000) == std::vector<int64_t>{700});
  CHECK(encoded(3.01, 4000) == std::vector<int64_t>{702});  // the encoder halves the frames
  CHECK(encoded(3, 0) == std::vector<int64_t>{300});
  CHECK(encoded(3, kWholeWindowMarginMs) == std::vector<int64_t>{3000});
  CHECK(encoded(27, 4000) == std::vector<int64_t>{3000});
  CHECK(encoded(35, 4000) == std::vector<int64_t>{3000, 900});
}

TEST_CASE("a text over less than a whole window that does not pass is heard again in a whole one") {
  const auto run = [](std::vector<Tokens> scripts, float logit) {
    FakeNetwork network(Script(std::move(scripts), logit));
    Harness harness;
    REQUIRE(harness.Run(network, Seconds(3), {.timestamps = false}).ok());
    CHECK(network.encoded_frames == std::vector<int64_t>{700, 3000});
    CHECK(harness.summary.reencoded_windows == 1);
    CHECK(harness.summary.windows == 1);
    CHECK(harness.said == std::vector<Said>{{0, 3000, " three"}});
  };
  Tokens loop, endless;
  for (int i = 0; i < 30; ++i) loop.insert(loop.end(), {kA, kB});
  run({loop, {kC}}, 20.0f);
  // No loop, but more than 61 tokens in 3 s: digits of a number, say.
  for (uint32_t i = 0, bits = 0x2545F491; i < 63; ++i, bits = bits * 1664525 + 1013904223)
    endless.push_back(static_cast<int32_t>(kA + bits % 3));
  run({endless, {kC}}, 20.0f);
}

TEST_CASE("that nothing was said is believed of whole windows only") {
  FakeNetwork network(Script({{At(0.0)}, {At(0.0), kC, At(3.0)}}));
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(3)).ok());
  CHECK(network.encoded_frames == std::vector<int64_t>{700, 3000});
  CHECK(harness.said == std::vector<Said>{{0, 3000, " three"}});
}

TEST_CASE("doubtful text is heard again in a whole window before it is sampled") {
  // Over the short window one of five words, hardly likelier than anything else; over the whole one a clear
  // text.
  FakeNetwork network([](std::span<const int32_t> context, int window, std::span<float> logits) {
    if (context.back() == kC) logits[token::kEndOfText] = 20.0f;
    if (context.back() != kC) logits[kC] = window == 0 ? 0.1f : 20.0f;
  });
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(3)).ok());
  CHECK(network.encoded_frames == std::vector<int64_t>{700, 3000});
  CHECK(harness.last_temperature == 0.0f);
}

TEST_CASE("what is said of silence is said of whole windows") {
  FakeNetwork network([](std::span<const int32_t> context, int window, std::span<float> logits) {
    if (window == 0 && context.back() == token::kStart) logits[token::kNoSpeech] = 20.0f;
    if (window == 1 && context.back() == token::kNoTimestamps) logits[kA] = 20.0f;
    if (context.back() == kA) logits[token::kEndOfText] = 20.0f;
  });
  Harness harness;
  REQUIRE(harness.Run(network, Seconds(3), {.timestamps = false}).ok());
  CHECK(harness.said == std::vector<Said>{{0, 3000, " one"}});
  CHECK(harness.summary.skipped_windows == 0);
}

TEST_CASE("an error of the network ends the transcription") {
  FakeNetwork network(Script({{kA}}));
  network.encode_status = Status::Error(StatusCode::kInternal, "broken");
  Harness harness;
  CHECK(harness.Run(network, Seconds(1)).code() == StatusCode::kInternal);
}

// 85 s with two pauses: three windows.
struct ThreeWindows {
  explicit ThreeWindows(std::vector<Tokens> scripts, const SmallModelOptions& model = {.multilingual = false})
      : network(Script(std::move(scripts))), harness(model) {
    network.windows_room = 4;
    harness.pauses_ms = {26000, 56000};
  }
  Status Run(TranscribeOptions options = {}) {
    options.batch_size = 4;
    return harness.Run(network, Seconds(85), options);
  }

  FakeNetwork network;
  Harness harness;
};

bool IsInPause(int64_t ms, int64_t pause_ms) { return ms >= pause_ms && ms <= pause_ms + 400; }

TEST_CASE("windows side by side are cut at pauses, and each text stands where it was said") {
  ThreeWindows three({{At(1.0), kA, At(5.0)}, {At(0.5), kB, At(3.0), At(3.0), kC}, {At(0.0), kC, At(10.0)}});
  REQUIRE(three.Run().ok());
  const std::vector<Said>& said = three.harness.said;
  REQUIRE(said.size() == 4);
  CHECK(said[0] == Said{1000, 5000, " one"});
  const int64_t second_ms = said[1].start_ms - 500, third_ms = said[3].start_ms;
  CHECK(IsInPause(second_ms, 26000));
  CHECK(IsInPause(third_ms, 56000));
  CHECK(said[1] == Said{second_ms + 500, second_ms + 3000, " two"});
  CHECK(said[2] == Said{second_ms + 3000, third_ms, " three"});  // unfinished, up to the pause
  CHECK(said[3] == Said{third_ms, third_ms + 10000, " three"});
  CHECK(three.harness.progress == std::vector<int64_t>{85000});
  CHECK(three.harness.summary.windows == 3);
  CHECK(three.harness.summary.fallbacks == 0);
  CHECK(three.harness.summary.tokens == 11);
  CHECK(std::string(three.harness.summary.language.data()) == "en");
  CHECK(three.network.encoded_frames == std::vector<int64_t>(3, 3000));
  CHECK(three.network.steps == 0);
  // A row for the prompt and one for each token: a window that is at its end takes part no longer.
  CHECK(three.network.window_rows == 3 + 11);
  CHECK(three.network.window_steps == 1 + 5);
}

TEST_CASE("the same text comes out of windows side by side and one after the other") {
  const std::vector<Tokens> scripts = {
      {At(1.0), kA, At(26.2)}, {At(0.5), kB, At(27.9)}, {At(0.0), kC, At(10.0)}};
  ThreeWindows three(scripts);
  REQUIRE(three.Run().ok());
  FakeNetwork alone(Script(scripts));
  Harness harness;
  REQUIRE(harness.Run(alone, Seconds(85)).ok());
  REQUIRE(harness.said.size() == three.harness.said.size());
  for (size_t i = 0; i < harness.said.size(); ++i) CHECK(harness.said[i].text == three.harness.said[i].text);
}

TEST_CASE("a window side by side that does not convince is heard again alone, in its turn") {
  Tokens loop;
  for (int i = 0; i < 15; ++i) loop.insert(loop.end(), {kA, kB});
  ThreeWindows three({{kA}, loop, {kC}, {kB}});
  REQUIRE(three.Run({.timestamps = false}).ok());
  REQUIRE(three.harness.said.size() == 3);
  CHECK(three.harness.said[0].text == " one");
  CHECK(three.harness.said[1].text == " two");
  CHECK(three.harness.said[1].start_ms == three.harness.said[0].end_ms);
  CHECK(three.harness.said[1].end_ms == three.harness.said[2].start_ms);
  CHECK(three.harness.said[2].text == " three");
  CHECK(three.harness.summary.reencoded_windows == 1);
  CHECK(three.network.windows == 4);
}

TEST_CASE("what a window side by side has left unheard is heard alone") {
  ThreeWindows three({{At(0.0), kA, At(5.0), At(5.0)},
                      {At(0.0), kB, At(27.0)},
                      {At(0.0), kC, At(30.0)},
                      {At(0.5), kC, At(20.0)}});
  REQUIRE(three.Run().ok());
  REQUIRE(three.harness.said.size() == 4);
  CHECK(three.harness.said[0] == Said{0, 5000, " one"});
  CHECK(three.harness.said[1] == Said{5500, 25000, " three"});
  CHECK(IsInPause(three.harness.said[2].start_ms, 26000));
}

TEST_CASE("silence among windows side by side is skipped") {
  ThreeWindows three({{At(0.0), kB, At(20.0)}, {At(0.0), kC, At(25.0)}});
  three.harness.silent_samples = Seconds(40);
  three.harness.pauses_ms = {55000};
  REQUIRE(three.Run().ok());
  REQUIRE(three.harness.said.size() == 2);
  CHECK(three.harness.said[0].text == " two");
  CHECK(three.harness.summary.skipped_windows == 1);
  CHECK(three.network.windows == 2);
}

TEST_CASE("a wish to stop ends windows side by side after what came first") {
  ThreeWindows three({{At(0.0), kA, At(2.0), At(2.0), kB, kB, kB}, {At(0.0), kB}, {At(0.0), kC}});
  three.harness.calls_until_stop = 5;
  CHECK(three.Run().code() == StatusCode::kCancelled);
  REQUIRE(!three.harness.said.empty());
  CHECK(three.harness.said[0] == Said{0, 2000, " one"});
  for (const Said& said : three.harness.said) CHECK(said.text != " three");
}

TEST_CASE("where the language is not known the first window is alone") {
  ThreeWindows three({{At(0.0), kA, At(30.0)}, {At(0.0), kB, At(20.0)}, {At(0.0), kC, At(20.0)}},
                     SmallModelOptions());
  REQUIRE(three.Run().ok());
  CHECK(three.network.steps > 0);
  CHECK(three.network.window_steps > 0);
  CHECK(three.harness.said.size() == 3);
  ThreeWindows known({{kA}, {kB}, {kC}}, SmallModelOptions());
  REQUIRE(known.Run({.language = "de", .timestamps = false}).ok());
  CHECK(known.network.steps == 0);
  CHECK(std::string(known.harness.summary.language.data()) == "de");
}

TEST_CASE("what windows side by side cannot do is refused") {
  ThreeWindows three({{kA}, {kB}, {kC}});
  constexpr float kWarm[] = {0.4f};
  CHECK(three.Run({.temperatures = kWarm}).code() == StatusCode::kInvalidArgument);
  CHECK(three.Run({.beam_size = 2}).code() == StatusCode::kInvalidArgument);
  CHECK(three.Run({.condition_on_previous_text = true}).code() == StatusCode::kInvalidArgument);
  three.network.windows_room = 3;
  const Status status = three.Run();
  CHECK(status.code() == StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()).find("room for 3") != std::string::npos);
  CHECK(three.network.windows == 0);
}

}  // namespace
}  // namespace earshot::whisper
