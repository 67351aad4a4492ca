// Limits: how they are measured and interpolated.
#include "platform/cli/machine_limits.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "platform/cpu/cpu_info.h"
#include "platform/threads/worker_threads.h"

namespace earshot::cli {
namespace {

using Catch::Approx;

TEST_CASE("read rates are interpolated over the logarithm of the size") {
  const MachineLimits limits = {.reads = {{1000, 100.0}, {4000, 60.0}, {16000, 20.0}}};
  CHECK(limits.ReadBytesPerSecond(10) == 100.0);
  CHECK(limits.ReadBytesPerSecond(1000) == 100.0);
  CHECK(limits.ReadBytesPerSecond(2000) == Approx(80.0));
  CHECK(limits.ReadBytesPerSecond(8000) == Approx(40.0));
  CHECK(limits.ReadBytesPerSecond(1e9) == 20.0);
}

TEST_CASE("of two measurements the higher limits count") {
  const MachineLimits a = {.f32_ops_per_s = 1, .int8_ops_per_s = 5, .int8_source = "a", .reads = {{8, 3.0}}};
  const MachineLimits b = {.f32_ops_per_s = 2, .int8_ops_per_s = 4, .int8_source = "b", .reads = {{8, 4.0}}};
  const MachineLimits higher = Higher(a, b);
  CHECK(higher.f32_ops_per_s == 2);
  CHECK(higher.int8_ops_per_s == 5);
  CHECK(std::string(higher.int8_source) == "a");
  CHECK(higher.reads[0].bytes_per_s == 4.0);
}

TEST_CASE("every limit is measured, for any number of threads") {
  for (const size_t num_threads : {size_t{1}, size_t{2}}) {
    const auto threads = WorkerThreads::Start(num_threads);
    const auto meter = LimitMeter::Create(threads->pool(), 1 << 20);
    REQUIRE(meter.ok());
    const auto limits = meter.value()->Measure();
    REQUIRE(limits.ok());
    CHECK(limits->f32_ops_per_s > 0);
    CHECK(limits->int8_ops_per_s > 0);
    REQUIRE(limits->reads.size() == 3);
    CHECK(limits->reads[0].size_bytes == 32 << 10);
    CHECK(limits->reads[1].size_bytes == 256 << 10);
    CHECK(limits->reads[2].size_bytes == 1 << 20);
    for (const ReadRate& read : limits->reads) CHECK(read.bytes_per_s > 0);
  }
}

TEST_CASE("the dot products that are counted are done") {
  ReadCpuInfo();
  const DotProducts dot_products = FindDotProducts();
  if (dot_products.run == nullptr) SKIP("this processor has no int8 dot product");
  int32_t once = 0, twice = 0;
  const int64_t multiply_adds = dot_products.run(1000, &once);
  CHECK(dot_products.run(2000, &twice) == 2 * multiply_adds);
  // One lane of all chains, each step adding four products of 1 and 2.
  const int64_t products_of_lane = (twice - once) / 2;
  REQUIRE(products_of_lane > 0);
  const int64_t lanes = multiply_adds / products_of_lane;
  CHECK((lanes == 4 || lanes == 8 || lanes == 16));
  CHECK(lanes * products_of_lane == multiply_adds);
}

}  // namespace
}  // namespace earshot::cli
