// Interposed allocator functions. The executable's definitions take precedence over the C library's for every
// caller.
#undef _FILE_OFFSET_BITS  // else mmap would be another name of mmap64 on 32-bit systems, and both could not
                          // be defined
#undef _TIME_BITS         // needs the former

#include "tests/memory/allocation_guard.h"

#include <execinfo.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
}

namespace {

std::atomic<bool> armed{false};
std::atomic<bool> aborts{false};
std::atomic<long> calls{0};

void Note(const char* function) {
  if (!armed.load(std::memory_order_acquire)) return;
  calls.fetch_add(1);
  if (!aborts.load()) return;
  armed.store(false);  // the trace itself may allocate
  const char prefix[] = "allocation while the guard is armed: ";
  (void)!write(STDERR_FILENO, prefix, sizeof(prefix) - 1);
  (void)!write(STDERR_FILENO, function, std::strlen(function));
  (void)!write(STDERR_FILENO, "\n", 1);
  void* frames[48];
  backtrace_symbols_fd(frames, backtrace(frames, 48), STDERR_FILENO);
  std::abort();
}

void* MapPages(void* address, size_t bytes, int protection, int flags, int file, off64_t offset) {
#ifdef SYS_mmap2  // 32-bit systems: the offset counts units
  constexpr off64_t kUnitBytes = 4096;
  return reinterpret_cast<void*>(
      syscall(SYS_mmap2, address, bytes, protection, flags, file, static_cast<long>(offset / kUnitBytes)));
#else
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
#endif
}

}  // namespace

extern "C" {

void* malloc(size_t bytes) {
  Note("malloc");
  return __libc_malloc(bytes);
}

void* calloc(size_t count, size_t bytes) {
  Note("calloc");
  return __libc_calloc(count, bytes);
}

void* realloc(void* block, size_t bytes) {
  Note("realloc");
  return __libc_realloc(block, bytes);
}

void* memalign(size_t alignment, size_t bytes) {
  Note("memalign");
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  Note("aligned_alloc");
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** block, size_t alignment, size_t bytes) {
  Note("posix_memalign");
  *block = __libc_memalign(alignment, bytes);
  return *block == nullptr ? ENOMEM : 0;
}

void* valloc(size_t bytes) {
  Note("valloc");
  return __libc_memalign(static_cast<size_t>(sysconf(_SC_PAGESIZE)), bytes);
}

void free(void* block) { __libc_free(block); }

void* mmap(void* address, size_t bytes, int protection, int flags, int file, off_t offset) {
  Note("mmap");
  return MapPages(address, bytes, protection, flags, file, offset);
}

void* mmap64(void* address, size_t bytes, int protection, int flags, int file, off64_t offset) {
  Note("mmap64");
  return MapPages(address, bytes, protection, flags, file, offset);
}

void* mremap(void* address, size_t old_bytes, size_t new_bytes, int flags, ...) {
  Note("mremap");
  va_list arguments;
  va_start(arguments, flags);
  void* target = va_arg(arguments, void*);
  va_end(arguments);
  return reinterpret_cast<void*>(syscall(SYS_mremap, address, old_bytes, new_bytes, flags, target));
}

}  // extern "C"

namespace earshot::test {

AllocationGuard::AllocationGuard(OnAllocation on_allocation) {
  void* frame;
  backtrace(&frame, 1);  // its first call loads a library
  calls.store(0);
  aborts.store(on_allocation == OnAllocation::kAbort);
  armed.store(true, std::memory_order_release);
}

AllocationGuard::~AllocationGuard() { armed.store(false, std::memory_order_release); }

long AllocationGuard::count() const { return calls.load(); }

}  // namespace earshot::test
