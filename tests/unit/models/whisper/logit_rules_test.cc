// Which tokens the decoder may choose next.
#include "models/whisper/logit_rules.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "tests/unit/models/whisper/small_model.h"

namespace earshot::whisper {
namespace {

using token::At;
using Tokens = std::vector<int32_t>;

class Rules {
 public:
  explicit Rules(bool timestamps, uint32_t max_audio_frames = 1500)
      : model_({.max_audio_frames = max_audio_frames}),
        dimensions_(model_.dimensions()),
        rules_(dimensions_.tables.vocabulary, dimensions_.tables.lists, timestamps) {}

  // The tokens still allowed after `chosen`, the logits being `logit` for text and control tokens and `time`
  // for timestamps.
  Tokens Allowed(const Tokens& chosen, float logit = 10.0f, float time = 0.0f) const {
    std::vector<float> logits(token::kSize, time);
    std::fill_n(logits.begin(), token::kTime0, logit);
    rules_.Apply(chosen, logits);
    Tokens allowed;
    for (int32_t id = 0; id < token::kSize; ++id) {
      if (!std::isinf(logits[static_cast<size_t>(id)])) allowed.push_back(id);
    }
    return allowed;
  }

 private:
  SmallModel model_;
  Dimensions dimensions_;
  LogitRules rules_;
};

// first, first + 1, ..., last.
Tokens Range(int32_t first, int32_t last) {
  Tokens tokens;
  for (int32_t id = first; id <= last; ++id) tokens.push_back(id);
  return tokens;
}

Tokens operator+(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Text that no list forbids, and end-of-text.
const Tokens kText = {
    token::kBlank, token::kOne, token::kTwo, token::kThree, token::kStop, token::kBrokenByte, 7};
const Tokens kTextOrEnd = kText + Tokens{token::kEndOfText};

TEST_CASE("without timestamps only text is allowed, and no blank or end at first") {
  const Rules rules(false);
  CHECK(rules.Allowed({}) ==
        Tokens{token::kOne, token::kTwo, token::kThree, token::kStop, token::kBrokenByte, 7});
  CHECK(rules.Allowed({token::kOne}) == kTextOrEnd);
}

TEST_CASE("the first token is a timestamp of at most one second") {
  CHECK(Rules(true).Allowed({}) == Range(At(0.0), At(1.0)));
}

TEST_CASE("text follows the first timestamp") { CHECK(Rules(true).Allowed({At(0.4)}) == kTextOrEnd); }

TEST_CASE("after text comes text, the end, or a timestamp later than the segment's begin") {
  CHECK(Rules(true).Allowed({At(0.4), token::kOne}) == kTextOrEnd + Range(At(0.42), At(30.0)));
}

TEST_CASE(
    "a segment's end is followed by the begin of the next, which may be the same time, or by the end of the "
    "text") {
  CHECK(Rules(true).Allowed({At(0.4), token::kOne, At(2.0)}) ==
        Tokens{token::kEndOfText} + Range(At(2.0), At(30.0)));
}

TEST_CASE("a pair of timestamps is followed by text") {
  CHECK(Rules(true).Allowed({At(0.4), token::kOne, At(2.0), At(2.4)}) == kTextOrEnd);
}

TEST_CASE("a later segment must not be empty either") {
  CHECK(Rules(true).Allowed({At(0.4), token::kOne, At(2.0), At(2.4), token::kTwo}) ==
        kTextOrEnd + Range(At(2.42), At(30.0)));
}

TEST_CASE("the last timestamp of all can only be followed by the end") {
  CHECK(Rules(true).Allowed({At(0.0), token::kOne, At(30.0)}) ==
        Tokens{token::kEndOfText} + Range(At(30.0), At(30.0)));
  CHECK(Rules(true).Allowed({At(0.0), token::kOne, At(30.0), At(30.0), token::kTwo}) == kTextOrEnd);
}

TEST_CASE("no timestamp lies behind the end of a window, whatever its length") {
  CHECK(Rules(true).Allowed({At(0.0), token::kOne}, 0.0f).back() == At(30.0));
  CHECK(Rules(true, 500).Allowed({At(0.0), token::kOne}, 0.0f).back() == At(10.0));
}

TEST_CASE("where all timestamps together outweigh the best text token, one of them must follow") {
  const Rules rules(true);
  // 1480 timestamps from 0.42 to 30.00 s: log(1480) = 7.2998 above one of them.
  const Tokens after = {At(0.4), token::kOne};
  CHECK(rules.Allowed(after, 7.31f) == kTextOrEnd + Range(At(0.42), At(30.0)));
  CHECK(rules.Allowed(after, 7.29f) == Range(At(0.42), At(30.0)));
}

TEST_CASE("suppressed tokens do not outweigh timestamps") {
  const SmallModel model;
  const Dimensions dimensions = model.dimensions();
  const LogitRules rules(dimensions.tables.vocabulary, dimensions.tables.lists, true);
  std::vector<float> logits(token::kSize, -50.0f);
  logits[token::kSuppressed] = 30.0f;
  logits[token::kTranscribe] = 30.0f;
  logits[static_cast<size_t>(At(5.0))] = 1.0f;
  logits[token::kOne] = 0.0f;
  rules.Apply(Tokens{At(0.4), token::kOne}, logits);
  CHECK(std::isinf(logits[token::kOne]));
  CHECK(logits[static_cast<size_t>(At(5.0))] == 1.0f);
}

TEST_CASE("ids in the lists that the vocabulary does not have are ignored") {
  const SmallModel model;
  const Vocabulary v = model.vocabulary();
  const std::vector<uint32_t> beyond = {static_cast<uint32_t>(token::kSize), 0xFFFFFFFFu};
  const LogitRules rules(
      v, {.suppressed = beyond, .begin_suppressed = beyond, .max_initial_timestamp_index = 1 << 30}, true);
  std::vector<float> logits(token::kSize, 0.0f);
  rules.Apply({}, logits);
  CHECK(logits[static_cast<size_t>(At(30.0))] == 0.0f);
}

}  // namespace
}  // namespace earshot::whisper
