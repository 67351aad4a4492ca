// Decoding of one window: the prompt, attempts, judgement.
#include "models/whisper/window_decoder.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "tests/unit/models/whisper/aligned_memory.h"
#include "tests/unit/models/whisper/fake_network.h"
#include "tests/unit/models/whisper/small_model.h"

namespace earshot::whisper {
namespace {

using token::At;
using Tokens = std::vector<int32_t>;

// A decoder with memory of its own, and the outcome of a window as values.
class Decoder {
 public:
  explicit Decoder(const SmallModelOptions& options = {}) : model_(options) {
    Arena measuring;
    CHECK_FALSE(WindowDecoder::Create(Tables(), measuring).ok());
    memory_.emplace(measuring.required_bytes());
    Arena arena(memory_->bytes());
    decoder_.emplace(WindowDecoder::Create(Tables(), arena).value());
  }

  WindowTranscript Decode(FakeNetwork& network, const TranscribeOptions& options = {},
                          const WindowPrompt& prompt = {}, const Sink& sink = {}) {
    network.windows = 1;
    Pcg32 random(options.seed);
    WindowTranscript transcript;
    REQUIRE(decoder_->Decode(network, prompt, options, sink, random, transcript).ok());
    tokens = {transcript.tokens.begin(), transcript.tokens.end()};
    return transcript;
  }

  Tokens tokens;  // of the last window

 private:
  DecoderTables Tables() const { return model_.dimensions().tables; }
  SmallModel model_;
  std::optional<AlignedMemory> memory_;
  std::optional<WindowDecoder> decoder_;
};

constexpr float kGreedy[] = {0.0f};

TEST_CASE("the prompt of a multilingual model names language and task") {
  FakeNetwork network(Script({{At(0.0), token::kOne, At(1.0)}}));
  Decoder decoder;
  decoder.Decode(network, {.task = Task::kTranslate}, {.language_token = token::kGerman});
  CHECK(network.prompts ==
        std::vector<Tokens>{{token::kStart}, {token::kStart, token::kGerman, token::kTranslate}});
  CHECK(decoder.tokens == Tokens{At(0.0), token::kOne, At(1.0)});
}

TEST_CASE("the prompt of an English-only model is one token, or two without timestamps") {
  Decoder decoder({.multilingual = false});
  FakeNetwork with(Script({{At(0.0), token::kOne, At(1.0)}}));
  const WindowTranscript transcript = decoder.Decode(with);
  CHECK(with.prompts == std::vector<Tokens>{{token::kStart}});
  CHECK(transcript.language_token == kNoToken);
  FakeNetwork without(Script({{token::kOne, token::kStop}}));
  decoder.Decode(without, {.timestamps = false});
  CHECK(without.prompts == std::vector<Tokens>{{token::kStart}, {token::kStart, token::kNoTimestamps}});
  CHECK(decoder.tokens == Tokens{token::kOne, token::kStop});
}

TEST_CASE("previous text goes before the start, as much as half of the context holds") {
  FakeNetwork network(Script({{At(0.0), token::kOne, At(1.0)}}));
  Decoder decoder({.multilingual = false});
  Tokens previous(40, token::kTwo);
  previous.back() = token::kThree;
  decoder.Decode(network, {}, {.previous_tokens = previous});
  Tokens expected(31, token::kTwo);  // 64 / 2 - 1
  expected.back() = token::kThree;
  expected.insert(expected.begin(), token::kPrevious);
  expected.push_back(token::kStart);
  CHECK(network.prompts == std::vector<Tokens>{expected});
}

TEST_CASE("the language is detected from what follows the start") {
  Decoder decoder;
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    if (context.back() == token::kStart) logits[token::kGerman] = 5.0f;
    logits[token::kEndOfText] = 3.0f;
  });
  const WindowTranscript transcript = decoder.Decode(network, {.timestamps = false, .temperatures = kGreedy});
  CHECK(transcript.language_token == token::kGerman);
  CHECK(transcript.language_probability == Catch::Approx(std::exp(5.0) / (std::exp(5.0) + 2.0)));
  CHECK(network.prompts.back() ==
        Tokens{token::kStart, token::kGerman, token::kTranscribe, token::kNoTimestamps});
}

TEST_CASE("the probability of silence is that of its token after the start, among all tokens") {
  Decoder decoder;
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    logits[token::kNoSpeech] = context.size() == 1 ? 9.0f : 0.0f;
  });
  const WindowTranscript transcript = decoder.Decode(network, {.temperatures = kGreedy});
  CHECK(transcript.score.no_speech_prob ==
        Catch::Approx(std::exp(9.0) / (std::exp(9.0) + token::kSize - 1)).epsilon(1e-4));
}

