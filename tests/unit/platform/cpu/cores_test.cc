// Which cores are worth using.
#include "platform/cpu/cores.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/unit/platform/cpu/system_tree.h"

namespace earshot {
namespace {

TEST_CASE("equal cores are all fast", "[cores]") {
  CHECK(CountFastCores(std::vector<Core>(4)) == 4);  // nothing is known of them
  CHECK(CountFastCores(std::vector<Core>(4, {.max_khz = 1'500'000})) == 4);
}

TEST_CASE("small cores of a mixed processor are left out", "[cores]") {
  const Core big = {.capacity = 1024, .max_khz = 1'800'000}, little = {.capacity = 485, .max_khz = 1'900'000};
  CHECK(CountFastCores({little, little, little, little, big, big}) == 2);
}

TEST_CASE("without capacities the frequency decides", "[cores]") {
  const Core fast = {.max_khz = 3'000'000}, nearly = {.max_khz = 2'800'000}, slow = {.max_khz = 1'000'000};
  CHECK(CountFastCores({fast, nearly, slow}) == 2);
}

TEST_CASE("what the kernel says of a core is found", "[cores]") {
  const SystemTree tree;
  const std::vector<Core> bare = AllowedCores(tree.root());
  REQUIRE_FALSE(bare.empty());
  for (const Core& core : bare) {
    CHECK(core.capacity == 0);
    CHECK(core.max_khz == 0);
  }
  const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(bare[0].id);
  tree.Write(folder + "/cpu_capacity", "446\n");
  tree.Write(folder + "/cpufreq/cpuinfo_max_freq", "1800000\n");
  const Core core = AllowedCores(tree.root())[0];
  CHECK(core.capacity == 446);
  CHECK(core.max_khz == 1'800'000);
}

}  // namespace
}  // namespace earshot
