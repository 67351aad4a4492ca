// A list of token ids of fixed capacity in borrowed memory.
#ifndef EARSHOT_MODELS_COMMON_TOKEN_LIST_H_
#define EARSHOT_MODELS_COMMON_TOKEN_LIST_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace earshot {

// Owns nothing; copies share the memory. Threads: not thread-safe.
class TokenList {
 public:
  TokenList() = default;
  explicit TokenList(std::span<int32_t> memory) : memory_(memory) {}

  std::span<const int32_t> tokens() const { return memory_.first(size_); }
  size_t size() const { return size_; }
  size_t capacity() const { return memory_.size(); }
  bool full() const { return size_ == memory_.size(); }

  void Clear() { size_ = 0; }
  // Drops tokens at the end. Precondition: size <= size().
  void Truncate(size_t size) { size_ = size; }
  // Precondition: !full().
  void Append(int32_t token) { memory_[size_++] = token; }

  // Appends; where that would be too much, the oldest tokens make room. `tokens` must not lie in this list.
  void AppendAndForget(std::span<const int32_t> tokens) {
    tokens = tokens.last(std::min(tokens.size(), capacity()));
    const size_t kept = std::min(size_, capacity() - tokens.size());
    std::copy(memory_.begin() + static_cast<ptrdiff_t>(size_ - kept),
              memory_.begin() + static_cast<ptrdiff_t>(size_), memory_.begin());
    std::ranges::copy(tokens, memory_.begin() + static_cast<ptrdiff_t>(kept));
    size_ = kept + tokens.size();
  }

 private:
  std::span<int32_t> memory_;
  size_t size_ = 0;
};

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TOKEN_LIST_H_
