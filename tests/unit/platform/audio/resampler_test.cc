// Resampler: lengths and piecewise use. The quality of the sound is tested through AudioReader.
#include "platform/audio/resampler.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

namespace earshot {
namespace {

std::vector<float> Run(uint32_t rate_hz, size_t samples, size_t in_block, size_t out_block) {
  Result<Resampler> resampler = Resampler::Create(rate_hz);
  REQUIRE(resampler.ok());
  std::vector<float> in(samples);
  for (size_t i = 0; i < samples; ++i) in[i] = std::sin(static_cast<float>(i) * 0.05f);
  std::vector<float> out;
  std::vector<float> block(out_block);
  const auto append = [&](size_t count) {
    out.insert(out.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(count));
  };
  for (size_t begin = 0; begin < samples;) {
    const size_t count = std::min(in_block, samples - begin);
    const Resampler::Counts counts = resampler->Process(std::span(in).subspan(begin, count), block);
    begin += counts.consumed;
    append(counts.produced);
  }
  for (size_t count = resampler->Flush(block); count > 0; count = resampler->Flush(block)) append(count);
  return out;
}

TEST_CASE("n samples become round(n * 16000 / rate)") {
  CHECK(ResampledLength(0, 44100) == 0);
  CHECK(ResampledLength(1, 96000) == 0);  // 0.17
  CHECK(ResampledLength(3, 96000) == 1);  // exactly one half
  CHECK(ResampledLength(44100, 44100) == 16000);
  CHECK(ResampledLength(8001, 8000) == 16002);
  CHECK(ResampledLength(uint64_t{1} << 60, 48000) == 384307168202282325);  // 2^60 / 3 = ...325.33
  for (const uint32_t rate : {8000u, 16000u, 22050u, 48000u}) {
    for (const size_t samples : {size_t{1}, size_t{2}, size_t{3}, size_t{100}, size_t{7919}}) {
      CAPTURE(rate, samples);
      CHECK(Run(rate, samples, 4096, 4096).size() ==
            static_cast<size_t>(std::llround(static_cast<double>(samples) * 16000.0 / rate)));
    }
  }
}

TEST_CASE("any piece size gives the same samples") {
  for (const uint32_t rate : {8000u, 16000u, 44100u}) {
    CAPTURE(rate);
    const std::vector<float> expected = Run(rate, 5000, 5000, 20000);
    CHECK(Run(rate, 5000, 1, 1) == expected);
    CHECK(Run(rate, 5000, 333, 7) == expected);
    CHECK(Run(rate, 5000, 7, 333) == expected);
  }
}

TEST_CASE("a rate of zero is refused") {
  const Result<Resampler> resampler = Resampler::Create(0);
  REQUIRE_FALSE(resampler.ok());
  CHECK(resampler.status().code() == StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace earshot
