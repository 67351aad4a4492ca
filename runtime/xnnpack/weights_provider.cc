// XNNPACK's interface for caches of weights. Its "offsets" are the addresses themselves.
#include "runtime/xnnpack/weights_provider.h"

#include <xnnpack.h>

#include <cstdint>

namespace earshot {
namespace {

thread_local Packing* current_packing = nullptr;

size_t LookUp(void*, const xnn_weights_cache_look_up_key*) {
  if (current_packing == nullptr || current_packing->stored == nullptr) return SIZE_MAX;  // not found
  return reinterpret_cast<size_t>(current_packing->stored);
}

void* ReserveSpace(void*, size_t bytes) {
  if (current_packing == nullptr) return nullptr;
  Arena* arena = current_packing->arena;
  auto* memory = arena == nullptr ? nullptr : static_cast<std::byte*>(arena->Allocate(bytes));
  current_packing->packed = {memory, bytes};
  return memory;
}

size_t Insert(void*, const xnn_weights_cache_look_up_key*, void* weights, size_t) {
  return reinterpret_cast<size_t>(weights);
}

// Operators that have their weights may run.
bool IsFinalized(void*) { return true; }

void* AddressOf(void*, size_t offset) { return reinterpret_cast<void*>(offset); }

xnn_status Delete(void*) { return xnn_status_success; }

// XNNPACK wants it mutable, and only reads it.
xnn_weights_cache_provider provider = {.context = nullptr,
                                       .look_up = LookUp,
                                       .reserve_space = ReserveSpace,
                                       .look_up_or_insert = Insert,
                                       .is_finalized = IsFinalized,
                                       .offset_to_addr = AddressOf,
                                       .delete_cache = Delete};

}  // namespace

xnn_weights_cache_provider* WeightsProvider() { return &provider; }

PackingScope::PackingScope(Packing& packing) : previous_(current_packing) { current_packing = &packing; }
PackingScope::~PackingScope() { current_packing = previous_; }

}  // namespace earshot
