// A borrowed pool of worker threads: what ops and kernels use to run in parallel. The runtime starts no
// thread of its own; platform/threads makes the pool.
#ifndef EARSHOT_RUNTIME_CORE_THREAD_POOL_H_
#define EARSHOT_RUNTIME_CORE_THREAD_POOL_H_

#include <cstddef>
#include <type_traits>

struct pthreadpool;

namespace earshot {

// Copyable handle. Borrows the pthreadpool, which must outlive every session that uses it.
// Threads: one ParallelFor at a time; sessions that share a pool take turns.
class ThreadPool {
 public:
  ThreadPool() = default;  // everything runs on the calling thread
  explicit ThreadPool(pthreadpool* pool) : pool_(pool) {}

  pthreadpool* native() const { return pool_; }
  size_t num_threads() const;

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
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_THREAD_POOL_H_
