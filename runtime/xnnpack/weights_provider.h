// Where XNNPACK puts, or finds, the packed weights of the operator that is being created.
#ifndef EARSHOT_RUNTIME_XNNPACK_WEIGHTS_PROVIDER_H_
#define EARSHOT_RUNTIME_XNNPACK_WEIGHTS_PROVIDER_H_

#include <cstddef>
#include <span>

#include "runtime/memory/arena.h"

struct xnn_weights_cache_provider;

namespace earshot {

// What is to be done about the weights of one operator.
struct Packing {
  const std::byte* stored = nullptr;  // packed before: use these. Otherwise
  Arena* arena = nullptr;             // pack into this; nullptr: make creation fail once the size is known
  std::span<std::byte> packed = {};   // result: where and how many; without memory only how many
};

// The provider to create operators with. It has no state of its own: an operator keeps the address of its
// weights.
xnn_weights_cache_provider* WeightsProvider();

// While it lives, the provider handles operators that this thread creates as `packing` says.
class PackingScope {
 public:
  explicit PackingScope(Packing& packing);
  ~PackingScope();
  PackingScope(const PackingScope&) = delete;
  PackingScope& operator=(const PackingScope&) = delete;

 private:
  Packing* previous_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_XNNPACK_WEIGHTS_PROVIDER_H_
