// Which layout this CPU's kernels want their weights in.
#ifndef EARSHOT_RUNTIME_XNNPACK_PACKED_LAYOUT_H_
#define EARSHOT_RUNTIME_XNNPACK_PACKED_LAYOUT_H_

#include <cstdint>

#include "runtime/core/status.h"

namespace earshot {

// A number that stands for the layout: weights packed under the same number may be used instead of packing
// anew. It is the checksum of XNNPACK's build identifier and of small matrices of every type, packed to see
// what comes out; so two CPUs share it where, and only where, their kernels read the same bytes. Found once
// in a process, in some microseconds. Never allocates but as InitializeXnnpack does. Errors: those of
// InitializeXnnpack and FullyConnected.
Result<uint64_t> PackedLayoutId();

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_XNNPACK_PACKED_LAYOUT_H_
