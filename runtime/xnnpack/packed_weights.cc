// PackedWeights: a list, searched from the front. Models have some hundred matrices.
#include "runtime/xnnpack/packed_weights.h"

#include <new>

namespace earshot {

std::span<const std::byte> PackedWeights::Find(const PackedMatrixKey& key) const {
  for (const Node* node = first_; node != nullptr; node = node->next) {
    if (node->key == key) return node->bytes;
  }
  return file_.Find(key);
}

Status PackedWeights::Add(const PackedMatrixKey& key, std::span<const std::byte> bytes, Arena& arena) {
  void* memory = arena.Allocate(sizeof(Node));
  if (memory == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  Node* node = new (memory) Node{key, bytes, nullptr};
  (first_ == nullptr ? first_ : last_->next) = node;
  last_ = node;
  return Status::Ok();
}

}  // namespace earshot
