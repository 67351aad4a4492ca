// The table that `earshot-convert --report` prints about the weights.
#ifndef EARSHOT_CONVERTER_QUANTIZE_QUANTIZATION_REPORT_H_
#define EARSHOT_CONVERTER_QUANTIZE_QUANTIZATION_REPORT_H_

#include <span>
#include <string>

#include "converter/quantize/quantize.h"

namespace earshot::quantize {

// One line for each tensor: shape, type, bytes, largest and RMS error, signal-to-noise ratio; then totals for
// each type.
std::string FormatTensorTable(std::span<const TensorReport> tensors);

// One line: how many tensors and bytes each type got, for example "int8 34 tensors 37.1 MB, f32 63
// tensors 2.6 MB".
std::string FormatTypeSummary(std::span<const TensorReport> tensors);

}  // namespace earshot::quantize

#endif  // EARSHOT_CONVERTER_QUANTIZE_QUANTIZATION_REPORT_H_
