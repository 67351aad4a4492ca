// Cuts in audio with pauses at known places.
#include "models/common/quiet_cut.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

namespace earshot {
namespace {

constexpr int64_t kSecond = 16000;

// A tone of so many seconds.
std::vector<float> Tone(double seconds) {
  std::vector<float> samples(static_cast<size_t>(seconds * kSecond));
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = 0.3f * std::sin(0.1f * static_cast<float>(i));
  return samples;
}

void Hush(std::vector<float>& samples, double begin_s, double end_s, float factor) {
  for (auto i = static_cast<size_t>(begin_s * kSecond); i < static_cast<size_t>(end_s * kSecond); ++i)
    samples[i] *= factor;
}

TEST_CASE("the cut lies in the middle of the longest pause behind the earliest place") {
  std::vector<float> audio = Tone(10);
  Hush(audio, 2.0, 3.0, 0.0f);  // too early
  Hush(audio, 6.0, 6.2, 0.0f);  // too short: the stretch around it is louder
  Hush(audio, 8.0, 8.3, 0.001f);
  const int64_t cut = FindQuietCut(audio, {.earliest = 5 * kSecond});
  CHECK(cut >= 8 * kSecond);
  CHECK(cut <= 8 * kSecond + 4800);
}

TEST_CASE("of pauses that are equally quiet the last one is cut") {
  std::vector<float> audio = Tone(10);
  Hush(audio, 5.5, 6.5, 0.0f);
  Hush(audio, 8.0, 9.0, 0.0f);
  const int64_t cut = FindQuietCut(audio, {.earliest = 5 * kSecond});
  CHECK(cut >= 8 * kSecond);
  CHECK(cut <= 9 * kSecond);
}

TEST_CASE("audio without room for a stretch is not cut before its end") {
  const std::vector<float> audio = Tone(0.4);
  CHECK(FindQuietCut(audio, {.earliest = 3000}) == std::ssize(audio));
  CHECK(FindQuietCut(audio, {.earliest = std::ssize(audio)}) == std::ssize(audio));
}

TEST_CASE("audio without a pause is cut somewhere between earliest and the end") {
  const std::vector<float> audio = Tone(3);
  const int64_t cut = FindQuietCut(audio, {.earliest = kSecond});
  CHECK(cut >= kSecond);
  CHECK(cut < std::ssize(audio));
}

}  // namespace
}  // namespace earshot
