// What every integer type of weights needs.
#ifndef EARSHOT_CONVERTER_QUANTIZE_ROUNDING_H_
#define EARSHOT_CONVERTER_QUANTIZE_ROUNDING_H_

#include <algorithm>
#include <cmath>
#include <span>

namespace earshot::quantize {

// Rows and blocks without anything larger than this times their integer range become zeros. XNNPACK
// multiplies scales by small factors when it packs, so they keep a distance from the subnormal numbers.
constexpr float kSmallestScale = 0x1p-100f;

// Nearest integer, ties to even, for |value| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction. Unlike
// std::nearbyint it needs no library call, which makes the search over block scales three times faster.
inline float RoundToNearest(float value) {
  constexpr float kNoFraction = 12582912.0f;
  return (value + kNoFraction) - kNoFraction;
}

inline float LargestMagnitude(std::span<const float> values) {
  float largest = 0.0f;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

}  // namespace earshot::quantize

#endif  // EARSHOT_CONVERTER_QUANTIZE_ROUNDING_H_
