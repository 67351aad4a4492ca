#include "models/wav2vec2/ctc_text.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace earshot::wav2vec2 {
namespace {

// 0: blank, 1: space, 2: "a", 3: "b", 4: without text.
TokenDecoder Pieces() {
  static constexpr std::array<uint8_t, 3> kBlob = {' ', 'a', 'b'};
  static constexpr std::array<uint32_t, 6> kOffsets = {0, 0, 1, 2, 3, 3};
  return TokenDecoder::Create(kBlob, kOffsets, 5).value();
}

struct Decoded {
  std::string text;
  std::vector<int32_t> tokens;
  int64_t first_frame, end_frame;
};

Decoded Decode(const std::vector<int32_t>& best) {
  std::array<int32_t, 32> tokens;
  std::array<char, 32> text;
  const CtcText result = DecodeCtc(best, 0, Pieces(), {tokens, text}).value();
  return {.text = std::string(text.data(), result.num_bytes),
          .tokens = {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(result.num_tokens)},
          .first_frame = result.first_frame,
          .end_frame = result.end_frame};
}

TEST_CASE("neighbours that are alike are one token, with a blank between them two") {
  CHECK(Decode({2, 2, 2}).text == "a");
  CHECK(Decode({2, 0, 2}).text == "aa");
  CHECK(Decode({0, 2, 2, 0, 3, 0, 0}).tokens == std::vector<int32_t>{2, 3});
}

TEST_CASE("spaces stand once, and not at the ends") {
  CHECK(Decode({1, 2, 1, 0, 1, 3, 1}).text == "a b");
  CHECK(Decode({1, 4, 1}).text.empty());
}

TEST_CASE("the frames with tokens are told") {
  const Decoded decoded = Decode({0, 0, 2, 0, 3, 3, 0});
  CHECK(decoded.first_frame == 2);
  CHECK(decoded.end_frame == 6);
  CHECK(Decode({0, 0}).end_frame == 0);
}

TEST_CASE("buffers that are too small are an error") {
  std::array<int32_t, 1> tokens;
  std::array<char, 8> text;
  const std::vector<int32_t> best = {2, 3};
  CHECK(DecodeCtc(best, 0, Pieces(), {tokens, text}).status().code() == StatusCode::kOutOfMemory);
}

}  // namespace
}  // namespace earshot::wav2vec2
