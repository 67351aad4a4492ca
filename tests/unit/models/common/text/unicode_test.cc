// Code points, case, normalization forms and character classes.
#include "models/common/text/unicode.h"

#include <catch2/catch_test_macros.hpp>

namespace earshot {
namespace {

TEST_CASE("UTF-8 survives a round trip", "[unicode]") {
  const std::string text = "a\u00e9\u20ac\U0001F600 z";
  CHECK(unicode::DecodeUtf8(text) == U"a\u00e9\u20ac\U0001F600 z");
  CHECK(unicode::EncodeUtf8(unicode::DecodeUtf8(text)) == text);
}

TEST_CASE("ill-formed UTF-8 becomes replacement characters and the rest is kept", "[unicode]") {
  CHECK(unicode::DecodeUtf8("a\xFF"
                            "b") == U"a\uFFFDb");
  CHECK(unicode::DecodeUtf8("a\xE2\x82") == U"a\uFFFD");          // cut in the middle of a character
  CHECK(unicode::DecodeUtf8("\xC0\xAF!") == U"\uFFFD!");          // overlong "/"
  CHECK(unicode::DecodeUtf8("\xED\xA0\x80!") == U"\uFFFD!");      // a surrogate
  CHECK(unicode::DecodeUtf8("\xF4\x90\x80\x80!") == U"\uFFFD!");  // above U+10FFFF
  CHECK(unicode::EncodeUtf8(std::u32string{U'x', 0xD800, 0x110000}) == "x\uFFFD\uFFFD");
  CHECK(unicode::RepairUtf8("caf\xE9") == "caf\uFFFD");
}

TEST_CASE("lower case follows the full Unicode rules", "[unicode]") {
  CHECK(unicode::LowerCase(U"ÀÉÎ ǅ ЖЯ") == U"àéî ǆ жя");
  CHECK(unicode::LowerCase(U"İ") == U"i\u0307");
  // Sigma is final after a letter and before none, whatever punctuation is in between.
  CHECK(unicode::LowerCase(U"ΟΔΟΣ") == U"οδος");
  CHECK(unicode::LowerCase(U"ΣΟΣ.") == U"σος.");
  CHECK(unicode::LowerCase(U"Σ") == U"σ");
  CHECK(unicode::LowerCase(U"ΑΣ'Α") == U"ασ'α");
  CHECK(unicode::LowerCase(U"ΑΣ 'Α") == U"ας 'α");
}

TEST_CASE("compatibility normalization composes or decomposes", "[unicode]") {
  CHECK(unicode::Normalize(U"é", unicode::NormalForm::kNfkd) == U"e\u0301");
  CHECK(unicode::Normalize(U"e\u0301", unicode::NormalForm::kNfkc) == U"é");
  CHECK(unicode::Normalize(U"ﬁ ① Ａ １", unicode::NormalForm::kNfkc) == U"fi 1 A 1");
  CHECK(unicode::Normalize(U"각", unicode::NormalForm::kNfkd) == U"\u1100\u1161\u11A8");
  CHECK(unicode::Normalize(U"", unicode::NormalForm::kNfkc).empty());
}

TEST_CASE("character classes", "[unicode]") {
  for (const char32_t c : U"\t\n\r \u00A0\u1680\u2003\u3000\u001C") {
    if (c != 0) CHECK(unicode::IsSpace(c));
  }
  CHECK_FALSE(unicode::IsSpace(U'\u200B'));
  CHECK(unicode::IsWordCharacter(U'_'));
  CHECK(unicode::IsWordCharacter(U'中'));
  CHECK(unicode::IsWordCharacter(U'½'));
  CHECK_FALSE(unicode::IsWordCharacter(U'\''));
  CHECK(unicode::IsNonspacingMark(U'\u0301'));
  CHECK(unicode::IsMarkSymbolOrPunctuation(U'€'));
  CHECK(unicode::IsMarkSymbolOrPunctuation(U'。'));
  CHECK_FALSE(unicode::IsMarkSymbolOrPunctuation(U'x'));
  CHECK(unicode::IsDecimalDigit(U'٣'));
  CHECK_FALSE(unicode::IsDecimalDigit(U'²'));
}

TEST_CASE("decimal digits of every script have their value", "[unicode]") {
  CHECK(unicode::DecimalDigitValue(U'0') == 0);
  CHECK(unicode::DecimalDigitValue(U'9') == 9);
  CHECK(unicode::DecimalDigitValue(U'٣') == 3);  // Arabic-Indic
  CHECK(unicode::DecimalDigitValue(U'९') == 9);  // Devanagari
  CHECK(unicode::DecimalDigitValue(U'\U0001D7D9') ==
        1);  // mathematical double-struck, the second of five sets
  CHECK(unicode::DecimalDigitValue(U'\U0001D7FF') == 9);
}

TEST_CASE("graphemes keep what belongs together", "[unicode]") {
  const auto graphemes = unicode::SplitGraphemes(U"ae\u0301\u1100\u1161b");
  REQUIRE(graphemes.size() == 4);
  CHECK(graphemes[1] == U"e\u0301");
  CHECK(graphemes[2] == U"\u1100\u1161");
  CHECK(unicode::SplitGraphemes(U"").empty());
}

}  // namespace
}  // namespace earshot
