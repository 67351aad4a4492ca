// The packed matrices of a session: those of a file, and those packed since. Layers with the same originals
// share one.
#ifndef EARSHOT_RUNTIME_XNNPACK_PACKED_WEIGHTS_H_
#define EARSHOT_RUNTIME_XNNPACK_PACKED_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/status.h"
#include "runtime/memory/arena.h"
#include "runtime/xnnpack/packed_weights_file.h"

namespace earshot {

// Lives as long as the layers made with it; the list of matrices lies in their arena. Threads: one at a time.
class PackedWeights {
 public:
  // Of the arena, for each matrix, besides its bytes.
  static constexpr size_t kListBytes = kArenaAlignment;

  PackedWeights() = default;  // of layers that stand for themselves: keys are addresses
  // `originals`: the model's weights. `file`: made from them, or empty.
  PackedWeights(std::span<const std::byte> originals, const PackedWeightsFile& file)
      : originals_(originals), file_(file) {}
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;

  // How a key names a byte of the originals.
  uint64_t PlaceOf(const void* original) const {
    return reinterpret_cast<uintptr_t>(original) - reinterpret_cast<uintptr_t>(originals_.data());
  }

  bool IsInFile(const PackedMatrixKey& key) const { return !file_.Find(key).empty(); }
  // The matrix of that key, of the file or added; empty if there is none.
  std::span<const std::byte> Find(const PackedMatrixKey& key) const;
  // Adds a matrix that was packed; the bytes are borrowed. kOutOfMemory.
  Status Add(const PackedMatrixKey& key, std::span<const std::byte> bytes, Arena& arena);

  // Calls visit(key, bytes) for every matrix that was added, in order.
  template <class Visit>
  void ForEachAdded(const Visit& visit) const {
    for (const Node* node = first_; node != nullptr; node = node->next) visit(node->key, node->bytes);
  }

 private:
  struct Node {
    PackedMatrixKey key;
    std::span<const std::byte> bytes;
    Node* next = nullptr;
  };
  static_assert(sizeof(Node) <= kListBytes);

  std::span<const std::byte> originals_;
  PackedWeightsFile file_;
  Node* first_ = nullptr;
  Node* last_ = nullptr;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_XNNPACK_PACKED_WEIGHTS_H_
