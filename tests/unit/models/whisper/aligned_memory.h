// Bytes for an arena.
#ifndef EARSHOT_TESTS_UNIT_MODELS_WHISPER_ALIGNED_MEMORY_H_
#define EARSHOT_TESTS_UNIT_MODELS_WHISPER_ALIGNED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/memory/arena.h"

namespace earshot::whisper {

// Owns exactly `bytes`, aligned as an arena wants them.
class AlignedMemory {
 public:
  explicit AlignedMemory(size_t bytes) : storage_(bytes + kArenaAlignment) {
    const size_t misalignment = reinterpret_cast<uintptr_t>(storage_.data()) % kArenaAlignment;
    bytes_ = std::span(storage_).subspan(kArenaAlignment - misalignment, bytes);
  }
  AlignedMemory(AlignedMemory&&) = default;

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> storage_;
  std::span<std::byte> bytes_;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_TESTS_UNIT_MODELS_WHISPER_ALIGNED_MEMORY_H_
