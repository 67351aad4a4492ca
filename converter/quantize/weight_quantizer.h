// Numbers of one weight matrix into the types of the model file, and back.
#ifndef EARSHOT_CONVERTER_QUANTIZE_WEIGHT_QUANTIZER_H_
#define EARSHOT_CONVERTER_QUANTIZE_WEIGHT_QUANTIZER_H_

#include <cstddef>
#include <span>
#include <vector>

#include "converter/ir/graph.h"
#include "runtime/core/dtype.h"

namespace earshot::quantize {

// Encodes tensor.values as `dtype` into tensor.data and tensor.scales (layout: fb::Tensor) and frees the
// values. Requires finite values; kI4 requires tensor.cols % 32 == 0; kF16 requires |values| <= 65504.
//
// kI8: q = round(w / scale) in -127..127, one scale per row = largest magnitude / 127. Clipping the largest
// for the sake of the others was tried: it gains 0.01 dB on Whisper tiny.en, so it is not done.
//
// kI4: q in -8..7, one scale per block of 32: of a few candidates the one with the least squared error,
// rounded to bf16 before q is chosen. 0.9 dB better than largest magnitude / 7 on Whisper tiny.en; three
// times as many candidates add 0.02 dB. (A negative scale where the largest number is positive would add 0.1
// dB, but XNNPACK demands normal positive scales; so rows and blocks of zeros have one, too.)
void EncodeTensor(ir::Tensor& tensor, DType dtype);

// What every encoding begins with: moves the values out of the tensor, which gets its type, and data and
// scales of zeros in their sizes.
std::vector<float> TakeValues(ir::Tensor& tensor, DType dtype);

// The values as the runtime sees them, [rows, cols]. Requires an encoded tensor.
std::vector<float> DecodeTensor(const ir::Tensor& tensor);

// How far decoded values are from the original ones.
struct QuantizationError {
  float max_error = 0.0f;
  double rms_error = 0.0;
  double signal_rms = 0.0;

  // 20 log10(signal_rms / rms_error); infinite where nothing was lost.
  double snr_db() const;
};
QuantizationError MeasureError(std::span<const float> original, std::span<const float> decoded);

}  // namespace earshot::quantize

#endif  // EARSHOT_CONVERTER_QUANTIZE_WEIGHT_QUANTIZER_H_
