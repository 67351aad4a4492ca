// MemoryBlock on POSIX.
#include "platform/files/memory_block.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace earshot {

Result<MemoryBlock> MemoryBlock::Allocate(size_t size_bytes) {
  void* data = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    return Status::Error(
        StatusCode::kOutOfMemory,
        "the system has no %zu bytes to give (%s); close programs, or convert a smaller model", size_bytes,
        std::strerror(errno));
  }
  return MemoryBlock(static_cast<std::byte*>(data), size_bytes);
}

MemoryBlock::MemoryBlock(MemoryBlock&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}

MemoryBlock& MemoryBlock::operator=(MemoryBlock&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

MemoryBlock::~MemoryBlock() {
  if (data_ != nullptr) munmap(data_, size_bytes_);
}

}  // namespace earshot
