// Bytes of a file or an arena as the elements that were written there.
#ifndef EARSHOT_RUNTIME_CORE_TYPED_BYTES_H_
#define EARSHOT_RUNTIME_CORE_TYPED_BYTES_H_

#include <cstddef>

namespace earshot {

// Preconditions: `bytes` is aligned for T, as all tensors and arenas are, and holds elements of that type.
template <class T>
T* ElementsAt(std::byte* bytes) {
  return static_cast<T*>(static_cast<void*>(bytes));
}
template <class T>
const T* ElementsAt(const std::byte* bytes) {
  return static_cast<const T*>(static_cast<const void*>(bytes));
}

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_TYPED_BYTES_H_
