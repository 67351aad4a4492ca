// Where a long recording is cut.
#include "models/whisper/window_cuts.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace earshot::whisper {
namespace {

constexpr int64_t kWindowMs = 30000;

struct Sound {
  std::vector<int64_t> pauses_ms;  // of half a second
  int64_t reads = 0;
};

AudioSource Source(Sound& sound, int64_t seconds) {
  return {&sound, seconds * kSampleRateHz, [](void* context, int64_t first, std::span<float> out) {
            auto& self = *static_cast<Sound*>(context);
            ++self.reads;
            for (size_t i = 0; i < out.size(); ++i) {
              const int64_t ms = (first + static_cast<int64_t>(i)) / kSamplesPerMs;
              out[i] = (first + static_cast<int64_t>(i)) % 2 == 0 ? 0.5f : -0.5f;
              for (const int64_t pause_ms : self.pauses_ms) {
                if (ms >= pause_ms && ms < pause_ms + 500) out[i] *= 0.01f;
              }
            }
            return Status::Ok();
          }};
}

int64_t EndOf(Sound sound, int64_t seconds, int64_t begin_ms) {
  return FindWindowEnd(Source(sound, seconds), begin_ms, kWindowMs).value();
}

TEST_CASE("what fits a window is not cut") {
  Sound sound = {.pauses_ms = {25000}};
  CHECK(FindWindowEnd(Source(sound, 30), 0, kWindowMs).value() == 30000);
  CHECK(FindWindowEnd(Source(sound, 50), 20000, kWindowMs).value() == 50000);
  CHECK(sound.reads == 0);
}

TEST_CASE("a long recording is cut in a pause near the end of the window") {
  // The first is too early, the last is too late.
  const int64_t end_ms = EndOf({.pauses_ms = {10000, 26000, 30500}}, 100, 0);
  CHECK(end_ms >= 26000);
  CHECK(end_ms <= 26500);
  const int64_t next_ms = EndOf({.pauses_ms = {10000, 26000, 51000}}, 100, end_ms);
  CHECK(next_ms >= 51000);
  CHECK(next_ms <= 51500);
}

TEST_CASE("two windows share the rest evenly") {
  const int64_t end_ms = EndOf({.pauses_ms = {15000, 28000}}, 33, 0);
  CHECK(end_ms >= 15000);
  CHECK(end_ms <= 15500);
}

TEST_CASE("both parts fit a window even without a pause") {
  for (const int64_t seconds : {31, 45, 59, 60, 61, 300}) {
    const int64_t end_ms = EndOf({}, seconds, 0);
    CHECK(end_ms > 0);
    CHECK(end_ms <= kWindowMs);
    if (seconds < 60) CHECK(seconds * 1000 - end_ms <= kWindowMs);
  }
}

TEST_CASE("windows that were shortened are cut, too") {
  Sound sound;
  const int64_t end_ms = FindWindowEnd(Source(sound, 9), 0, 2000).value();
  CHECK(end_ms >= 1500);
  CHECK(end_ms <= 2000);
}

TEST_CASE("an error of the source is passed on") {
  AudioSource broken = {nullptr, 100 * kSampleRateHz, [](void*, int64_t, std::span<float>) {
                          return Status::Error(StatusCode::kIo, "gone");
                        }};
  CHECK(FindWindowEnd(broken, 0, kWindowMs).status().code() == StatusCode::kIo);
}

}  // namespace
}  // namespace earshot::whisper
