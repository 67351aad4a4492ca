// What is said about the progress of a transcription.
#include "platform/cli/progress.h"

#include <catch2/catch_test_macros.hpp>

namespace earshot::cli {
namespace {

TEST_CASE("The progress line has share, position, speed and time left") {
  // 31 s of 74 s in 2 s: 15.5 times real time, so 43 s more take 2.8 s.
  CHECK(ProgressText({.name = "a.wav", .processed_ms = 31'000, .total_ms = 74'000, .elapsed_s = 2}) ==
        "41%  0:31 of 1:14  16x real time  0:03 left");
}

TEST_CASE("As long as nothing is done nothing is said about speed") {
  CHECK(ProgressText({.name = "a.wav", .processed_ms = 0, .total_ms = 74'000, .elapsed_s = 0.1}) ==
        "0%  0:00 of 1:14");
}

TEST_CASE("The final line has duration, time, speed and memory") {
  const ProgressState state{.name = "a.wav", .processed_ms = 11'000, .total_ms = 11'000, .elapsed_s = 0.42};
  CHECK(FinalLine(state, 71'000'000) == "a.wav: 11.0 s in 0.42 s (26x real time), peak memory 71.0 MB");
  CHECK(FinalLine(state, 0) == "a.wav: 11.0 s in 0.42 s (26x real time)");
}

}  // namespace
}  // namespace earshot::cli
