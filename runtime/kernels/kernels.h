// The arithmetic that is not matrix multiplication: norms, activations, sums, conversions. Every function has
// a scalar twin of the same signature in kernels/reference.h, which is its specification. All rows are
// independent; none allocates or can fail. f32 unless the type says otherwise. Letters: M rows, N columns. in
// and out may be the same memory unless said otherwise, but must not overlap in part.
#ifndef EARSHOT_RUNTIME_KERNELS_KERNELS_H_
#define EARSHOT_RUNTIME_KERNELS_KERNELS_H_

#include <cstdint>
#include <span>

#include "runtime/core/float16.h"
#include "runtime/core/matrix_view.h"

namespace earshot::kernels {

// The numbers are those of fb::Activation in runtime/schema/model.fbs.
enum class Activation : uint8_t {
  kNone = 0,
  kGelu = 1,  // x * Phi(x), the exact erf form
  kRelu = 2,
  kSilu = 3,  // x * sigmoid(x)
  kTanh = 4,
  kSigmoid = 5,
  kGeluTanh = 6,  // the tanh approximation of GELU
};
constexpr int kNumActivations = 7;

// out = activation(in). |error| <= 2e-6 * max(1, |x|).
void Activate(Activation activation, Matrix<const float> in, Matrix<float> out);

// out = (in - mean) / sqrt(variance + epsilon) * gamma + beta per row, biased variance (Ba et al. 2016,
// equation 4). gamma: [N]; beta: [N] or nullptr for none.
struct LayerNormParams {
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float epsilon = 1e-5f;
};
void LayerNorm(const LayerNormParams& params, Matrix<const float> in, Matrix<float> out);

// out = a + b. b has as many rows as a, or one row that is added to every row.
void Add(Matrix<const float> a, Matrix<const float> b, Matrix<float> out);

// Conversions of whole matrices; Float16 rounds to nearest even. in and out do not share memory.
void ConvertToF16(Matrix<const float> in, Matrix<Float16> out);
void ConvertToF32(Matrix<const Float16> in, Matrix<float> out);

// Groups of columns in 8 bits, each with its scale: those of row m begin at values.Row(m) + g * group_stride,
// the scale is scales.Row(m)[g * scale_stride].
struct QuantizedGroups {
  Matrix<int8_t> values;  // [M, N]
  Matrix<float> scales;   // [M, G], G divides N
  int64_t group_stride;   // N / G where rows are whole
  int64_t scale_stride;   // 1 likewise

  QuantizedGroups Rows(int64_t begin, int64_t count) const {
    return {values.Rows(begin, count), scales.Rows(begin, count), group_stride, scale_stride};
  }
};

// Rounds activations [M, N] to 8 bits: in = value * scale within half a scale, scale = largest magnitude of
// the group / 127, which is taken as kSmallestMagnitude at least. Rounds to nearest even.
constexpr float kSmallestMagnitude = 1e-30f;
void QuantizeGroups(Matrix<const float> in, const QuantizedGroups& out);

// Dequantizes one row: out[i] = in[i] * scale.
void DequantizeI8(const int8_t* in, float scale, std::span<float> out);
// Block int4 as DType::kI4 stores it: two values a byte, low nibble first, plus 8; scales: bf16, one for 32
// values. out.size() is a multiple of 32.
void DequantizeI4(const uint8_t* in, const uint16_t* scales, std::span<float> out);

// Largest element and where it first occurs (index 0 and -inf for an all -inf input; NaN is ignored).
// Requires in.size() > 0.
struct MaxResult {
  float value;
  int64_t index;
};
MaxResult Max(std::span<const float> in);

// log(sum(exp(in))), stable; -inf entries count as zero probability; -inf if all are.
float LogSumExp(std::span<const float> in);

// Instruction set the kernels run with on this CPU, as Highway names it ("AVX3", "NEON_WITHOUT_AES"). Static
// storage.
const char* SimdTargetName();

}  // namespace earshot::kernels

#endif  // EARSHOT_RUNTIME_KERNELS_KERNELS_H_