TEST_CASE("the average log-probability counts end-of-text and is taken after the rules") {
  Decoder decoder({.multilingual = false});
  FakeNetwork network(Script({{token::kOne, token::kTwo}}, 2.0f));
  const WindowTranscript transcript = decoder.Decode(network, {.timestamps = false, .temperatures = kGreedy});
  REQUIRE(decoder.tokens == Tokens{token::kOne, token::kTwo});
  // Left by the rules: 6 text tokens at first, then 7 and end-of-text; one of them at 2, the others at 0.
  const double e2 = std::exp(2.0);
  const double expected = (std::log(e2 / (e2 + 5)) + 2 * std::log(e2 / (e2 + 7))) / 3;
  CHECK(transcript.score.avg_logprob == Catch::Approx(expected).margin(1e-5));
}

TEST_CASE("greedy decoding that passes is not repeated") {
  Decoder decoder;
  FakeNetwork network(Script({{At(0.0), token::kOne, token::kTwo, At(1.0)}}));
  const WindowTranscript transcript = decoder.Decode(network, {}, {.language_token = token::kEnglish});
  CHECK(transcript.attempts == 1);
  CHECK(transcript.temperature == 0.0f);
  CHECK(transcript.tokens_chosen == 4);
  // Two runs for the prompt, the last of which gives the first token; then one for each token.
  CHECK(network.steps == 2 + 4);
  CHECK_FALSE(transcript.cancelled);
}

TEST_CASE(
    "a doubtful window is tried at all temperatures with all samples, and the likeliest attempt is kept") {
  Decoder decoder({.multilingual = false});
  // Flat logits: every choice has a log-probability of about -2, whatever the temperature.
  FakeNetwork network([](std::span<const int32_t>, int, std::span<float>) {});
  const float temperatures[] = {0.0f, 0.4f, 0.8f};
  const WindowTranscript transcript = decoder.Decode(network, {.timestamps = false,
                                                               .temperatures = temperatures,
                                                               .best_of = 3,
                                                               .compression_ratio_threshold = 1e9f,
                                                               .stop_loops = false,
                                                               .max_new_tokens = 5});
  CHECK(transcript.attempts == 3);
  CHECK(transcript.last_temperature == 0.8f);
  CHECK(transcript.score.avg_logprob < -1.0f);
  CHECK(network.prompts.size() == 2);  // the prompt is run once
}

TEST_CASE("no attempt begins when the window has had its share of tokens") {
  Decoder decoder({.multilingual = false});
  // Text without end, doubtful at every temperature.
  FakeNetwork network([](std::span<const int32_t>, int, std::span<float> logits) {
    logits[token::kEndOfText] = -std::numeric_limits<float>::infinity();
  });
  const float temperatures[] = {0.0f, 0.2f, 0.4f, 0.6f};
  TranscribeOptions options = {.timestamps = false,
                               .temperatures = temperatures,
                               .best_of = 3,
                               .compression_ratio_threshold = 1e9f,
                               .stop_loops = false,
                               .max_new_tokens = 10};
  CHECK(decoder.Decode(network, options).tokens_chosen == 10 * (1 + 3 + 3 + 3));
  options.max_attempt_lengths = 4;
  const WindowTranscript transcript = decoder.Decode(network, options);
  CHECK(transcript.tokens_chosen == 10 * (1 + 3));
  CHECK(transcript.attempts == 2);
  options.max_attempt_lengths = 1;
  CHECK(decoder.Decode(network, options).attempts == 1);
}

TEST_CASE("samples take turns of the network together where it has room for beams") {
  Decoder decoder({.multilingual = false});
  FakeNetwork network([](std::span<const int32_t>, int, std::span<float> logits) {
    logits[token::kEndOfText] = -std::numeric_limits<float>::infinity();
  });
  network.beams_room = 2;
  const float temperatures[] = {0.8f};
  const WindowTranscript transcript = decoder.Decode(network, {.timestamps = false,
                                                               .temperatures = temperatures,
                                                               .best_of = 5,
                                                               .compression_ratio_threshold = 1e9f,
                                                               .stop_loops = false,
                                                               .max_new_tokens = 10});
  CHECK(transcript.tokens_chosen == 10 * 3);  // two, two and one
  CHECK(network.steps == 2);                  // the prompt
  CHECK(network.beam_steps == 9 * 3);
  CHECK(decoder.tokens.size() == 10);
}

TEST_CASE("a repetitive greedy text gives way to a sample") {
  Decoder decoder({.multilingual = false});
  // Greedily " one" for ever. At temperature 2 the sequence ends soon: 30 to 29.3 is 1 to 0.7.
  FakeNetwork network([](std::span<const int32_t>, int, std::span<float> logits) {
    logits[token::kOne] = 30.0f;
    logits[token::kEndOfText] = 29.3f;
  });
  const float temperatures[] = {0.0f, 2.0f};
  const WindowTranscript transcript = decoder.Decode(
      network, {.timestamps = false, .temperatures = temperatures, .best_of = 1, .stop_loops = false});
  CHECK(transcript.attempts == 2);
  CHECK(transcript.temperature == 2.0f);
  CHECK(decoder.tokens.size() < 16);
  CHECK(transcript.score.compression_ratio <= 2.4f);
}

