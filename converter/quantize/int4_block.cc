// Search over scales, rounding, and the order of nibbles.
#include "converter/quantize/int4_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "converter/quantize/rounding.h"
#include "runtime/core/float16.h"

namespace earshot::quantize {
namespace {

float WeightedError(Int4Block block, Int4Block importance, float scale) {
  const float inverse_scale = 1.0f / scale;
  std::array<float, kInt4Block> squares;
  for (size_t i = 0; i < kInt4Block; ++i) {
    const float error = block[i] - QuantizeInt4(block[i], inverse_scale) * scale;
    squares[i] = error * error * importance[i];
  }
  // Pairs instead of one running sum: the same on every machine, and several at a time.
  for (size_t width = kInt4Block / 2; width >= 1; width /= 2) {
    for (size_t i = 0; i < width; ++i) squares[i] += squares[i + width];
  }
  return squares[0];
}

}  // namespace

float QuantizeInt4(float value, float inverse_scale) {
  return std::clamp(RoundToNearest(value * inverse_scale), -8.0f, 7.0f);
}

// Candidates map the largest magnitude to 5.5 ... 9: above 8 (7 for a positive number) they clip it.
uint16_t BestInt4Scale(Int4Block block, Int4Block importance) {
  const float largest = LargestMagnitude(block);
  uint16_t best_bits = FloatToBFloat16(1.0f);
  if (largest / 9.0f < kSmallestScale) return best_bits;
  float best_error = std::numeric_limits<float>::infinity();
  for (float target = 9.0f; target >= 5.5f; target -= 0.25f) {
    const uint16_t bits = FloatToBFloat16(largest / target);
    const float error = WeightedError(block, importance, BFloat16ToFloat(bits));
    if (error < best_error) {
      best_error = error;
      best_bits = bits;
    }
  }
  return best_bits;
}

void StoreInt4Block(ir::Tensor& tensor, size_t block_index, uint16_t scale_bits, Int4Block integers) {
  std::memcpy(tensor.scales.data() + block_index * sizeof(scale_bits), &scale_bits, sizeof(scale_bits));
  for (size_t i = 0; i < kInt4Block; i += 2) {
    const auto low = static_cast<unsigned>(integers[i] + 8.0f);
    const auto high = static_cast<unsigned>(integers[i + 1] + 8.0f);
    tensor.data[(block_index * kInt4Block + i) / 2] = static_cast<std::byte>(low | (high << 4));
  }
}

}  // namespace earshot::quantize
