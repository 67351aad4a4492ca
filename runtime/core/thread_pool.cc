// ThreadPool over pthreadpool, the pool XNNPACK uses too, so that one set of workers serves all.
#include "runtime/core/thread_pool.h"

#include <pthreadpool.h>

#include <chrono>

namespace earshot {
namespace {

// Some 5 us of one core of a PC, a few times what it takes to start a worker that waits in a loop.
constexpr int64_t kMinSharedWork = int64_t{1} << 17;
// 0.2 ms of it, or 1 ms of a Raspberry Pi: about the time that a worker waits for its turn.
constexpr int64_t kMinSharedWorkUnderLoad = int64_t{1} << 22;

constexpr int64_t kCheckInterval_ns = 5'000'000;
constexpr int64_t kCheckIntervalUnderLoad_ns = 50'000'000;
// A worker that waits in a loop starts within 10 us.
constexpr int64_t kHighLatency_ns = 100'000;

int64_t Now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

void StartAllWorkers(pthreadpool* pool) {
  pthreadpool_parallelize_1d(
      pool, [](void*, size_t) {}, nullptr, pthreadpool_get_threads_count(pool), /*flags=*/0);
}

}  // namespace

bool WorkerLoad::IsHigh(pthreadpool* pool) {
  if (Now_ns() < next_check_ns_.load(std::memory_order_relaxed))
    return is_high_.load(std::memory_order_relaxed);
  StartAllWorkers(pool);  // wakes those that sleep, which takes longer and says nothing
  const int64_t begin_ns = Now_ns();
  StartAllWorkers(pool);
  const int64_t end_ns = Now_ns();
  const bool is_high = end_ns - begin_ns > kHighLatency_ns;
  Assume(is_high, end_ns + (is_high ? kCheckIntervalUnderLoad_ns : kCheckInterval_ns));
  return is_high;
}

void WorkerLoad::Assume(bool is_high, int64_t until_ns) {
  is_high_.store(is_high, std::memory_order_relaxed);
  next_check_ns_.store(until_ns, std::memory_order_relaxed);
}

ThreadPool ThreadPool::For(int64_t multiply_adds) const {
  if (pool_ == nullptr || multiply_adds < kMinSharedWork) return {};
  const bool is_little = multiply_adds < kMinSharedWorkUnderLoad;
  return is_little && load_ != nullptr && load_->IsHigh(pool_) ? ThreadPool() : *this;
}

size_t ThreadPool::num_threads() const { return pool_ == nullptr ? 1 : pthreadpool_get_threads_count(pool_); }

void ThreadPool::Run(size_t num_tasks, Task task, void* context) const {
  if (num_tasks == 0) return;
  if (pool_ == nullptr || num_tasks == 1) {
    for (size_t i = 0; i < num_tasks; ++i) task(context, 0, i);
    return;
  }
  pthreadpool_parallelize_1d_with_thread(pool_, task, context, num_tasks, /*flags=*/0);
}

}  // namespace earshot
