// The allocator that XNNPACK keeps for the life of the process.
#include "runtime/xnnpack/xnnpack_arena.h"

#include <xnnpack.h>

namespace earshot {
namespace {

thread_local Arena* current_arena = nullptr;
bool allocator_was_used = false;

void* Allocate(void*, size_t bytes) {
  allocator_was_used = true;
  return current_arena == nullptr ? nullptr : current_arena->Allocate(bytes);
}

void* AllocateAligned(void*, size_t alignment, size_t bytes) {
  return alignment > kArenaAlignment ? nullptr : Allocate(nullptr, bytes);
}

// The size of the old block is not known, so its content cannot be moved; no operator that Earshot uses grows
// a block.
void* Reallocate(void*, void* block, size_t bytes) {
  return block == nullptr ? Allocate(nullptr, bytes) : nullptr;
}

void Deallocate(void*, void*) {}

constexpr xnn_allocator kAllocator = {nullptr, Allocate, Reallocate, Deallocate, AllocateAligned, Deallocate};

// XNNPACK keeps the first allocator it was ever given: a small allocation shows whether that was ours.
bool OurAllocatorIsInstalled() {
  alignas(kArenaAlignment) std::byte memory[8192];
  Arena arena(memory);
  const XnnpackArenaScope scope(arena);
  allocator_was_used = false;
  xnn_operator_t probe = nullptr;
  if (xnn_create_convert_nc_f32_qd8(0, &probe) != xnn_status_success) return false;
  xnn_delete_operator(probe);
  return allocator_was_used;
}

Status InitializeOnce() {
  if (const xnn_status status = xnn_initialize(&kAllocator); status != xnn_status_success) {
    return Status::Error(StatusCode::kUnsupported,
                         "XNNPACK cannot start on this CPU (status %d): it needs SSE2 or NEON, and "
                         "/proc/cpuinfo and /sys/devices/system/cpu "
                         "must be readable",
                         static_cast<int>(status));
  }
  if (!OurAllocatorIsInstalled()) {
    return Status::Error(
        StatusCode::kInternal,
        "XNNPACK was initialized by other code of this process; create the first Earshot session before it");
  }
  return Status::Ok();
}

}  // namespace

Status InitializeXnnpack() {
  static const Status status = InitializeOnce();
  return status;
}

XnnpackArenaScope::XnnpackArenaScope(Arena& arena) : previous_(current_arena) { current_arena = &arena; }
XnnpackArenaScope::~XnnpackArenaScope() { current_arena = previous_; }

}  // namespace earshot
