// Fused activations: the schema's enumeration, and applying one to a result in place.
#ifndef EARSHOT_RUNTIME_OPS_ACTIVATION_H_
#define EARSHOT_RUNTIME_OPS_ACTIVATION_H_

#include "runtime/kernels/kernels.h"
#include "runtime/ops/op.h"

namespace earshot {

// kInvalidModel for a number that is no activation.
Result<kernels::Activation> ActivationFrom(fb::Activation activation);

// out = activation(out), spread over the threads.
void ActivateInPlace(kernels::Activation activation, Matrix<float> out, const ThreadPool& pool);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_ACTIVATION_H_
