// The worker threads of a process: made before a session, lent to it as a ThreadPool.
#ifndef EARSHOT_PLATFORM_THREADS_WORKER_THREADS_H_
#define EARSHOT_PLATFORM_THREADS_WORKER_THREADS_H_

#include <cstddef>
#include <memory>

#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"

namespace earshot {

// Owns the threads; must outlive the sessions that borrow its pool. Movable.
class WorkerThreads {
 public:
  static constexpr size_t kMaxThreads = 64;

  // num_threads counts the calling thread, so 1 starts none. Errors: kInvalidArgument unless 1 ..
  // kMaxThreads; kOutOfMemory.
  static Result<WorkerThreads> Start(size_t num_threads);

  // Fast cores that this process may run on (CountFastCores), at most 4: the boards Earshot is for have no
  // more.
  static size_t DefaultCount();

  WorkerThreads(WorkerThreads&& other) noexcept;
  WorkerThreads& operator=(WorkerThreads&& other) noexcept;
  ~WorkerThreads();

  ThreadPool pool() const { return ThreadPool(pool_, load_.get()); }

 private:
  explicit WorkerThreads(pthreadpool* pool) : pool_(pool), load_(std::make_unique<WorkerLoad>()) {}
  pthreadpool* pool_ = nullptr;  // nullptr: one thread, the caller's
  std::unique_ptr<WorkerLoad> load_;
};

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_THREADS_WORKER_THREADS_H_
