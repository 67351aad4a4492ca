// The memory classes with their names, in the order in which every report lists them.
#ifndef EARSHOT_PLATFORM_CLI_MEMORY_CLASSES_H_
#define EARSHOT_PLATFORM_CLI_MEMORY_CLASSES_H_

#include <array>
#include <cstddef>

#include "runtime/engine/session.h"

namespace earshot::cli {

struct MemoryClass {
  const char* name;
  const char* meaning;
  size_t size_bytes;
};

inline std::array<MemoryClass, 4> ArenaClasses(const MemoryRequirements& memory) {
  return {{{"persistent", "packed weights, caches and other states, tables", memory.persistent_bytes},
           {"activations", "planned by the converter, shared by all methods", memory.activation_bytes},
           {"workspace", "scratch of the largest op", memory.workspace_bytes},
           {"io", "inputs and outputs", memory.io_bytes}}};
}

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_MEMORY_CLASSES_H_
