// The rewriting operations that normalizers and tokenizers are built from.
#include "models/common/text/text_edit.h"

#include <catch2/catch_test_macros.hpp>

namespace earshot::text_edit {
namespace {

TEST_CASE("words are split at any white space and joined by single spaces", "[text_edit]") {
  const auto words = SplitWords(U" a\t\u00A0bc \n");
  REQUIRE(words.size() == 2);
  CHECK(words[0] == U"a");
  CHECK(words[1] == U"bc");
  CHECK(SplitWords(U"  ").empty());
  CHECK(JoinWords(std::vector<std::u32string>{U"a", U"bc"}) == U"a bc");
  CHECK(CollapseSpaces(U" \ta  b ") == U" a b ");
  CHECK(Trim(U" \u3000a b\n") == U"a b");
  CHECK(Trim(U" \t").empty());
}

TEST_CASE("a literal is replaced only between word boundaries", "[text_edit]") {
  const LiteralRule word{.pattern = U"st", .replacement = U"saint "};
  CHECK(ReplaceLiteral(U"st. first st stst", word) == U"saint . first saint  stst");
  const LiteralRule ending{.start = LiteralRule::Start::kAnywhere, .pattern = U"n't", .replacement = U" not"};
  CHECK(ReplaceLiteral(U"don't n'ts", ending) == U"do not n'ts");
}

TEST_CASE("replacements are not replaced again", "[text_edit]") {
  CHECK(ReplaceAll(U"aaa", U"a", U"aa") == U"aaaaaa");
  CHECK(ReplaceAll(U"&amp;lt;", U"&amp;", U"&") == U"&lt;");
  const auto doubled = RewritePairs(
      U"aaab", [](char32_t a, char32_t b) { return a == b; },
      [](std::u32string& out, char32_t a, char32_t) { out += {a, U'-'}; });
  CHECK(doubled == U"a-ab");
}

TEST_CASE("brackets go with what is in them", "[text_edit]") {
  CHECK(RemoveBracketed(U"a [b] c <d] e (f) g") == U"a  c  e  g");
  CHECK(RemoveBracketed(U"a [b c (d") == U"a [b c (d");
  CHECK(RemoveBracketed(U"() a (b") == U"() a (b");
  CHECK(RemoveBracketed(U"[a (b] c)") == U" c)");
}

}  // namespace
}  // namespace earshot::text_edit
