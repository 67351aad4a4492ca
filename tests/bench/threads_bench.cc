// Worker threads: what they cost while there is nothing to do, and how long a piece of work takes on them, on
// an idle machine and on one where other threads want every core. Usage: threads_bench [regions]
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "platform/threads/worker_threads.h"

namespace earshot::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double Seconds(SteadyClock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Work of about so many microseconds that no compiler removes.
void Work(double microseconds) {
  const auto end = SteadyClock::now() + std::chrono::duration<double, std::micro>(microseconds);
  while (SteadyClock::now() < end) {
  }
}

// Share of one core that the process takes in pauses between pieces of work.
double IdleLoad(const ThreadPool& pool, std::chrono::milliseconds pause) {
  constexpr int kPauses = 50;
  double cpu_s = 0, idle_s = 0;
  for (int i = 0; i < kPauses; ++i) {
    pool.ParallelFor(pool.num_threads(), [](size_t, size_t) { Work(50); });
    const auto begin = SteadyClock::now();
    const double cpu_begin_s = CpuSeconds();
    std::this_thread::sleep_for(pause);
    cpu_s += CpuSeconds() - cpu_begin_s;
    idle_s += Seconds(SteadyClock::now() - begin);
  }
  return cpu_s / idle_s;
}

struct RegionTimes {
  double mean_us = 0, median_us = 0, p99_us = 0;
};

// Regions of 100 us of work for one thread, as in decoding; 8 tasks each, counted in loops and not in time,
// so that a task takes longer where its thread does not run.
RegionTimes TimeRegions(const ThreadPool& pool, int regions, int loops) {
  std::vector<double> times_us;
  std::atomic<unsigned> sink = 0;
  for (int i = 0; i < regions; ++i) {
    const auto begin = SteadyClock::now();
    pool.ParallelFor(8, [&](size_t task, size_t) {
      unsigned x = static_cast<unsigned>(task);
      for (int loop = 0; loop < loops; ++loop) x = x * 1664525u + 1013904223u;
      sink.fetch_add(x, std::memory_order_relaxed);
    });
    times_us.push_back(Seconds(SteadyClock::now() - begin) * 1e6);
  }
  RegionTimes times;
  for (const double time_us : times_us) times.mean_us += time_us / regions;
  std::sort(times_us.begin(), times_us.end());
  times.median_us = times_us[times_us.size() / 2];
  times.p99_us = times_us[times_us.size() * 99 / 100];
  return times;
}

// Threads that never stop wanting a core.
class Burners {
 public:
  explicit Burners(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        while (!stop_.load(std::memory_order_relaxed)) {
        }
      });
    }
  }
  ~Burners() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
};

void Main(int regions) {
  const size_t num_cores = std::thread::hardware_concurrency();
  for (const size_t num_threads : {size_t{1}, size_t{2}, size_t{4}}) {
    const WorkerThreads threads = WorkerThreads::Start(num_threads).value();
    std::printf(
        "%zu threads, nothing to do: %.1f %% of a core in pauses of 2 ms, %.2f %% in pauses of 20 ms\n",
        num_threads, 100 * IdleLoad(threads.pool(), std::chrono::milliseconds(2)),
        100 * IdleLoad(threads.pool(), std::chrono::milliseconds(20)));
  }
  constexpr int kLoops = 12'000;  // a dependent multiplication and addition: about 4 cycles
  for (const size_t num_burners : {size_t{0}, num_cores}) {
    const Burners burners(num_burners);
    for (const size_t num_threads : {size_t{1}, size_t{2}, size_t{4}}) {
      const WorkerThreads threads = WorkerThreads::Start(num_threads).value();
      const RegionTimes times = TimeRegions(threads.pool(), regions, kLoops);
      std::printf(
          "%zu other busy threads, %zu threads: a region takes %.0f us (mean), %.0f (median), %.0f (p99)\n",
          num_burners, num_threads, times.mean_us, times.median_us, times.p99_us);
    }
  }
}

}  // namespace
}  // namespace earshot::bench

int main(int argc, char** argv) {
  earshot::bench::Main(argc > 1 ? std::max(1, std::atoi(argv[1])) : 2000);
  return 0;
}
