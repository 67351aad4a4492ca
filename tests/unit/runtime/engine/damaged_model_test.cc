// A damaged model file is an error or still a usable model, never a crash: truncations and single-byte
// changes.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdio>
#include <random>
#include <string>

#include "platform/files/memory_block.h"
#include "runtime/engine/program.h"
#include "tests/support/exercise_model.h"

namespace earshot {
namespace {

using test::ConvertSyntheticWhisper;
using test::ExerciseModel;

// Symbols at their maxima contradict each other (position + tokens leave the cache), so a sound file may end
// with this.
bool IsSoundOutcome(const Status& status) {
  return status.ok() || status.code() == StatusCode::kInvalidArgument;
}

TEST_CASE("the undamaged model runs in every weight type") {
  const DType weights = GENERATE(DType::kF32, DType::kF16, DType::kI8, DType::kI4);
  const Status status = ExerciseModel(ConvertSyntheticWhisper(weights));
  INFO(status.message());
  CHECK(IsSoundOutcome(status));
}

TEST_CASE("a model cut short anywhere is refused") {
  const std::vector<std::byte> file = ConvertSyntheticWhisper(DType::kI8);
  constexpr size_t kPlaces = 200;
  for (size_t i = 0; i < kPlaces; ++i) {
    const size_t length = file.size() * i / kPlaces;
    const Status status = ExerciseModel(std::span(file).first(length));
    INFO("cut to " << length << " of " << file.size() << " bytes");
    REQUIRE_FALSE(status.ok());
    REQUIRE(status.code() == StatusCode::kInvalidModel);
  }
}

TEST_CASE("a changed byte gives an error or a model that runs") {
  const std::vector<std::byte> file = ConvertSyntheticWhisper(DType::kI8);
  constexpr uint32_t kSeed = 20240611;
  std::printf("seed %u\n", kSeed);
  std::mt19937 random(kSeed);
  constexpr int kChanges = 2000;
  int refused = 0;
  for (int i = 0; i < kChanges; ++i) {
    std::vector<std::byte> damaged = file;
    damaged[random() % damaged.size()] ^= static_cast<std::byte>(1 + random() % 255);
    if (!IsSoundOutcome(ExerciseModel(damaged))) ++refused;
  }
  std::printf("%d of %d changes refused\n", refused, kChanges);
  CHECK(refused > 0);
  CHECK(refused < kChanges);  // a changed weight is still a weight
}

TEST_CASE("a file of another kind is named as such") {
  const std::string text(5000, 'x');
  const Status status = ExerciseModel(std::as_bytes(std::span(text)));
  CHECK(status.code() == StatusCode::kInvalidModel);
  CHECK(std::string(status.message()).find("not an Earshot model") != std::string::npos);
}

}  // namespace
}  // namespace earshot
