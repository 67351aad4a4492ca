// The network against the reference's own tensors (transformers, float32): encoder output, teacher-forced
// logits, greedy text. What each weight type costs is printed; only f32 has bounds of its own, the others
// must make the same choices.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/support/loaded_whisper.h"
#include "tests/support/safetensors_file.h"

namespace earshot {
namespace {

using test::LoadedWhisper;
using test::SafetensorsFile;

struct Difference {
  double max = 0;
  double rms = 0;
};

// Accumulates |actual - expected|.
class DifferenceMeter {
 public:
  void Add(float actual, float expected) {
    const double difference = std::fabs(static_cast<double>(actual) - static_cast<double>(expected));
    max_ = std::max(max_, difference);
    sum_of_squares_ += difference * difference;
    ++count_;
  }
  Difference result() const {
    return {max_, std::sqrt(sum_of_squares_ / static_cast<double>(std::max<int64_t>(count_, 1)))};
  }

 private:
  double max_ = 0, sum_of_squares_ = 0;
  int64_t count_ = 0;
};

// [mels, frames] as the reference stores it -> [frames, mels].
std::vector<float> TimeMajor(const std::vector<float>& mel, size_t num_mels) {
  const size_t frames = mel.size() / num_mels;
  std::vector<float> out(mel.size());
  for (size_t m = 0; m < num_mels; ++m) {
    for (size_t t = 0; t < frames; ++t) out[t * num_mels + m] = mel[m * frames + t];
  }
  return out;
}

Difference EncoderDifference(LoadedWhisper& model, const SafetensorsFile& golden) {
  const std::vector<float> mel = TimeMajor(golden.Floats("mel"), 80);
  REQUIRE(model.session.EncodeMel({mel.data(), 3000, 80, 80}).ok());
  const auto output = model.session.EncoderOutput();
  REQUIRE(output.ok());
  const std::vector<float> expected = golden.Floats("encoder");
  REQUIRE(static_cast<size_t>(output->rows * output->cols) == expected.size());
  DifferenceMeter meter;
  for (int64_t t = 0; t < output->rows; ++t) {
    for (int64_t c = 0; c < output->cols; ++c)
      meter.Add(output->Row(t)[c], expected[static_cast<size_t>(t * output->cols + c)]);
  }
  return meter.result();
}

// How far `actual` is from the numbers that the reference, stored as f16, may have had before rounding.
float BeyondF16Rounding(float actual, float expected) {
  const float half_step = std::ldexp(1.0f, std::max(std::ilogb(expected), -14) - 11);
  return std::max(std::fabs(actual - expected) - half_step, 0.0f);
}

struct DecoderOutcome {
  Difference logits;
  int agreeing_choices = 0;  // rows whose largest logit is at the reference's place
  int rows = 0;
};

// The reference's tokens are fed one by one; after each the logits are compared with those of the reference.
DecoderOutcome TeacherForced(LoadedWhisper& model, const SafetensorsFile& golden) {
  const std::vector<int32_t> tokens = golden.Ints("tokens");
  const std::vector<float> expected = golden.Floats("logits");
  const size_t vocabulary = expected.size() / tokens.size();
  DifferenceMeter meter;
  DecoderOutcome outcome;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto logits = model.session.Decode({&tokens[i], 1}, static_cast<int64_t>(i));
    REQUIRE(logits.ok());
    REQUIRE(logits->size() == vocabulary);
    const float* row = &expected[i * vocabulary];
    for (size_t v = 0; v < vocabulary; ++v)
      meter.Add(BeyondF16Rounding((*logits.operator->())[v], row[v]), 0.0f);
    const auto best = std::max_element(logits->begin(), logits->end()) - logits->begin();
    outcome.agreeing_choices += best == std::max_element(row, row + vocabulary) - row ? 1 : 0;
    ++outcome.rows;
  }
  outcome.logits = meter.result();
  return outcome;
}

TEST_CASE("network agrees with the reference implementation") {
  const std::string checkpoint = GENERATE("tiny.en", "base");
  const std::string weights = GENERATE("f32", "f16", "int8", "int4");
  const SafetensorsFile golden = test::ReadSafetensorsFile(
      std::string(EARSHOT_SHARED_DIR "/golden/whisper-") + checkpoint + "-jfk.safetensors");
  auto model = LoadedWhisper::Open(
      EARSHOT_TEST_MODELS_DIR "/whisper-" + checkpoint + "." + weights + ".earshot", {.num_threads = 2});
  const Difference encoder = EncoderDifference(*model, golden);
  const DecoderOutcome decoder = TeacherForced(*model, golden);
  std::printf("%-8s %-5s encoder max %.2e rms %.2e | logits max %.2e rms %.2e | same choice %d of %d\n",
              checkpoint.c_str(), weights.c_str(), encoder.max, encoder.rms, decoder.logits.max,
              decoder.logits.rms, decoder.agreeing_choices, decoder.rows);
  if (weights == "f32") {
    CHECK(encoder.max <= 2e-3);
    CHECK(decoder.logits.max <= 2e-2);
    CHECK(decoder.agreeing_choices == decoder.rows);
  }
  // With fewer bits a choice between two tokens of nearly the same probability may fall differently, but no
  // more than that.
  CHECK(decoder.agreeing_choices * 10 >= decoder.rows * 9);
}

}  // namespace
}  // namespace earshot
