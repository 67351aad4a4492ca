// Beam search and samples side by side, over networks that say what the tests wrote down.
#include "models/whisper/beam_search.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/unit/models/whisper/aligned_memory.h"
#include "tests/unit/models/whisper/fake_network.h"
#include "tests/unit/models/whisper/small_model.h"

namespace earshot::whisper {
namespace {

using Tokens = std::vector<int32_t>;
constexpr float kNever = -std::numeric_limits<float>::infinity();

// A search with memory, rules and a prompt of one token.
class Harness {
 public:
  explicit Harness(FakeNetwork& network) : network_(network), memory_(1 << 16) {
    network.windows = 1;
    network.beams_room = kMaxBeams;
    Arena arena(memory_.bytes());
    search_ = BeamSearch::Create(64, arena);
    best.tokens = TokenList(room_);
  }

  void Search(int64_t beams) {
    std::span<float> logits = network_.Decode(prompt_, 0).value();
    REQUIRE(search_.Search(Request(0.0f), network_, logits, beams, best).ok());
  }
  int64_t Sample(int64_t samples, float temperature, uint64_t seed) {
    std::span<float> logits = network_.Decode(prompt_, 0).value();
    SampleResult result = {.best = best};
    Pcg32 random(seed);
    REQUIRE(search_.Sample(Request(temperature), network_, logits, samples, random, result).ok());
    return result.loops;
  }
  Tokens tokens() const { return {best.tokens.tokens().begin(), best.tokens.tokens().end()}; }

  Generation best;
  int64_t max_tokens = 40;
  Sink sink = {};

 private:
  GenerationRequest Request(float temperature) const {
    return {.vocabulary = tables_.vocabulary,
            .rules = rules_,
            .sink = sink,
            .prompt_tokens = 1,
            .max_tokens = max_tokens,
            .temperature = temperature};
  }

  FakeNetwork& network_;
  SmallModel model_{{.multilingual = false}};
  DecoderTables tables_ = model_.dimensions().tables;
  LogitRules rules_{tables_.vocabulary, {}, false};
  AlignedMemory memory_;
  BeamSearch search_;
  Tokens prompt_ = {token::kStart};
  std::vector<int32_t> room_ = std::vector<int32_t>(64);
};

// Logits are log-probabilities of what is listed; nothing else is possible.
void Say(std::span<float> logits, std::initializer_list<std::pair<int32_t, double>> probabilities) {
  std::ranges::fill(logits, kNever);
  for (const auto& [token, probability] : probabilities)
    logits[static_cast<size_t>(token)] = static_cast<float>(std::log(probability));
}

// " one" is likelier than " two" at first, but what follows " two" is certain.
FakeNetwork GardenPath() {
  return FakeNetwork([](std::span<const int32_t> context, int, std::span<float> logits) {
    switch (context.back()) {
      case token::kStart:
        return Say(logits, {{token::kOne, 0.6}, {token::kTwo, 0.4}});
      case token::kOne:
        return Say(logits, {{token::kThree, 0.3}, {token::kStop, 0.3}, {token::kEndOfText, 0.4}});
      case token::kTwo:
        return Say(logits, {{token::kThree, 1.0}});
      default:
        return Say(logits, {{token::kEndOfText, 1.0}});
    }
  });
}

TEST_CASE("two beams find what is likelier as a whole") {
  FakeNetwork network = GardenPath();
  Harness harness(network);
  harness.Search(2);
  CHECK(harness.tokens() == Tokens{token::kTwo, token::kThree});
  CHECK(harness.best.sum_logprob == Catch::Approx(std::log(0.4)));
  CHECK(harness.best.num_tokens == 2);
  CHECK_FALSE(harness.best.truncated);
}

TEST_CASE("the best hypothesis is the one with the highest average, not the shortest") {
  FakeNetwork network = GardenPath();
  Harness harness(network);
  harness.Search(5);
  // " one": log(0.6 * 0.4) over one token is -1.43; " two three": log(0.4) over two is -0.46.
  CHECK(harness.tokens() == Tokens{token::kTwo, token::kThree});
}

TEST_CASE("beams that share a parent go on from copies of its cache") {
  // Only the third token tells which of the first two was right; the context decides, so that a beam with the
  // cache of another one would say something else.
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    const size_t said = context.size() - 1;
    if (said == 0) return Say(logits, {{token::kOne, 0.7}, {token::kTwo, 0.3}});
    if (said == 1) {
      return context[1] == token::kOne ? Say(logits, {{token::kTwo, 0.5}, {token::kThree, 0.5}})
                                       : Say(logits, {{token::kStop, 1.0}});
    }
    const bool right = said == 2 && context[1] == token::kOne && context[2] == token::kThree;
    if (right) return Say(logits, {{token::kStop, 1.0}});
    if (said == 2) return Say(logits, {{token::kOne, 0.1}, {token::kTwo, 0.9}});
    const bool was_right = context[1] == token::kOne && context[2] == token::kThree;
    return was_right ? Say(logits, {{token::kEndOfText, 1.0}})
                     : Say(logits, {{token::kEndOfText, 0.2}, {token::kOne, 0.8}});
  });
  Harness harness(network);
  harness.Search(3);
  CHECK(harness.tokens() == Tokens{token::kOne, token::kThree, token::kStop});
  CHECK(harness.best.sum_logprob == Catch::Approx(std::log(0.7 * 0.5)));
}

