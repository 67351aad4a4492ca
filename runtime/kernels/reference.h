// Scalar twins of kernels.h and dense_int8.h: what each kernel means, one element after the other, in double
// precision where it sums. For tests, and for reading; nothing on a device calls them.
#ifndef EARSHOT_RUNTIME_KERNELS_REFERENCE_H_
#define EARSHOT_RUNTIME_KERNELS_REFERENCE_H_

#include "runtime/kernels/dense_int8.h"
#include "runtime/kernels/kernels.h"

namespace earshot::kernels::reference {

void Activate(Activation activation, Matrix<const float> in, Matrix<float> out);
void LayerNorm(const LayerNormParams& params, Matrix<const float> in, Matrix<float> out);
void Add(Matrix<const float> a, Matrix<const float> b, Matrix<float> out);
void ConvertToF16(Matrix<const float> in, Matrix<Float16> out);
void ConvertToF32(Matrix<const Float16> in, Matrix<float> out);
void QuantizeGroups(Matrix<const float> in, const QuantizedGroups& out);
void DequantizeI8(const int8_t* in, float scale, std::span<float> out);
void DequantizeI4(const uint8_t* in, const uint16_t* scales, std::span<float> out);
MaxResult Max(std::span<const float> in);
float LogSumExp(std::span<const float> in);
void MultiplyDenseInt8(const DenseInt8Job& job);

}  // namespace earshot::kernels::reference

#endif  // EARSHOT_RUNTIME_KERNELS_REFERENCE_H_
