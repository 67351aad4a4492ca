// What the owner of a model file can do so that its bytes take less memory.
#ifndef EARSHOT_RUNTIME_CORE_WEIGHTS_FILE_H_
#define EARSHOT_RUNTIME_CORE_WEIGHTS_FILE_H_

#include <cstddef>
#include <span>

#include "runtime/core/status.h"

namespace earshot {

// Both functions are optional, and neither may allocate. The bytes lie in the file as Program::Load was given
// it. Without `read` they are read in place.
struct WeightsFile {
  void* context = nullptr;

  // These bytes need not stay in memory: a packed copy has replaced them. The owner of a mapping may give the
  // pages back to the operating system; the bytes must stay readable. Called in Session::Create.
  void (*release)(void* context, std::span<const std::byte> bytes) = nullptr;

  // Copies `bytes` to `target`, which has room for them, without bringing what lies around them into memory:
  // one row of a mapped table would bring 64 KiB to 2 MB. Called in Session::Run, on its thread.
  Status (*read)(void* context, std::span<const std::byte> bytes, std::byte* target) = nullptr;

  void Release(std::span<const std::byte> bytes) const {
    if (release != nullptr) release(context, bytes);
  }
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_WEIGHTS_FILE_H_
