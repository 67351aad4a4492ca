// WorkerThreads over pthreadpool.
#include "platform/threads/worker_threads.h"

#include <pthreadpool.h>

#include <algorithm>
#include <utility>

#include "platform/cpu/cores.h"

namespace earshot {

Result<WorkerThreads> WorkerThreads::Start(size_t num_threads) {
  if (num_threads < 1 || num_threads > kMaxThreads) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "%zu threads were asked for; between 1 and %zu are possible", num_threads,
                         kMaxThreads);
  }
  if (num_threads == 1) return WorkerThreads(nullptr);
  pthreadpool_t pool = pthreadpool_create(num_threads);
  if (pool == nullptr)
    return Status::Error(StatusCode::kOutOfMemory, "the system refused to start %zu threads", num_threads);
  return WorkerThreads(pool);
}

size_t WorkerThreads::DefaultCount() {
  constexpr size_t kEnough = 4;
  return std::clamp(CountFastCores(AllowedCores()), size_t{1}, kEnough);
}

WorkerThreads::WorkerThreads(WorkerThreads&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), load_(std::move(other.load_)) {}

WorkerThreads& WorkerThreads::operator=(WorkerThreads&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(load_, other.load_);
  return *this;
}

WorkerThreads::~WorkerThreads() {
  if (pool_ != nullptr) pthreadpool_destroy(pool_);
}

}  // namespace earshot
