// How much work a run of an op is, counted from the shapes of its operands: for traces, and to compare times
// with the limits of a machine.
#ifndef EARSHOT_RUNTIME_OPS_OP_WORK_H_
#define EARSHOT_RUNTIME_OPS_OP_WORK_H_

#include <cstdint>

#include "runtime/ops/op.h"
#include "runtime/schema/model_generated.h"

namespace earshot {

// What the multiply-adds are done in.
enum class Arithmetic : uint8_t { kF32, kI8 };

// Least work of any implementation: each operand is read or written once. Of the arithmetic only
// multiply-adds of matrix products count; norms, activations, softmax and additions are bytes alone.
struct OpWork {
  Arithmetic arithmetic = Arithmetic::kF32;
  int64_t multiply_adds = 0;
  int64_t weight_bytes = 0;      // of the model file, scales included
  int64_t state_bytes = 0;       // read from KV caches and other states
  int64_t activation_bytes = 0;  // all other inputs, and the output wherever it lies

  int64_t bytes() const { return weight_bytes + state_bytes + activation_bytes; }
};

// ranks_nearly: that of the session (SessionOptions). Precondition: `op` is one of `method`, and `operands`
// are those that its kernel's Check accepts. Never allocates.
OpWork CountWork(const fb::Method& method, const fb::Op& op, const OpOperands& operands,
                 bool ranks_nearly = false);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_OP_WORK_H_
