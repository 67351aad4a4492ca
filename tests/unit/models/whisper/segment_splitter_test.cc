// Cutting a window's tokens into segments.
#include "models/whisper/segment_splitter.h"

#include <catch2/catch_test_macros.hpp>
#include <tuple>
#include <vector>

#include "tests/unit/models/whisper/small_model.h"

namespace earshot::whisper {
namespace {

using token::At;
using Tokens = std::vector<int32_t>;
constexpr int32_t kA = token::kOne, kB = token::kTwo, kC = token::kThree;

struct Piece {
  int64_t start_ms, end_ms;
  Tokens tokens;
  bool operator==(const Piece&) const = default;
};

struct Cut {
  std::vector<Piece> pieces;
  int64_t advance_ms;
};

Cut Split(const Tokens& tokens, WindowSpan window = {.begin_ms = 0, .content_ms = 30000}) {
  const SmallModel model;
  const Vocabulary vocabulary = model.vocabulary();
  SegmentSplitter splitter(vocabulary, window, tokens);
  Cut cut{{}, splitter.advance_ms()};
  SegmentSpan span;
  while (splitter.Next(&span))
    cut.pieces.push_back({span.start_ms, span.end_ms, {span.tokens.begin(), span.tokens.end()}});
  CHECK(splitter.advance_ms() == cut.advance_ms);
  return cut;
}

TEST_CASE("pairs of timestamps cut, and a single one at the end closes the window") {
  const Cut cut = Split({At(0.0), kA, At(2.0), At(2.4), kB, kC, At(5.0)});
  CHECK(cut.pieces ==
        std::vector<Piece>{{0, 2000, {At(0.0), kA, At(2.0)}}, {2400, 5000, {At(2.4), kB, kC, At(5.0)}}});
  CHECK(cut.advance_ms == 30000);
}

TEST_CASE("what is unfinished after the last pair is left to the next window") {
  const Cut cut = Split({At(0.0), kA, At(2.0), At(2.4), kB, At(7.0), At(7.0), kC});
  CHECK(cut.pieces ==
        std::vector<Piece>{{0, 2000, {At(0.0), kA, At(2.0)}}, {2400, 7000, {At(2.4), kB, At(7.0)}}});
  CHECK(cut.advance_ms == 7000);
}

TEST_CASE(
    "the next window begins at the end of the last finished segment, not at the begin of the unfinished "
    "one") {
  CHECK(Split({At(0.0), kA, At(2.0), At(2.4), kB}).advance_ms == 2000);
}

TEST_CASE("tokens that end in a pair leave nothing unfinished but its second timestamp") {
  const Cut cut = Split({At(0.0), kA, At(2.0), At(2.0)});
  CHECK(cut.pieces == std::vector<Piece>{{0, 2000, {At(0.0), kA, At(2.0)}}});
  CHECK(cut.advance_ms == 2000);
}

TEST_CASE("without a pair the window is one segment") {
  const Cut ended = Split({At(0.4), kA, kB, At(3.0)});
  CHECK(ended.pieces == std::vector<Piece>{{400, 3000, {At(0.4), kA, kB, At(3.0)}}});
  CHECK(ended.advance_ms == 30000);
  const Cut open = Split({At(0.4), kA, kB}, {.begin_ms = 0, .content_ms = 12340});
  CHECK(open.pieces == std::vector<Piece>{{400, 12340, {At(0.4), kA, kB}}});
  CHECK(open.advance_ms == 12340);
}

TEST_CASE("without timestamps the window is one segment of its length") {
  const Cut cut = Split({kA, kB}, {.begin_ms = 60000, .content_ms = 9990});
  CHECK(cut.pieces == std::vector<Piece>{{60000, 69990, {kA, kB}}});
  CHECK(cut.advance_ms == 9990);
}

TEST_CASE("a segment that is said to begin in the padding begins with the window") {
  const Cut cut = Split({At(1.0), kA}, {.begin_ms = 0, .content_ms = 500});
  CHECK(cut.pieces == std::vector<Piece>{{0, 500, {At(1.0), kA}}});
}

TEST_CASE("times count from the begin of the window") {
  const Cut cut = Split({At(0.0), kA, At(2.0), At(2.0), kB}, {.begin_ms = 3600000, .content_ms = 30000});
  CHECK(cut.pieces == std::vector<Piece>{{3600000, 3602000, {At(0.0), kA, At(2.0)}}});
  CHECK(cut.advance_ms == 2000);
}

TEST_CASE("the window moves on even where its timestamps do not") {
  // Not what the rules for logits allow, but a window must never be repeated forever.
  CHECK(Split({At(0.0), At(0.0), kA}).advance_ms == 30000);
}

TEST_CASE("a last timestamp in the padding ends the window") {
  const Cut cut = Split({At(0.0), kA, At(8.0), At(8.0), kB}, {.begin_ms = 0, .content_ms = 5000});
  CHECK(cut.pieces == std::vector<Piece>{{0, 8000, {At(0.0), kA, At(8.0)}}});
  CHECK(cut.advance_ms == 5000);
}

TEST_CASE("what is unfinished where the recording pauses ends with the window") {
  const WindowSpan window = {.begin_ms = 5000, .content_ms = 9000, .ends_in_pause = true};
  const Cut cut = Split({At(0.0), kA, At(2.0), At(2.4), kB}, window);
  CHECK(cut.pieces == std::vector<Piece>{{5000, 7000, {At(0.0), kA, At(2.0)}}, {7400, 14000, {At(2.4), kB}}});
  CHECK(cut.advance_ms == 9000);
  // Said to begin behind the audio.
  const Cut late = Split({At(0.0), kA, At(2.0), At(9.5), kB}, window);
  CHECK(late.pieces ==
        std::vector<Piece>{{5000, 7000, {At(0.0), kA, At(2.0)}}, {13980, 14000, {At(9.5), kB}}});
  // What was finished stays as it is, and what ends in a pair goes on there.
  CHECK(Split({At(0.0), kA, At(2.0), At(2.4), kB, At(5.0)}, window).advance_ms == 9000);
  CHECK(Split({At(0.0), kA, At(2.0), At(2.0)}, window).advance_ms == 2000);
}

TEST_CASE("no tokens give no segment") {
  const Cut cut = Split({});
  CHECK(cut.pieces.empty());
  CHECK(cut.advance_ms == 30000);
}

}  // namespace
}  // namespace earshot::whisper
