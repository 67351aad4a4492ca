// Compiled for 64-bit x86 only. The kernels for AVX-512 VNNI and for AMX, each where the CPU has it.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "runtime/core/x86_features.h"
#include "tests/kernels/dense_int8_testing.h"

namespace earshot {
namespace {

using testing::CheckAgainstTwin;
using testing::DenseInt8Case;
using testing::DenseInt8Shape;
using testing::GuardedMatrix;

struct X86Kernel {
  const char* name;
  kernels::MultiplyDenseInt8 multiply;
  bool (*is_supported)();
  kernels::DenseInt8Layout layout = kernels::kX86Layout;
};

bool HasVnniAndAmx() { return HasAvx512Vnni() && HasAmxInt8(); }

X86Kernel EachKernel() {
  return GENERATE(X86Kernel{"AVX-512 VNNI", &kernels::MultiplyDenseInt8Avx512, &HasAvx512Vnni},
                  X86Kernel{"AMX", &kernels::MultiplyDenseInt8Amx, &HasVnniAndAmx},
                  X86Kernel{"AVX-512 VNNI, 4 bits", &kernels::MultiplyDenseInt4Avx512, &HasAvx512Vnni,
                            kernels::kX86Int4Layout});
}

void CheckShape(const X86Kernel& kernel, const DenseInt8Shape& shape) {
  DenseInt8Case layer(kernel.layout, shape);
  layer.Pack();
  CheckAgainstTwin(kernel.name, kernel.multiply, layer);
}

TEST_CASE("int8 layers on x86 equal their twin, with all tails and alignments", "[quick]") {
  const X86Kernel kernel = EachKernel();
  if (!kernel.is_supported()) SKIP("this CPU has no " << kernel.name);
  // Rows around blocks of 6, tiles of 16 and blocks of 32; inputs around steps of 4 and tiles of 64; outputs
  // around panels of 16 and blocks of four of them.
  for (int64_t rows = 1; rows <= 70; ++rows)
    CheckShape(kernel, {rows, 64 + rows % 9, 16 + rows % 50, rows % 64});
  for (const int64_t rows : {1, 5, 18}) {
    for (int64_t in_channels = 1; in_channels <= 131; in_channels += 3)
      CheckShape(kernel, {rows, in_channels, 33, in_channels % 64});
    for (int64_t out_channels = 1; out_channels <= 81; ++out_channels)
      CheckShape(kernel, {rows, 70, out_channels, out_channels % 64});
  }
}

TEST_CASE("the x86 kernels of int8 layers agree bit by bit", "[quick]") {
  if (!HasVnniAndAmx()) SKIP("this CPU has no AMX");
  for (const int64_t rows : {1, 3, 16, 17, 45}) {
    const DenseInt8Shape shape = {.rows = rows, .in_channels = 100, .out_channels = 90};
    DenseInt8Case layer(kernels::kX86Layout, shape);
    layer.Pack();
    GuardedMatrix<float> by_vectors(rows, 90, 90), by_tiles(rows, 90, 90);
    kernels::MultiplyDenseInt8Avx512(layer.JobFor(by_vectors.view()));
    kernels::MultiplyDenseInt8Amx(layer.JobFor(by_tiles.view()));
    for (int64_t m = 0; m < rows; ++m) {
      for (int64_t n = 0; n < 90; ++n) REQUIRE(by_vectors.view().Row(m)[n] == by_tiles.view().Row(m)[n]);
    }
  }
}

TEST_CASE("sums of the largest products stay exact on x86", "[quick]") {
  const X86Kernel kernel = EachKernel();
  if (!kernel.is_supported()) SKIP("this CPU has no " << kernel.name);
  const DenseInt8Shape shape = {.rows = 3, .in_channels = 1536, .out_channels = 11};
  for (const int8_t value : {int8_t{-128}, int8_t{127}}) {
    const bool is_int4 = kernel.layout.weight_bits == 4;
    for (const int8_t weight : {is_int4 ? int8_t{-8} : int8_t{-127}, is_int4 ? int8_t{7} : int8_t{127}}) {
      DenseInt8Case layer(kernel.layout, shape);
      layer.in.FillWith([value] { return value; });
      layer.weights.FillWith([weight] { return weight; });
      layer.Pack();
      CheckAgainstTwin(kernel.name, kernel.multiply, layer);
    }
  }
}

}  // namespace
}  // namespace earshot
