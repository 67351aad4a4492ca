// Memory for a session, straight from the operating system.
#ifndef EARSHOT_PLATFORM_FILES_MEMORY_BLOCK_H_
#define EARSHOT_PLATFORM_FILES_MEMORY_BLOCK_H_

#include <cstddef>
#include <span>

#include "runtime/core/status.h"

namespace earshot {

// Owns anonymous, zeroed, page-aligned memory. Pages become resident when first touched. Movable.
class MemoryBlock {
 public:
  // Errors: kOutOfMemory with the size.
  static Result<MemoryBlock> Allocate(size_t size_bytes);

  MemoryBlock(MemoryBlock&& other) noexcept;
  MemoryBlock& operator=(MemoryBlock&& other) noexcept;
  ~MemoryBlock();

  std::span<std::byte> bytes() const { return {data_, size_bytes_}; }

 private:
  MemoryBlock(std::byte* data, size_t size_bytes) : data_(data), size_bytes_(size_bytes) {}

  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_FILES_MEMORY_BLOCK_H_