TEST_CASE("a loop is stopped early, keeps its phrase once, and counts as a failure") {
  Decoder decoder({.multilingual = false});
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    logits[context.back() == token::kOne ? token::kTwo : token::kOne] = 30.0f;
  });
  const WindowTranscript transcript =
      decoder.Decode(network, {.timestamps = false, .temperatures = kGreedy, .max_new_tokens = 60});
  CHECK(decoder.tokens == Tokens{token::kOne, token::kTwo});
  CHECK(transcript.score.looped);
  CHECK(transcript.loops_stopped == 1);
  CHECK(transcript.tokens_chosen == 34);  // the phrase and 32 repeated tokens
  CHECK(transcript.score.avg_logprob == Catch::Approx(0.0).margin(1e-5));
}

TEST_CASE("without the loop guard a window goes on to its last token") {
  Decoder decoder({.multilingual = false});
  FakeNetwork network(
      [](std::span<const int32_t>, int, std::span<float> logits) { logits[token::kOne] = 30.0f; });
  const TranscribeOptions options = {.timestamps = false, .temperatures = kGreedy, .stop_loops = false};
  decoder.Decode(network, options);
  CHECK(decoder.tokens == Tokens(32, token::kOne));  // half of the context of 64
}

TEST_CASE("tokens never leave the context") {
  Decoder decoder;
  FakeNetwork network(
      [](std::span<const int32_t>, int, std::span<float> logits) { logits[token::kOne] = 30.0f; });
  const Tokens previous(31, token::kTwo);
  const TranscribeOptions options = {
      .timestamps = false, .temperatures = kGreedy, .stop_loops = false, .max_new_tokens = 1000};
  decoder.Decode(network, options, {.previous_tokens = previous, .language_token = token::kEnglish});
  // 1 + 31 + 4 tokens of prompt; the token after the last position of the cache can still be chosen.
  CHECK(decoder.tokens.size() == 64 - 36 + 1);
}

TEST_CASE("the best of several samples is the likeliest per token") {
  Decoder decoder({.multilingual = false});
  // The first token decides: after " two" everything is certain, after " one" nothing is.
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    if (context.back() == token::kNoTimestamps) {
      logits[token::kOne] = logits[token::kTwo] = 20.0f;
    } else if (context.back() == token::kTwo) {
      logits[token::kEndOfText] = 20.0f;
    } else {
      logits[token::kEndOfText] = logits[token::kThree] = 20.0f;
    }
  });
  const float temperatures[] = {1.0f};
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const WindowTranscript transcript = decoder.Decode(
        network, {.timestamps = false, .temperatures = temperatures, .best_of = 12, .seed = seed});
    // " two" is missing among 12 samples once in 4096 seeds. " one" and the end: -2 log 2, " two" and the
    // end: -log 2.
    CHECK(decoder.tokens == Tokens{token::kTwo});
    CHECK(transcript.score.avg_logprob == Catch::Approx(-std::log(2.0) / 2).margin(1e-4));
  }
}

TEST_CASE("equal seeds give equal samples") {
  Decoder decoder({.multilingual = false});
  FakeNetwork network([](std::span<const int32_t>, int, std::span<float>) {});
  const float temperatures[] = {1.0f};
  const auto sample = [&](uint64_t seed) {
    decoder.Decode(network, {.timestamps = false, .temperatures = temperatures, .seed = seed});
    return decoder.tokens;
  };
  const Tokens first = sample(5);
  CHECK(sample(5) == first);
  CHECK(sample(6) != first);
}

TEST_CASE("a wish to stop ends the window with what there is") {
  Decoder decoder({.multilingual = false});
  FakeNetwork network(Script({{token::kOne, token::kTwo, token::kThree, token::kStop}}));
  int calls_left = 2;
  const Sink sink = {.context = &calls_left,
                     .should_stop = [](void* calls) { return --*static_cast<int*>(calls) == 0; }};
  const WindowTranscript transcript = decoder.Decode(network, {.timestamps = false}, {}, sink);
  CHECK(transcript.cancelled);
  CHECK(decoder.tokens == Tokens{token::kOne, token::kTwo});
}

TEST_CASE("a window where everything is forbidden has no tokens") {
  Decoder decoder({.multilingual = false});
  FakeNetwork network([](std::span<const int32_t>, int, std::span<float> logits) {
    std::ranges::fill(logits, -std::numeric_limits<float>::infinity());
  });
  const WindowTranscript transcript = decoder.Decode(network, {.temperatures = kGreedy});
  CHECK(decoder.tokens.empty());
  CHECK(transcript.score.compression_ratio == 0.0f);
}

}  // namespace
}  // namespace earshot::whisper
