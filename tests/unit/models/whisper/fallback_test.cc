// Judging decoded windows.
#include "models/whisper/fallback.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>

namespace earshot::whisper {
namespace {

constexpr TranscribeOptions kOptions;  // ratio 2.4, log-probability -1, no speech 0.6

TEST_CASE("a plain, confident text passes") {
  const AttemptScore score = {.avg_logprob = -0.3f, .compression_ratio = 1.5f, .no_speech_prob = 0.1f};
  CHECK_FALSE(NeedsFallback(kOptions, score));
  CHECK_FALSE(IsSilence(kOptions, score));
}

TEST_CASE("repetitive or doubtful text is tried again") {
  CHECK(NeedsFallback(kOptions, {.avg_logprob = -0.3f, .compression_ratio = 2.5f}));
  CHECK(NeedsFallback(kOptions, {.avg_logprob = -1.1f, .compression_ratio = 1.5f}));
  CHECK(NeedsFallback(kOptions, {.avg_logprob = -0.3f, .compression_ratio = 1.5f, .looped = true}));
  CHECK_FALSE(NeedsFallback(kOptions, {.avg_logprob = -1.0f, .compression_ratio = 2.4f}));
}

TEST_CASE("doubtful text in silence is not tried again, and skipped") {
  const AttemptScore silence = {.avg_logprob = -1.1f, .compression_ratio = 9.0f, .no_speech_prob = 0.7f};
  CHECK_FALSE(NeedsFallback(kOptions, silence));
  CHECK(IsSilence(kOptions, silence));
}

TEST_CASE("a confident text is kept, however likely silence is") {
  const AttemptScore score = {.avg_logprob = -0.5f, .compression_ratio = 1.5f, .no_speech_prob = 0.99f};
  CHECK_FALSE(IsSilence(kOptions, score));
  CHECK_FALSE(NeedsFallback(kOptions, score));
}

TEST_CASE("each check can be switched off") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  TranscribeOptions options;
  options.compression_ratio_threshold = kInfinity;
  CHECK_FALSE(NeedsFallback(options, {.avg_logprob = -0.3f, .compression_ratio = 100.0f}));
  options.logprob_threshold = -kInfinity;
  CHECK_FALSE(NeedsFallback(options, {.avg_logprob = -100.0f, .compression_ratio = 1.0f}));
  options = {};
  options.no_speech_threshold = 1.0f;
  CHECK_FALSE(IsSilence(options, {.avg_logprob = -3.0f, .no_speech_prob = 1.0f}));
}

TEST_CASE("of failures the one without repetition is kept, then the likelier") {
  const AttemptScore likely_loop = {.avg_logprob = -0.1f, .compression_ratio = 8.0f};
  const AttemptScore doubtful = {.avg_logprob = -1.5f, .compression_ratio = 1.2f};
  const AttemptScore more_doubtful = {.avg_logprob = -1.9f, .compression_ratio = 1.1f};
  CHECK(IsBetterFailure(kOptions, doubtful, likely_loop));
  CHECK_FALSE(IsBetterFailure(kOptions, likely_loop, doubtful));
  CHECK(IsBetterFailure(kOptions, doubtful, more_doubtful));
  CHECK_FALSE(IsBetterFailure(kOptions, more_doubtful, doubtful));
  CHECK_FALSE(IsBetterFailure(kOptions, doubtful, doubtful));
}

}  // namespace
}  // namespace earshot::whisper
