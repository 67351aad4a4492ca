// ByteSource: bounds of reads and seeks, and the operation budget.
#include "platform/audio/byte_source.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <limits>

namespace earshot {
namespace {

using Origin = ByteSource::Origin;

TEST_CASE("reads and seeks stay within the bytes") {
  std::array<std::byte, 10> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  ByteSource source = ByteSource::FromMemory(bytes);
  std::array<std::byte, 20> out{};
  CHECK(source.size_bytes() == 10);
  CHECK(source.Read(out.data(), 4) == 4);
  CHECK(out[3] == std::byte{3});
  CHECK(source.Seek(2, Origin::kCurrent));
  CHECK(source.Read(out.data(), 20) == 4);
  CHECK(out[0] == std::byte{6});
  CHECK(source.Read(out.data(), 1) == 0);
  CHECK(source.Seek(10, Origin::kBegin));  // the end is a valid place
  CHECK(source.Seek(-10, Origin::kCurrent));
  CHECK(source.Seek(5, Origin::kBegin));
  for (const int64_t offset :
       {int64_t{6}, int64_t{-6}, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    CAPTURE(offset);
    CHECK_FALSE(source.Seek(offset, Origin::kCurrent));
  }
  CHECK_FALSE(source.Seek(11, Origin::kBegin));
  CHECK_FALSE(source.Seek(-1, Origin::kBegin));
  CHECK(source.Read(out.data(), 1) == 1);  // a refused seek does not move
  CHECK(out[0] == std::byte{5});
}

TEST_CASE("a correction shows in every piece that touches it") {
  const std::array<std::byte, 10> bytes{};
  ByteSource source = ByteSource::FromMemory(bytes);
  source.Correct(3, {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}});
  const std::array<int, 10> expected = {0, 0, 0, 1, 2, 3, 4, 0, 0, 0};
  for (size_t begin = 0; begin < 10; ++begin) {
    for (size_t count = 1; begin + count <= 10; ++count) {
      std::array<std::byte, 10> out{};
      REQUIRE(source.Seek(static_cast<int64_t>(begin), Origin::kBegin));
      REQUIRE(source.Read(out.data(), count) == count);
      for (size_t i = 0; i < count; ++i) REQUIRE(std::to_integer<int>(out[i]) == expected[begin + i]);
    }
  }
}

TEST_CASE("a used-up budget ends reading and seeking") {
  const std::array<std::byte, 10> bytes{};
  ByteSource source = ByteSource::FromMemory(bytes);
  std::byte out;
  source.LimitOperations(3);
  CHECK(source.Read(&out, 1) == 1);
  CHECK(source.Seek(0, Origin::kBegin));
  CHECK(source.Read(&out, 1) == 1);
  CHECK(source.Read(&out, 1) == 0);
  CHECK_FALSE(source.Seek(0, Origin::kBegin));
  source.UnlimitOperations();
  CHECK(source.Read(&out, 1) == 1);
}

}  // namespace
}  // namespace earshot
