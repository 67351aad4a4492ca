// Worker threads do every task once, and cost nothing while there are none.
#include "platform/threads/worker_threads.h"

#include <pthreadpool.h>
#include <time.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <thread>

namespace earshot {
namespace {

double CpuMilliseconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

TEST_CASE("every task is done once, by a thread of the pool") {
  const size_t num_threads = GENERATE(1u, 2u, 4u);
  const WorkerThreads threads = WorkerThreads::Start(num_threads).value();
  REQUIRE(threads.pool().num_threads() == num_threads);
  std::array<std::atomic<int>, 100> counts{};
  std::atomic<bool> in_range = true;
  for (size_t num_tasks = 0; num_tasks <= counts.size(); ++num_tasks) {
    threads.pool().ParallelFor(num_tasks, [&](size_t task, size_t thread) {
      ++counts[task];
      if (thread >= num_threads) in_range = false;
    });
  }
  for (size_t task = 0; task < counts.size(); ++task)
    CHECK(counts[task] == static_cast<int>(counts.size() - task));
  CHECK(in_range);
}

TEST_CASE("an impossible number of threads is an error") {
  const size_t num_threads = GENERATE(size_t{0}, WorkerThreads::kMaxThreads + 1);
  CHECK(WorkerThreads::Start(num_threads).status().code() == StatusCode::kInvalidArgument);
}

// Processor time of the process, however busy the machine is. Threads that wait for 5,000 turns of a loop
// take less than a millisecond for three of them and a pause; with pthreadpool's own 1,000,000 they take more
// than 10 (it is built by toolchains/bootstrap.sh).
TEST_CASE("workers sleep when there is nothing to do") {
  const WorkerThreads threads = WorkerThreads::Start(4).value();
  constexpr int kPauses = 10;
  double cpu_ms = 0;
  for (int i = 0; i < kPauses; ++i) {
    threads.pool().ParallelFor(4, [](size_t, size_t) {});
    const double begin_ms = CpuMilliseconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    cpu_ms += CpuMilliseconds() - begin_ms;
  }
  CHECK(cpu_ms < 5 * kPauses);
}

constexpr int64_t kForever_ns = std::numeric_limits<int64_t>::max();

TEST_CASE("little work is not shared, and under load not even some") {
  const std::unique_ptr<pthreadpool, decltype(&pthreadpool_destroy)> workers(pthreadpool_create(2),
                                                                             &pthreadpool_destroy);
  WorkerLoad load;
  const ThreadPool pool(workers.get(), &load);
  load.Assume(false, kForever_ns);
  CHECK(pool.For(1000).num_threads() == 1);
  CHECK(pool.For(1'000'000).num_threads() == 2);
  CHECK(pool.For(1'000'000'000).num_threads() == 2);
  load.Assume(true, kForever_ns);
  CHECK(pool.For(1000).num_threads() == 1);
  CHECK(pool.For(1'000'000).num_threads() == 1);
  CHECK(pool.For(1'000'000'000).num_threads() == 2);
  CHECK(ThreadPool().For(1'000'000'000).num_threads() == 1);
}

TEST_CASE("the load is asked of the workers when what was known is old") {
  const std::unique_ptr<pthreadpool, decltype(&pthreadpool_destroy)> workers(pthreadpool_create(2),
                                                                             &pthreadpool_destroy);
  WorkerLoad load;
  load.Assume(true, kForever_ns);
  CHECK(load.IsHigh(workers.get()));
  load.Assume(true, 0);
  const bool found = load.IsHigh(workers.get());  // whatever it is on this machine
  CHECK(load.IsHigh(workers.get()) == found);     // within milliseconds: remembered, not asked
}

}  // namespace
}  // namespace earshot
