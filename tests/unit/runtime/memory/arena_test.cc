// Arena: alignment, exhaustion, and measuring without memory.
#include "runtime/memory/arena.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>

namespace earshot {
namespace {

TEST_CASE("allocations are aligned, disjoint and counted") {
  alignas(kArenaAlignment) std::byte memory[4 * kArenaAlignment];
  Arena arena(memory);
  auto* first = static_cast<std::byte*>(arena.Allocate(1));
  auto* second = static_cast<std::byte*>(arena.Allocate(kArenaAlignment + 1));
  REQUIRE(first == memory);
  REQUIRE(second == memory + kArenaAlignment);
  CHECK(arena.required_bytes() == 3 * kArenaAlignment);
  CHECK(arena.Allocate(kArenaAlignment) == memory + 3 * kArenaAlignment);
  CHECK(arena.Allocate(1) == nullptr);
}

TEST_CASE("an arena that is too small still tells what was needed") {
  alignas(kArenaAlignment) std::byte memory[kArenaAlignment];
  Arena arena(memory);
  CHECK(arena.Allocate(1000) == nullptr);
  CHECK(arena.Allocate(1) == nullptr);
  CHECK(arena.required_bytes() == 1024 + kArenaAlignment);
}

TEST_CASE("an arena without memory measures") {
  Arena arena;
  CHECK(arena.AllocateArray<double>(9) == nullptr);
  CHECK(arena.required_bytes() == 2 * kArenaAlignment);
}

TEST_CASE("sizes that overflow are refused, not wrapped") {
  alignas(kArenaAlignment) std::byte memory[kArenaAlignment];
  Arena arena(memory);
  CHECK(arena.AllocateArray<double>(SIZE_MAX / 4) == nullptr);
  CHECK(arena.Allocate(SIZE_MAX) == nullptr);
  CHECK(arena.Allocate(1) == nullptr);
  CHECK(arena.required_bytes() == SIZE_MAX);
}

}  // namespace
}  // namespace earshot
