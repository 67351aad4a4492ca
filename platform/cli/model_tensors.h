// The weights of a model file as numbers, for people who want to look at them.
#ifndef EARSHOT_PLATFORM_CLI_MODEL_TENSORS_H_
#define EARSHOT_PLATFORM_CLI_MODEL_TENSORS_H_

#include "platform/cli/tensor_file.h"
#include "runtime/engine/program.h"

namespace earshot::cli {

// Every tensor as f32 [rows, cols], dequantized. Of two with one name the later one.
Tensors ModelTensors(const Program& program);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_MODEL_TENSORS_H_
