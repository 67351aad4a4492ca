// Gives every tensor of a graph its type in the file, and its attention ops theirs.
#ifndef EARSHOT_CONVERTER_QUANTIZE_QUANTIZE_H_
#define EARSHOT_CONVERTER_QUANTIZE_QUANTIZE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "converter/quantize/input_moments.h"
#include "converter/quantize/weight_quantizer.h"
#include "runtime/core/dtype.h"
#include "runtime/core/status.h"

namespace earshot::quantize {

// Which weights get which type:
// - matrices of Linear ops: `weights`
// - tables of Embedding ops, which the output projection may share: `vocabulary`
// - Conv1d: f16, for they are small and their errors spread over everything after them; f32 if `weights` is
// f32; int8 if `weights` are integers and the graph names them in int8_convolutions
// - single rows (biases, norms) and everything else (positions, mel filters): f32
//
// Where a type does not fit (int4 needs columns in multiples of 32, f16 magnitudes up to 65504) a wider one
// is taken; so it is for the tensors that the graph names in int4_exceptions, or the caller in keep_int8.
//
// Attention ops that the graph names in encoder_attention compute in 8 bits where `attention` is kI8.
//
// States that the graph names in int8_states are kept in 8 bits where `weights` are integers, those in
// f16_states in f16 where `weights` are not f32.
struct Options {
  DType weights = DType::kI8;  // kI8, kI4, kF16 or kF32
  std::optional<DType> vocabulary =
      std::nullopt;  // as `weights`, but int8 where that is int4: 4 bits cost accuracy here
  std::optional<DType> attention = std::nullopt;  // kF32 or kI8; kI8 where `weights` is kI8 or kI4
  std::vector<std::string> keep_int8 = {};  // shell patterns of more tensors than the graph's int4_exceptions
  // Of the inputs of matrices, for those that become int4 (calibrated_int4.h); borrowed, may be null. What it
  // does not name is encoded without.
  MomentsByTensor* input_moments = nullptr;
  unsigned num_threads = 0;  // 0: as many as the machine has; the result does not depend on it
};

struct TensorReport {
  std::string name;
  int64_t rows = 0;
  int64_t cols = 0;
  DType dtype = DType::kF32;
  uint64_t bytes = 0;  // data and scales
  QuantizationError error;
  const char* note = "";  // why the type is not the one asked for
};

// Encodes every tensor, frees its f32 values, and sets the types of the values that refer to it.
// Returns a report in the order of graph.tensors. Errors: kInvalidModel for a tensor with a NaN or infinity;
// kInvalidArgument names a pattern of keep_int8 that matches no tensor for which int4 is asked.
Result<std::vector<TensorReport>> Quantize(ir::Graph& graph, const Options& options);

}  // namespace earshot::quantize

#endif  // EARSHOT_CONVERTER_QUANTIZE_QUANTIZE_H_
