// The language of --encoder-attention.
#include "converter/patterns/pattern_list.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "converter/patterns/head_pattern_text.h"

namespace earshot::patterns {
namespace {

using Catch::Matchers::ContainsSubstring;
using ir::SelectionKind;

TEST_CASE("a pattern reads back as it was written", "[quick]") {
  for (const char* text : {"full", "full+causal", "local:64", "local:64:0", "global:4", "strided:16",
                           "strided:16:3", "pooled:8", "paired:8:24", "paired:8:8+causal", "summaries:3:0",
                           "local:0", "local:32+global:4+strided:16", "local:8+pooled:8+causal"}) {
    const auto pattern = ParseHeadPattern(text);
    REQUIRE(pattern.ok());
    CHECK(HeadPatternText(pattern.value()) == text);
  }
}

TEST_CASE("the parts of a pattern are its selections", "[quick]") {
  const ir::HeadPattern pattern = ParseHeadPattern("causal+local:3:5+global:2+strided:7:4").value();
  CHECK(pattern.causal);
  const std::vector<ir::KeySelection> expected = {{.kind = SelectionKind::kLocal, .left = 3, .right = 5},
                                                  {.kind = SelectionKind::kGlobal, .count = 2},
                                                  {.kind = SelectionKind::kStrided, .step = 7, .offset = 4}};
  CHECK(pattern.selections == expected);
  CHECK(ParseHeadPattern("local:9").value().selections[0].right == 9);
}

TEST_CASE("a pattern that cannot be is refused with the piece that is wrong", "[quick]") {
  const struct {
    const char* text;
    const char* named;
  } cases[] = {{"", "\"\""},
               {"lokal:3", "lokal:3"},
               {"local", "local:BEFORE:AFTER"},
               {"local:", "\"\" in \"local:\""},
               {"local:1:2:3", "local:1:2:3"},
               {"local:-1", "\"-1\""},
               {"local:99999999999", "99999999999"},
               {"local:1.5", "1.5"},
               {"strided:0", "at least 1"},
               {"strided:4:4", "below the step"},
               {"pooled:0", "at least 1"},
               {"global:0", "at least one"},
               {"full:1", "full:1"},
               {"full+local:1", "full leaves nothing"},
               {"local:1+local:2", "twice"},
               {"causal+causal", "causal twice"},
               {"causal", "selects no keys"},
               {"strided:4+pooled:4", "either strided or pooled"},
               {"paired:8", "paired:QUERIES:KEYS"},
               {"paired:8:0", "at least one"},
               {"paired:8:8+global:4", "stand alone"},
               {"summaries:3:1+causal", "causal by themselves"},
               {"local:1+", "\"\""}};
  for (const auto& [text, named] : cases) {
    const auto pattern = ParseHeadPattern(text);
    INFO(text);
    REQUIRE(!pattern.ok());
    CHECK(pattern.status().code() == StatusCode::kInvalidArgument);
    CHECK_THAT(pattern.status().message(), ContainsSubstring(named));
  }
}

// The text of what the list makes of three layers with two, two and three heads.
std::string Expanded(const char* text) {
  const auto list = ParsePatternList(text);
  if (!list.ok()) return list.status().message();
  const auto patterns = ExpandPatterns(list.value(), {2, 2, 3});
  return patterns.ok() ? PatternListText(patterns.value()) : patterns.status().message();
}

TEST_CASE("the first entry that names a head decides, the others are full", "[quick]") {
  CHECK(Expanded("local:4") == "local:4");
  CHECK(Expanded("full") == "full");
  CHECK(Expanded("1=local:4") == "1=local:4");
  CHECK(Expanded("1.0=full;*=local:4") == "0,1.1,2=local:4");
  CHECK(Expanded("0-1.1,2.0=local:4;2.1-2=local:4+pooled:8") == "0.1,1.1,2.0=local:4;2.1-2=local:4+pooled:8");
  CHECK(Expanded("*.1=strided:2;*=local:1") == "0.0,1.0,2.0,2.2=local:1;0.1,1.1,2.1=strided:2");
  CHECK(Expanded("*=full") == "full");
}

TEST_CASE("the text of a list means the same list", "[quick]") {
  const char* text = "0.1,2=local:3;1.0=local:4+pooled:8";
  CHECK(Expanded(Expanded(text).c_str()) == Expanded(text));
}

TEST_CASE("heads that are not there and lists without sense are refused", "[quick]") {
  CHECK_THAT(Expanded("3=local:4"), ContainsSubstring("no layer 3"));
  CHECK_THAT(Expanded("0-3=local:4"), ContainsSubstring("no layer 3"));
  CHECK_THAT(Expanded("1.2=local:4"), ContainsSubstring("no head 2: layer 1 has heads 0 to 1"));
  CHECK_THAT(Expanded("0-2.2=local:4"), ContainsSubstring("no head 2: layer 0"));
  for (const char* where : {"", "x", "1.2.3", "2-1", "1-", "-1", "1,,2", "1 "})
    CHECK_THAT(Expanded((std::string(where) + "=local:4").c_str()), ContainsSubstring("LAYER or LAYER.HEAD"));
  CHECK_THAT(Expanded("local:4;1=full"), ContainsSubstring("needs its heads"));
  CHECK_THAT(Expanded("1=local:4;"), ContainsSubstring("no selection of keys"));
}

TEST_CASE("patterns reach the attention ops that the graph names, one layer each", "[quick]") {
  ir::Graph graph;
  graph.encoder_attention = {"encoder.*"};
  ir::Method& method = graph.methods.emplace_back();
  for (const char* name : {"encoder.0", "other", "encoder.1", "encoder.2"})
    method.ops.push_back(
        {.name = name, .attributes = ir::Attention{.num_heads = 2}, .inputs = {}, .outputs = {}});
  method.ops.push_back({.name = "encoder.linear", .attributes = ir::Linear{}, .inputs = {}, .outputs = {}});
  REQUIRE(EncoderAttention(graph).size() == 3);
  const auto patterns = ExpandPatterns(ParsePatternList("0=local:1;1.1=local:2").value(), {2, 2, 2});
  SetEncoderPatterns(graph, patterns.value());
  const auto attention = [&](size_t op) { return std::get<ir::Attention>(method.ops[op].attributes); };
  CHECK(attention(0).pattern == ir::PatternKind::kHeads);
  CHECK(attention(0).heads == std::vector{ParseHeadPattern("local:1").value()});
  CHECK(attention(1).pattern == ir::PatternKind::kFull);
  CHECK(attention(2).heads == std::vector{FullHead(), ParseHeadPattern("local:2").value()});
  CHECK(attention(3).pattern == ir::PatternKind::kFull);
  CHECK(attention(3).heads.empty());
}

}  // namespace
}  // namespace earshot::patterns
