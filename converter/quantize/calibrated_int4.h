// int4 weights chosen for what a layer puts out on real data instead of for the weights themselves.
#ifndef EARSHOT_CONVERTER_QUANTIZE_CALIBRATED_INT4_H_
#define EARSHOT_CONVERTER_QUANTIZE_CALIBRATED_INT4_H_

#include <cstdint>
#include <span>
#include <vector>

#include "converter/ir/graph.h"

namespace earshot::quantize {

// Upper triangular U [n, n] with U^T U = (H + damping I)^-1, where H are the moments of the inputs (their
// upper triangle [n, n]) and damping is 0.01 of the mean of their diagonal. Ten times as much made Whisper
// tiny.en agree less with its f32 form; so did rounding the columns with the largest inputs first, a little.
std::vector<float> FactorOfInverse(std::span<const float> moments, int64_t n);

// Encodes tensor.values as kI4 like EncodeTensor, but column after column: what rounding a column changes in
// the layer's output is made up for as well as possible by the columns behind it that are not rounded yet
// (GPTQ: Frantar et al. 2022, arXiv 2210.17323, section 3). A block's scale is searched when its turn comes,
// an error counting as much as it costs: 1 / U[j, j]^2. `factor`: FactorOfInverse with n = tensor.cols.
void EncodeInt4Calibrated(ir::Tensor& tensor, std::span<const float> factor);

}  // namespace earshot::quantize

#endif  // EARSHOT_CONVERTER_QUANTIZE_CALIBRATED_INT4_H_
