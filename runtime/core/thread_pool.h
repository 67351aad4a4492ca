// A borrowed pool of worker threads: what ops and kernels use to run in parallel. The runtime starts no
// thread of its own; platform/threads makes the pool.
#ifndef EARSHOT_RUNTIME_CORE_THREAD_POOL_H_
#define EARSHOT_RUNTIME_CORE_THREAD_POOL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

struct pthreadpool;

namespace earshot {

// Whether other programs keep the workers of a pool from starting at once, which is asked of the workers
// themselves, every few milliseconds at most. Shared by the handles of the pool.
class WorkerLoad {
 public:
  bool IsHigh(pthreadpool* pool);
  // What was found, until a time that is asked again: for tests.
  void Assume(bool is_high, int64_t until_ns);

 private:
  std::atomic<int64_t> next_check_ns_ = 0;  // of the steady clock
  std::atomic<bool> is_high_ = false;
};

// Copyable handle. Borrows the pthreadpool and its load, which must outlive every session that uses it.
// Threads: one ParallelFor at a time; sessions that share a pool take turns.
class ThreadPool {
 public:
  ThreadPool() = default;  // everything runs on the calling thread
  explicit ThreadPool(pthreadpool* pool, WorkerLoad* load = nullptr) : pool_(pool), load_(load) {}

  pthreadpool* native() const { return pool_; }
  size_t num_threads() const;

  // The pool for work of so many multiply-adds: this one, or none where handing out parts would take longer
  // than they do. Starting a worker takes microseconds, and as long as another program's turn where that
  // holds its core: so what is worth sharing depends on the load.
  ThreadPool For(int64_t multiply_adds) const;

  // Calls body(task, thread) for every task in [0, num_tasks), thread in [0, num_threads()), and waits for
  // all. Never allocates. `body` must not throw.
  template <class Body>
  void ParallelFor(size_t num_tasks, const Body& body) const {
    static_assert(std::is_invocable_v<const Body&, size_t, size_t>);
    Run(
        num_tasks,
        [](void* context, size_t thread, size_t task) { (*static_cast<const Body*>(context))(task, thread); },
        const_cast<Body*>(&body));
  }

 private:
  using Task = void (*)(void* context, size_t thread, size_t task);
  void Run(size_t num_tasks, Task task, void* context) const;

  pthreadpool* pool_ = nullptr;
  WorkerLoad* load_ = nullptr;  // nullptr: never high
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_THREAD_POOL_H_
