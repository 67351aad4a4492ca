// A dense layer with int8 weights and rows for it, all random.
#ifndef EARSHOT_TESTS_KERNELS_DENSE_INT8_TESTING_H_
#define EARSHOT_TESTS_KERNELS_DENSE_INT8_TESTING_H_

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/kernels/dense_int8.h"
#include "runtime/kernels/reference.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot::testing {

struct DenseInt8Shape {
  int64_t rows = 1;
  int64_t in_channels = 1;
  int64_t out_channels = 1;
  int64_t misalignment = 0;  // bytes behind the last row
};

// The readable bytes behind every row hold noise, which must not matter.
class DenseInt8Case {
 public:
  DenseInt8Case(const kernels::DenseInt8Layout& layout, const DenseInt8Shape& shape)
      : in(shape.rows, shape.in_channels + layout.multiple - 1, shape.in_channels + layout.multiple - 1,
           shape.misalignment),
        weights(shape.out_channels, shape.in_channels, shape.in_channels),
        scales(static_cast<size_t>(shape.out_channels)),
        bias(static_cast<size_t>(shape.out_channels)),
        quantization(static_cast<size_t>(shape.rows)),
        packed(kernels::PackedDenseInt8Bytes(layout, shape.out_channels, shape.in_channels)),
        layout_(layout),
        in_channels_(shape.in_channels) {
    Random random(static_cast<uint64_t>(shape.in_channels * 1000 + shape.out_channels));
    in.FillWith([&random] { return static_cast<int8_t>(random.Below(256) - 128); });
    weights.FillWith([&random, &layout] {
      return static_cast<int8_t>(layout.weight_bits == 4 ? random.Below(16) - 8 : random.Below(255) - 127);
    });
    for (float& scale : scales) scale = 0.01f * (1.5f + random.Uniform());
    random.Fill<float>(bias);
    for (auto& row : quantization)
      row = {static_cast<int32_t>(random.Below(256) - 128), 0.02f * (1.5f + random.Uniform())};
  }

  void Pack() {
    kernels::PackDenseInt8(layout_,
                           {.weights = weights.const_view(), .scales = scales.data(), .bias = bias.data()},
                           PackedBytes());
  }

  kernels::DenseInt8Job JobFor(Matrix<float> out) {
    Matrix<const int8_t> rows = in.const_view();
    rows.cols = in_channels_;
    return {.layout = layout_,
            .in = rows,
            .quantization = quantization.data(),
            .panels = PackedBytes(),
            .out = out};
  }

  GuardedMatrix<int8_t> in, weights;
  std::vector<float> scales, bias;
  std::vector<kernels::RowQuantization> quantization;

 private:
  std::byte* PackedBytes() { return packed.end() - packed_bytes(); }
  size_t packed_bytes() const {
    return kernels::PackedDenseInt8Bytes(layout_, weights.const_view().rows, weights.const_view().cols);
  }

  GuardedPages packed;
  kernels::DenseInt8Layout layout_;
  int64_t in_channels_;
};

// Fails with `name` unless the kernel's results are those of its scalar twin.
inline void CheckAgainstTwin(const char* name, kernels::MultiplyDenseInt8 multiply, DenseInt8Case& layer) {
  const int64_t rows = layer.in.const_view().rows, outputs = layer.weights.const_view().rows;
  GuardedMatrix<float> out(rows, outputs, outputs + 1), expected(rows, outputs, outputs);
  multiply(layer.JobFor(out.view()));
  kernels::reference::MultiplyDenseInt8(layer.JobFor(expected.view()));
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t n = 0; n < outputs; ++n) {
      const float got = out.view().Row(m)[n], want = expected.view().Row(m)[n];
      // The sums are the same; the kernel rounds twice, its twin three times, by 2^-24 each.
      const float bias = layer.bias[static_cast<size_t>(n)];
      const float bound = 5 * 0x1p-24f * (std::abs(want - bias) + std::abs(bias));
      if (!(std::abs(got - want) <= bound))
        FAIL(name << ": row " << m << " column " << n << ": " << got << ", not " << want);
    }
  }
  CHECK(out.GapsIntact());
}

}  // namespace earshot::testing

#endif  // EARSHOT_TESTS_KERNELS_DENSE_INT8_TESTING_H_
