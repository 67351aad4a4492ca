// How a progress line is made to fit a terminal.
#include "platform/cli/fitted_line.h"

#include <catch2/catch_test_macros.hpp>

namespace earshot::cli {
namespace {

TEST_CASE("What fits is left alone") { CHECK(FittedLine("a.wav", "41%", 10) == "a.wav  41%"); }

TEST_CASE("A long path loses its begin") {
  CHECK(FittedLine("folder/of/mine/talk.wav", "41%", 16) == "...talk.wav  41%");
}

TEST_CASE("Where no room is left for the subject only the state is shown") {
  CHECK(FittedLine("folder/of/mine/talk.wav", "41%  0:31 of 1:14", 22) == "41%  0:31 of 1:14");
  CHECK(FittedLine("folder/of/mine/talk.wav", "41%  0:31 of 1:14", 9) == "41%  0:31");
  CHECK(FittedLine("a.wav", "41%", 0).empty());
}

TEST_CASE("A character of several bytes is one column and is never cut") {
  CHECK(FittedLine("\u00e9t\u00e9.wav", "41%", 12) == "\u00e9t\u00e9.wav  41%");
  CHECK(FittedLine("folder/of/mine/\u00e9\u00e9\u00e9.wav", "41%", 13) == "...\u00e9.wav  41%");
  CHECK(FittedLine("a.wav", "\u00e9\u00e9\u00e9", 2) == "\u00e9\u00e9");
}

}  // namespace
}  // namespace earshot::cli
