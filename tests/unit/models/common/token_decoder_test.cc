// TokenDecoder, and the repair of UTF-8 (expected: CPython's bytes.decode("utf-8", "replace")).
#include "models/common/token_decoder.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <limits>
#include <string>

namespace earshot {
namespace {

std::span<const uint8_t> Blob(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string Repair(const std::string& text) {
  std::string out(3 * text.size(), '\0');
  const Result<size_t> size = ReplaceInvalidUtf8(text, out);
  REQUIRE(size.ok());
  return out.substr(0, size.value());
}

TEST_CASE("tokens become their bytes, in order, without the special ones") {
  const std::string blob = "Hello world\xF0\x9F\x98\x80";
  const std::array<uint32_t, 6> offsets = {0,  5,  11,
                                           13, 15, 15};  // "Hello", " world", two halves of U+1F600, ""
  const Result<TokenDecoder> decoder = TokenDecoder::Create(Blob(blob), offsets, 5);
  REQUIRE(decoder.ok());
  CHECK(decoder->Bytes(1) == " world");
  CHECK(decoder->Bytes(5).empty());
  CHECK(decoder->Bytes(std::numeric_limits<int32_t>::max()).empty());

  std::array<char, 32> buffer{};
  size_t used = 0;
  const std::array<int32_t, 5> first = {5, 0, 50364, 1, 4};
  REQUIRE(decoder->Append(first, buffer, used).ok());
  const std::array<int32_t, 2> second = {2, 3};
  REQUIRE(decoder->Append(second, buffer, used).ok());
  CHECK(std::string_view(buffer.data(), used) == "Hello world\xF0\x9F\x98\x80");
}

TEST_CASE("a full buffer and a negative id leave the text as it was") {
  const std::string blob = "abcdef";
  const std::array<uint32_t, 3> offsets = {0, 3, 6};
  const Result<TokenDecoder> decoder = TokenDecoder::Create(Blob(blob), offsets, 2);
  REQUIRE(decoder.ok());
  std::array<char, 8> buffer{};
  size_t used = 0;
  const std::array<int32_t, 2> both = {0, 1};
  REQUIRE(decoder->Append(both, buffer, used).ok());
  const Status full = decoder->Append(both, buffer, used);
  CHECK(full.code() == StatusCode::kOutOfMemory);
  CHECK_THAT(full.message(), Catch::Matchers::ContainsSubstring("12"));
  const std::array<int32_t, 2> negative = {0, -1};
  CHECK(decoder->Append(negative, buffer, used).code() == StatusCode::kInvalidArgument);
  CHECK(std::string_view(buffer.data(), used) == "abcdef");
}

TEST_CASE("a table that contradicts itself is refused") {
  const std::string blob = "abcdef";
  const auto refused = [&](std::span<const uint32_t> offsets, int32_t first_special) {
    const Result<TokenDecoder> decoder = TokenDecoder::Create(Blob(blob), offsets, first_special);
    return !decoder.ok() && decoder.status().code() == StatusCode::kInvalidModel;
  };
  const std::array<uint32_t, 3> good = {0, 3, 6};
  const std::array<uint32_t, 3> decreasing = {0, 4, 3};
  const std::array<uint32_t, 3> outside = {0, 3, 7};
  const std::array<uint32_t, 3> huge = {0, 3, 0xFFFFFFFF};
  CHECK_FALSE(refused(good, 2));
  CHECK(refused(good, 3));
  CHECK(refused(good, -1));
  CHECK(refused(decreasing, 2));
  CHECK(refused(outside, 2));
  CHECK(refused(huge, 2));
  CHECK(refused({}, 0));
}

TEST_CASE("the begin of a character at the end of a text is counted") {
  CHECK(IncompleteUtf8Suffix("") == 0);
  CHECK(IncompleteUtf8Suffix("abc") == 0);
  CHECK(IncompleteUtf8Suffix("\xC3\xA9") == 0);
  CHECK(IncompleteUtf8Suffix("a\xC3") == 1);
  CHECK(IncompleteUtf8Suffix("a\xE6\x97") == 2);
  CHECK(IncompleteUtf8Suffix("\xF0\x9F\x98") == 3);
  CHECK(IncompleteUtf8Suffix("\xF0\x9F\x98\x80") == 0);
  CHECK(IncompleteUtf8Suffix("\xF0\x9F\x98\x80\xF0") == 1);
  // What no further byte can mend does not wait for one.
  CHECK(IncompleteUtf8Suffix("\x80") == 0);
  CHECK(IncompleteUtf8Suffix("a\xFF") == 0);
  CHECK(IncompleteUtf8Suffix("\xED\xA0") == 0);  // surrogate
  CHECK(IncompleteUtf8Suffix("\xE0\x80") == 0);  // overlong
  CHECK(IncompleteUtf8Suffix("\xC3\xA9\xA9") == 0);
}

TEST_CASE("ill-formed parts become one U+FFFD each") {
  const std::string r = "\xEF\xBF\xBD";
  CHECK(Repair("").empty());
  CHECK(Repair("plain, \xC3\xA9, \xE6\x97\xA5\xE6\x9C\xAC, \xF0\x9F\x98\x80") ==
        "plain, \xC3\xA9, \xE6\x97\xA5\xE6\x9C\xAC, \xF0\x9F\x98\x80");
  CHECK(Repair("a\xFF\xFE"
               "b") == "a" + r + r + "b");
  CHECK(Repair("\xE6\x97") == r);
  CHECK(Repair("\xF0\x9F\x98") == r);
  CHECK(Repair("\xE6\x97"
               "A") == r + "A");
  CHECK(Repair("\xED\xA0\x80") == r + r + r);
  CHECK(Repair("\xF4\x90\x80\x80") == r + r + r + r);
  CHECK(Repair("\xC0\xAF") == r + r);
  CHECK(Repair("\xE0\x80\xAF") == r + r + r);
  CHECK(Repair("\x80\xC3\xA9\xC3") == r + "\xC3\xA9" + r);
  CHECK(Repair("\xF1\x80\x80\xE1\x80\xC2"
               "b\x80"
               "c\x80\xBF"
               "d") == r + r + r + "b" + r + "c" + r + r + "d");
}

TEST_CASE("repair reports a buffer that is too small") {
  std::array<char, 5> out{};
  CHECK(ReplaceInvalidUtf8("\xFF\xFF", out).status().code() == StatusCode::kOutOfMemory);
  CHECK(ReplaceInvalidUtf8("\xFFok", out).value() == 5);
}

}  // namespace
}  // namespace earshot
