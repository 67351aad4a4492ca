// One block of 32 numbers in 4 bits, as plain and calibrated encoding share it.
#ifndef EARSHOT_CONVERTER_QUANTIZE_INT4_BLOCK_H_
#define EARSHOT_CONVERTER_QUANTIZE_INT4_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "converter/ir/graph.h"
#include "runtime/core/dtype.h"

namespace earshot::quantize {

constexpr size_t kInt4Block = static_cast<size_t>(kI4BlockElems);

using Int4Block = std::span<const float, kInt4Block>;

// bf16 bits of the scale with the least sum of squared errors, each multiplied by its importance.
uint16_t BestInt4Scale(Int4Block block, Int4Block importance);

// The integer, -8..7, that stands for the value.
float QuantizeInt4(float value, float inverse_scale);

// Writes scale and integers of a block into a tensor whose data and scales have their sizes.
void StoreInt4Block(ir::Tensor& tensor, size_t block_index, uint16_t scale_bits, Int4Block integers);

}  // namespace earshot::quantize

#endif  // EARSHOT_CONVERTER_QUANTIZE_INT4_BLOCK_H_
