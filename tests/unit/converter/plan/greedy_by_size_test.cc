// Offsets for known lifetimes.
#include "converter/plan/greedy_by_size.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <random>
#include <vector>

namespace earshot::plan {
namespace {

Buffer Of(uint64_t size_bytes, int begin, int end) {
  return {.size_bytes = size_bytes, .lifetime = {begin, end}, .values = {}};
}

std::vector<uint64_t> Offsets(const std::vector<Buffer>& buffers) {
  std::vector<uint64_t> offsets;
  for (const Buffer& buffer : buffers) offsets.push_back(buffer.offset_bytes);
  return offsets;
}

}  // namespace

TEST_CASE("buffers that never meet share one place") {
  std::vector<Buffer> buffers = {Of(128, 0, 1), Of(256, 1, 2), Of(64, 2, 5)};
  CHECK(AssignOffsets(buffers) == 256);
  CHECK(Offsets(buffers) == std::vector<uint64_t>{0, 0, 0});
}

TEST_CASE("buffers that live together lie one after the other, the largest lowest") {
  std::vector<Buffer> buffers = {Of(64, 0, 2), Of(256, 1, 3), Of(128, 0, 3)};
  CHECK(AssignOffsets(buffers) == 448);
  CHECK(Offsets(buffers) == std::vector<uint64_t>{384, 0, 256});
}

TEST_CASE("offsets are multiples of 64") {
  std::vector<Buffer> buffers = {Of(65, 0, 1), Of(1, 0, 1), Of(64, 0, 1)};
  CHECK(AssignOffsets(buffers) == 256);
  CHECK(Offsets(buffers) == std::vector<uint64_t>{0, 192, 128});
}

TEST_CASE("the smallest gap that fits is taken") {
  // At op 1 the first four stand at 0, 640, 1152 and 1536; the second and fourth live on and leave gaps of
  // 640 and 384 bytes.
  std::vector<Buffer> buffers = {Of(640, 0, 2), Of(512, 0, 4), Of(384, 0, 2), Of(320, 0, 4), Of(300, 2, 4)};
  CHECK(AssignOffsets(buffers) == 1856);
  CHECK(buffers[4].offset_bytes == 1152);
}

TEST_CASE("nothing to place needs nothing") {
  std::vector<Buffer> none;
  CHECK(AssignOffsets(none) == 0);
}

TEST_CASE("random buffers never overlap while they live, and the order of equals is stable") {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    std::vector<Buffer> buffers;
    for (int i = 0; i < 60; ++i) {
      const int begin = static_cast<int>(random() % 30);
      buffers.push_back(Of(1 + random() % 1000, begin, begin + 1 + static_cast<int>(random() % 8)));
    }
    std::vector<Buffer> again = buffers;
    const uint64_t end = AssignOffsets(buffers);
    CHECK(AssignOffsets(again) == end);
    CHECK(Offsets(again) == Offsets(buffers));
    for (size_t i = 0; i < buffers.size(); ++i) {
      REQUIRE(buffers[i].offset_bytes % 64 == 0);
      REQUIRE(buffers[i].offset_bytes + buffers[i].size_bytes <= end);
      for (size_t j = 0; j < i; ++j) {
        const Buffer &a = buffers[i], &b = buffers[j];
        const bool meet = a.lifetime.begin < b.lifetime.end && b.lifetime.begin < a.lifetime.end;
        const bool overlap =
            a.offset_bytes < b.offset_bytes + b.size_bytes && b.offset_bytes < a.offset_bytes + a.size_bytes;
        REQUIRE(!(meet && overlap));
      }
    }
  }
}

}  // namespace earshot::plan
