// XNNPACK's memory: its process-wide allocator, redirected to the arena of the session that is being created.
#ifndef EARSHOT_RUNTIME_XNNPACK_XNNPACK_ARENA_H_
#define EARSHOT_RUNTIME_XNNPACK_XNNPACK_ARENA_H_

#include "runtime/core/status.h"
#include "runtime/memory/arena.h"

namespace earshot {

// Initializes XNNPACK once for the process with our allocator. May call malloc the first time.
// Errors: kUnsupported where the CPU lacks what XNNPACK needs or cannot be identified; kInternal where
// somebody else in the process initialized XNNPACK with another allocator before.
Status InitializeXnnpack();

// While it lives, what XNNPACK allocates on this thread comes out of `arena`. Outside of every scope XNNPACK
// gets nothing, so that a hidden allocation after Session::Create is an error and not a surprise. Freed
// blocks stay in the arena.
class XnnpackArenaScope {
 public:
  explicit XnnpackArenaScope(Arena& arena);
  ~XnnpackArenaScope();
  XnnpackArenaScope(const XnnpackArenaScope&) = delete;
  XnnpackArenaScope& operator=(const XnnpackArenaScope&) = delete;

 private:
  Arena* previous_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_XNNPACK_XNNPACK_ARENA_H_
