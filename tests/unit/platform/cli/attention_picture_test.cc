#include "platform/cli/attention_picture.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/attention/patterns/window_pattern.h"

namespace earshot::cli {
namespace {

// '#' itself, '+' in a mean, '.' nothing; a line for each query.
std::vector<std::string> Drawn(const SightMatrix& seen) {
  std::vector<std::string> lines;
  for (const std::vector<Sight>& row : seen) {
    std::string line;
    for (const Sight sight : row) line += sight == Sight::kItself ? '#' : sight == Sight::kInMean ? '+' : '.';
    lines.push_back(line);
  }
  return lines;
}

TEST_CASE("a picture shows the keys of each query") {
  const WindowPattern causal_window({.left = 2, .right = 0, .causal = true});
  CHECK(Drawn(SeenByHead(causal_window, 0, {.queries = 5, .keys = 5})) ==
        std::vector<std::string>{"#....", "##...", "###..", ".###.", "..###"});
  // The queries are the last of the sequence.
  CHECK(Drawn(SeenByHead(causal_window, 0, {.queries = 2, .keys = 5})) ==
        std::vector<std::string>{".###.", "..###"});
}

TEST_CASE("a picture is in the order of time, though the kernel walks residue by residue") {
  const WindowPattern dilated({.beyond = KeysBeyond::kDilated, .step = 2, .reach_left = 2, .reach_right = 2});
  CHECK(Drawn(SeenByHead(dilated, 0, {.queries = 5, .keys = 5})) ==
        std::vector<std::string>{"#.#..", ".#.#.", "#.#.#", ".#.#.", "..#.#"});
}

TEST_CASE("pooled and listed keys are drawn") {
  const WindowPattern pooled({.beyond = KeysBeyond::kPooled, .step = 2});
  const std::vector<std::string> lines = Drawn(SeenByHead(pooled, 0, {.queries = 4, .keys = 6}));
  for (const std::string& line : lines) {
    CHECK(line.find('.') == std::string::npos);  // pooling leaves nothing out
    CHECK(line.find('+') != std::string::npos);
  }
  const WindowPattern window({.left = 0, .right = 0});
  constexpr std::array<int32_t, 1> kListed = {3};
  CHECK(Drawn(SeenByHead(window, 0, {.queries = 4, .keys = 4, .listed = kListed})) ==
        std::vector<std::string>{"#..#", ".#.#", "..##", "...#"});
}

TEST_CASE("a drawing says the share of the pairs, and merges what lies side by side") {
  const WindowPattern window({.left = 0, .right = 1});
  const std::string svg = AttentionSvg({{.heads = {"encode: <self> & more, head 0", "encode: other, head 1"},
                                         .pattern = "local:0:1",
                                         .seen = SeenByHead(window, 0, {.queries = 4, .keys = 4})}});
  CHECK(svg.find("43.8 % of the pairs") != std::string::npos);  // 7 of 16
  CHECK(svg.find("local:0:1") != std::string::npos);
  CHECK(svg.find("&lt;self> &amp; more, head 0 and 1 more") != std::string::npos);
  size_t rectangles = 0;
  for (size_t at = svg.find("<rect"); at != std::string::npos; at = svg.find("<rect", at + 1)) ++rectangles;
  CHECK(rectangles == 2 + 4);  // paper, square, a rectangle a row
}

}  // namespace
}  // namespace earshot::cli