TEST_CASE("hypotheses end at the limit of tokens") {
  FakeNetwork network([](std::span<const int32_t>, int, std::span<float> logits) {
    Say(logits, {{token::kOne, 0.4}, {token::kTwo, 0.3}, {token::kThree, 0.3}});
  });
  Harness harness(network);
  harness.max_tokens = 7;
  harness.Search(3);
  CHECK(harness.best.truncated);
  CHECK(harness.best.num_tokens == 7);
  CHECK(harness.tokens() == Tokens(7, token::kOne));
  CHECK(network.beam_steps == 6);
}

TEST_CASE("a hypothesis that loops counts as ended, with its phrase once") {
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    Say(logits, {{context.back() == token::kOne ? token::kTwo : token::kOne, 1.0}});
  });
  Harness harness(network);
  harness.max_tokens = 60;
  harness.Search(2);
  CHECK(harness.best.looped);
  CHECK(harness.tokens() == Tokens{token::kOne, token::kTwo});
  CHECK(harness.best.num_tokens == 34);  // the phrase and 32 repeated tokens
}

TEST_CASE("where nothing is allowed the hypothesis ends") {
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    std::ranges::fill(logits, kNever);
    if (context.size() == 1) logits[token::kOne] = 0.0f;
  });
  Harness harness(network);
  harness.Search(4);
  CHECK(harness.tokens() == Tokens{token::kOne});
  CHECK(harness.best.sum_logprob == Catch::Approx(0.0));
  CHECK(harness.Sample(3, 0.5f, 1) == 0);
  CHECK(harness.tokens() == Tokens{token::kOne});
}

TEST_CASE("a wish to stop keeps what the best beam has said") {
  FakeNetwork network = GardenPath();
  Harness harness(network);
  harness.sink = {.should_stop = [](void*) { return true; }};
  harness.Search(2);
  CHECK(harness.best.cancelled);
  CHECK(harness.tokens() == Tokens{token::kOne});
  harness.Sample(2, 1.0f, 3);
  CHECK(harness.best.cancelled);
  CHECK(harness.best.num_tokens == 1);
}

TEST_CASE("samples are decoded side by side, and the likeliest is kept") {
  // A long way and a short one, by the first token; the short one is less likely for each token.
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    if (context.size() == 1) return Say(logits, {{token::kOne, 0.5}, {token::kTwo, 0.5}});
    if (context[1] == token::kTwo) return Say(logits, {{token::kEndOfText, 1.0}});
    if (context.size() < 8) return Say(logits, {{token::kThree, 1.0}});
    Say(logits, {{token::kEndOfText, 1.0}});
  });
  Harness harness(network);
  int found = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    network.beam_steps = 0;
    harness.Sample(5, 1.0f, seed);
    if (harness.tokens().size() == 1) continue;  // all five went the short way: one seed of 32
    ++found;
    CHECK(harness.tokens() == Tokens{token::kOne, token::kThree, token::kThree, token::kThree, token::kThree,
                                     token::kThree, token::kThree});
    CHECK(network.beam_steps == 7);  // as many as one sample alone would take
  }
  CHECK(found >= 6);
  harness.Sample(5, 1.0f, 4);
  const Tokens first = harness.tokens();
  harness.Sample(5, 1.0f, 4);
  CHECK(harness.tokens() == first);
}

TEST_CASE("a sample goes on with its own past when others have ended") {
  // Each token must be the successor of the last one; some samples end at each step.
  FakeNetwork network([](std::span<const int32_t> context, int, std::span<float> logits) {
    if (context.size() == 1)
      return Say(logits,
                 {{token::kOne, 0.25}, {token::kTwo, 0.25}, {token::kThree, 0.25}, {token::kStop, 0.25}});
    for (size_t i = 2; i < context.size(); ++i) {
      if (context[i] != context[1]) return Say(logits, {{token::kBrokenByte, 1.0}});  // somebody else's past
    }
    const int32_t own = context[1];
    if (std::ssize(context) > own + 1) return Say(logits, {{token::kEndOfText, 1.0}});
    Say(logits, {{own, 1.0}});
  });
  Harness harness(network);
  for (uint64_t seed = 0; seed < 16; ++seed) {
    harness.Sample(5, 1.0f, seed);
    const Tokens tokens = harness.tokens();
    REQUIRE_FALSE(tokens.empty());
    CHECK(tokens == Tokens(static_cast<size_t>(tokens[0]) + 1, tokens[0]));
  }
}

}  // namespace
}  // namespace earshot::whisper
