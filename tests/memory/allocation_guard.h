// Replaces the allocator functions of the whole process: libraries included, malloc, calloc, realloc,
// memalign and friends, mmap, mremap and operator new (which calls malloc). While a guard is armed the first
// call aborts with a stack trace.
#ifndef EARSHOT_TESTS_MEMORY_ALLOCATION_GUARD_H_
#define EARSHOT_TESTS_MEMORY_ALLOCATION_GUARD_H_

namespace earshot::test {

// What a violation does: abort the process, or only be counted (to prove that the replacement works).
enum class OnAllocation { kAbort, kCount };

// Arms for its lifetime, for all threads. One at a time.
class AllocationGuard {
 public:
  explicit AllocationGuard(OnAllocation on_allocation);
  ~AllocationGuard();
  AllocationGuard(const AllocationGuard&) = delete;
  AllocationGuard& operator=(const AllocationGuard&) = delete;

  long count() const;
};

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_MEMORY_ALLOCATION_GUARD_H_
