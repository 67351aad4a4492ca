// CompressionRatio against len(text) / len(zlib.compress(text)) of CPython 3.11 with zlib 1.2.13.
#include "models/common/compression_ratio.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/memory/arena.h"

namespace earshot {
namespace {

struct alignas(kArenaAlignment) Memory {
  std::byte bytes[CompressionRatio::kWorkspaceBytes];
};

std::string Repeat(const std::string& text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  return repeated;
}

float Ratio(size_t text_bytes, size_t compressed_bytes) {
  return static_cast<float>(static_cast<double>(text_bytes) / static_cast<double>(compressed_bytes));
}

TEST_CASE("ratios are those of Python's zlib, call after call") {
  std::string counter;
  for (int i = 0; i < 200; ++i) {
    counter +=
        std::to_string(i) + " times " + std::to_string(i * i) + " is " + std::to_string(i * i * i) + ". ";
  }
  struct Case {
    std::string text;
    size_t text_bytes;
    size_t compressed_bytes;
  };
  const std::vector<Case> cases = {
      {"And so my fellow Americans, ask not what your country can do for you, ask what you can do for your "
       "country.",
       107, 79},
      {Repeat(" I'm going to go to the store.", 20), 600, 41},
      {Repeat("Thank you. ", 30), 330, 24},
      {"a", 1, 9},
      {"Größe, naïve, 日本語のテキスト, здравствуйте, ¿qué tal?", 80, 89},
      {counter, 5157, 1941},
      {std::string(100000, '0'), 100000, 121},
  };
  const auto memory = std::make_unique<Memory>();
  Result<CompressionRatio> ratio = CompressionRatio::Create(memory->bytes);
  INFO(ratio.status().message());
  REQUIRE(ratio.ok());
  for (int round = 0; round < 2; ++round) {
    for (const Case& c : cases) {
      CAPTURE(c.text.substr(0, 30), round);
      REQUIRE(c.text.size() == c.text_bytes);
      CHECK(ratio->Compute(c.text) == Ratio(c.text_bytes, c.compressed_bytes));
    }
  }
  CHECK(ratio->Compute("") == 0.0f);
}

TEST_CASE("memory that does not suffice or is misaligned is refused") {
  const auto memory = std::make_unique<Memory>();
  const std::span<std::byte> bytes(memory->bytes);
  for (const size_t size : {size_t{0}, size_t{100}, size_t{4096}, size_t{200000}}) {
    CAPTURE(size);
    const Result<CompressionRatio> ratio = CompressionRatio::Create(bytes.first(size));
    REQUIRE_FALSE(ratio.ok());
    CHECK(ratio.status().code() == StatusCode::kOutOfMemory);
  }
  const Result<CompressionRatio> misaligned = CompressionRatio::Create(bytes.subspan(1));
  REQUIRE_FALSE(misaligned.ok());
  CHECK(misaligned.status().code() == StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace earshot
