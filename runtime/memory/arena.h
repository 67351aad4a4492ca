// A bump allocator over bytes that the caller owns. All memory of a session comes out of arenas.
#ifndef EARSHOT_RUNTIME_MEMORY_ARENA_H_
#define EARSHOT_RUNTIME_MEMORY_ARENA_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace earshot {

// Cache line and widest vector; every allocation begins at a multiple of it.
constexpr size_t kArenaAlignment = 64;

// Rounds up to kArenaAlignment. Saturates instead of wrapping.
template <std::unsigned_integral T>
constexpr T AlignUp(T bytes) {
  return bytes > std::numeric_limits<T>::max() - kArenaAlignment
             ? std::numeric_limits<T>::max()
             : (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// Owns nothing: borrows `memory`, which must be aligned to kArenaAlignment and outlive what is allocated from
// it. An arena without memory only measures: Allocate returns nullptr and the counters tell what would have
// been needed. Threads: not thread-safe.
class Arena {
 public:
  Arena() = default;
  explicit Arena(std::span<std::byte> memory) : memory_(memory) {}

  // `bytes` at a multiple of kArenaAlignment, uninitialized; nullptr if they do not fit (required_bytes still
  // counts them).
  void* Allocate(size_t bytes) {
    const size_t aligned_bytes = AlignUp(bytes);
    const size_t begin = required_bytes_;
    required_bytes_ = aligned_bytes > std::numeric_limits<size_t>::max() - begin
                          ? std::numeric_limits<size_t>::max()
                          : begin + aligned_bytes;
    return required_bytes_ <= memory_.size() ? memory_.data() + begin : nullptr;
  }

  template <class T>
  T* AllocateArray(size_t count) {
    if (count > std::numeric_limits<size_t>::max() / sizeof(T)) return nullptr;
    return static_cast<T*>(Allocate(count * sizeof(T)));
  }

  // Bytes asked for so far, also those that did not fit.
  size_t required_bytes() const { return required_bytes_; }
  size_t capacity_bytes() const { return memory_.size(); }

 private:
  std::span<std::byte> memory_;
  size_t required_bytes_ = 0;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_MEMORY_ARENA_H_
