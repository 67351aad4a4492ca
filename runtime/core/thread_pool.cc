// ThreadPool over pthreadpool, the pool XNNPACK uses too, so that one set of workers serves all.
#include "runtime/core/thread_pool.h"

#include <pthreadpool.h>

namespace earshot {

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
