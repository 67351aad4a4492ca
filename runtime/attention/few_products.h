// Products of attention for few queries with 8-bit keys and values, for 64-bit ARM cores with dot products
// (runtime/core/arm_features.h).
#ifndef EARSHOT_RUNTIME_ATTENTION_FEW_PRODUCTS_H_
#define EARSHOT_RUNTIME_ATTENTION_FEW_PRODUCTS_H_

#include <cstdint>

namespace earshot::attention {

constexpr int64_t kMaxFewChannels = 256;

// [count][dim], rows `stride` bytes apart; dim is a multiple of 16 up to kMaxFewChannels, count > 0.
struct ByteRows {
  const int8_t* first;
  int64_t stride;
  int64_t count;
  int64_t dim;

  const int8_t* operator()(int64_t i) const { return first + i * stride; }
};

// What a 16-bit factor may be: 128 times one signed byte, plus another one.
constexpr int64_t kFewLevels = 127 * 128 + 63;

// sums[i] = sum over c < dim of q[c] * row(i)[c], for i < count up to the next multiple of four. |q| is at
// most kFewLevels, a sum fits 32 bits. Defined for 64-bit ARM only; precondition: HasNeonDotProducts().
void MultiplyKeysNeonDot(const int16_t* q, const ByteRows& rows, float* sums);

// sums[c] = sum over i < count of weights[i] * row(i)[c]; weights are 0 from count up to the next multiple of
// 16, and lie in [0, kFewLevels].
void SumValuesNeonDot(const int16_t* weights, const ByteRows& rows, int32_t* sums);

}  // namespace earshot::attention

#endif  // EARSHOT_RUNTIME_ATTENTION_FEW_PRODUCTS_H_
