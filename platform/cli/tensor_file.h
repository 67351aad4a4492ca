// Safetensors files as inputs and outputs of runs (https://github.com/huggingface/safetensors). The
// converter's reader is for checkpoints: it streams weights and wants each taken once; this one holds a few
// small arrays in memory.
#ifndef EARSHOT_PLATFORM_CLI_TENSOR_FILE_H_
#define EARSHOT_PLATFORM_CLI_TENSOR_FILE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/core/dtype.h"
#include "runtime/core/status.h"

namespace earshot::cli {

// An array of rank 0 to 2, as runs take it: f32, or i32 from any type of whole numbers or truth values.
struct TensorContent {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::vector<std::byte> data;  // row-major, little endian
};
using Tensors = std::map<std::string, TensorContent>;

// Errors, with path and tensor: kNotFound, kInvalidArgument (no safetensors file, more than two axes, a whole
// number that i32 cannot hold), kUnsupported (a type without a meaning here), kIo.
Result<Tensors> ReadTensorFile(const std::string& path);
// The same for the bytes of a file.
Result<Tensors> ParseTensors(std::span<const std::byte> file);

// Whole or not at all, in the order of the names.
Status WriteTensorFile(const std::string& path, const Tensors& tensors);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_TENSOR_FILE_H_
