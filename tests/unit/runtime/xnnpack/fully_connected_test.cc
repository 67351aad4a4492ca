// Dense layers against a plain sum of products, for every number of rows that a tile of rows may leave over.
#include "runtime/xnnpack/fully_connected.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "models/common/random.h"
#include "platform/files/memory_block.h"
#include "runtime/core/float16.h"
#include "runtime/xnnpack/xnnpack_arena.h"

namespace earshot {
namespace {

constexpr int64_t kInChannels = 64;
constexpr int64_t kOutChannels = 40;  // no multiple of any tile

// Weights in the layout of a type, and the numbers that they stand for.
struct Weights {
  std::vector<std::byte> data;
  std::vector<std::byte> scales;
  std::vector<double> values;  // [N, K]
};

template <class T>
std::vector<std::byte> Bytes(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

Weights MakeFloats(DType dtype, Pcg32& random) {
  Weights weights;
  std::vector<float> singles;
  std::vector<Float16> halves;
  for (int64_t i = 0; i < kOutChannels * kInChannels; ++i) {
    halves.push_back(ToFloat16(static_cast<float>(random.NextUnit() * 2 - 1)));
    singles.push_back(ToFloat(halves.back()));
  }
  weights.values = {singles.begin(), singles.end()};
  weights.data = dtype == DType::kF32 ? Bytes(singles) : Bytes(halves);
  return weights;
}

Weights MakeInt8(Pcg32& random) {
  Weights weights;
  std::vector<int8_t> data;
  std::vector<float> scales;
  for (int64_t n = 0; n < kOutChannels; ++n) {
    scales.push_back(static_cast<float>(0.01 + 0.01 * random.NextUnit()));
    for (int64_t k = 0; k < kInChannels; ++k) {
      data.push_back(static_cast<int8_t>(random.NextUnit() * 255 - 127));
      weights.values.push_back(data.back() * static_cast<double>(scales.back()));
    }
  }
  weights.data = Bytes(data);
  weights.scales = Bytes(scales);
  return weights;
}

Weights MakeInt4(Pcg32& random) {
  Weights weights;
  std::vector<uint8_t> data;
  std::vector<uint16_t> scales;
  for (int64_t i = 0; i < kOutChannels * kInChannels; ++i) {
    if (i % kI4BlockElems == 0)
      scales.push_back(FloatToBFloat16(static_cast<float>(0.1 + 0.1 * random.NextUnit())));
    const int quantized = static_cast<int>(random.NextUnit() * 16);
    weights.values.push_back((quantized - 8) * static_cast<double>(BFloat16ToFloat(scales.back())));
    if (i % 2 == 0) {
      data.push_back(static_cast<uint8_t>(quantized));
    } else {
      data.back() = static_cast<uint8_t>(data.back() | quantized << 4);
    }
  }
  weights.data = Bytes(data);
  weights.scales = Bytes(scales);
  return weights;
}

Weights MakeWeights(DType dtype, Pcg32& random) {
  if (dtype == DType::kI8) return MakeInt8(random);
  return dtype == DType::kI4 ? MakeInt4(random) : MakeFloats(dtype, random);
}

// Runs a layer once in memory that held something else before.
std::vector<float> Run(DType dtype, const Weights& weights, const std::vector<float>& in, int64_t rows) {
  REQUIRE(InitializeXnnpack().ok());
  const FullyConnectedParams params = {.weight_dtype = dtype,
                                       .in_channels = kInChannels,
                                       .out_channels = kOutChannels,
                                       .in_stride = kInChannels,
                                       .out_stride = kOutChannels,
                                       .max_rows = rows,
                                       .weights = weights.data.data(),
                                       .scales = weights.scales.data()};
  const auto memory = MemoryBlock::Allocate(FullyConnected::PersistentBytesBound(params)).value();
  const auto workspace = MemoryBlock::Allocate(std::max({FullyConnected::SetupBytes(params),
                                                         FullyConnected::WorkspaceBytes(params), size_t{64}}))
                             .value();
  std::ranges::fill(workspace.bytes(), std::byte{0xFF});  // as float: NaN
  Arena arena(memory.bytes());
  FullyConnected layer;
  std::vector<float> out(static_cast<size_t>(rows * kOutChannels), -1.0f);
  REQUIRE(layer.Create(params, arena, workspace.bytes()).ok());
  std::ranges::fill(workspace.bytes(), std::byte{0xFF});
  REQUIRE(layer
              .Run({in.data(), rows, kInChannels, kInChannels},
                   {out.data(), rows, kOutChannels, kOutChannels}, workspace.bytes(), ThreadPool())
              .ok());
  return out;
}

// With integer weights every input of a row is rounded to one of 256 steps over the row's range (0 included),
// and the zero point to a whole step: an error of one step at most for each product. All types sum K products
// in f32.
double Tolerance(DType dtype, const float* in, const double* weights) {
  double smallest = 0, largest = 0, weight_sum = 0, product_sum = 0;
  for (int64_t k = 0; k < kInChannels; ++k) {
    const double x = double{in[k]};
    smallest = std::min(smallest, x);
    largest = std::max(largest, x);
    weight_sum += std::abs(weights[k]);
    product_sum += std::abs(weights[k] * x);
  }
  const bool is_quantized = dtype == DType::kI8 || dtype == DType::kI4;
  const double step = is_quantized ? (largest - smallest) / 255 : 0;
  return weight_sum * step +
         double{kInChannels} * double{std::numeric_limits<float>::epsilon()} * product_sum;
}

TEST_CASE("a dense layer computes every row, however many there are") {
  const DType dtype = GENERATE(DType::kF32, DType::kF16, DType::kI8, DType::kI4);
  Pcg32 random(1);
  const Weights weights = MakeWeights(dtype, random);
  for (int64_t rows = 1; rows <= 50; ++rows) {
    INFO(DTypeName(dtype) << ", " << rows << " rows");
    std::vector<float> in(static_cast<size_t>(rows * kInChannels) + 32);  // XNNPACK reads past the end
    for (float& x : in) x = static_cast<float>(random.NextUnit() * 2 - 1);
    const std::vector<float> out = Run(dtype, weights, in, rows);
    for (int64_t m = 0; m < rows; ++m) {
      for (int64_t n = 0; n < kOutChannels; ++n) {
        const float* x = &in[static_cast<size_t>(m * kInChannels)];
        const double* w = &weights.values[static_cast<size_t>(n * kInChannels)];
        double expected = 0;
        for (int64_t k = 0; k < kInChannels; ++k) expected += double{x[k]} * w[k];
        const double error = std::abs(double{out[static_cast<size_t>(m * kOutChannels + n)]} - expected);
        if (!(error <= Tolerance(dtype, x, w))) FAIL("row " << m << ", column " << n << ": off by " << error);
      }
    }
  }
}

TEST_CASE("a large int8 matrix is packed in slices, and each is given back before the next is packed") {
  constexpr int64_t kWide = 2048, kMany = 8192 + 40;  // 16.9 MB: three slices
  std::vector<int8_t> weights(static_cast<size_t>(kMany * kWide));
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<int8_t>(i % 251) - 125;
  std::vector<float> scales(static_cast<size_t>(kMany));
  for (size_t n = 0; n < scales.size(); ++n) scales[n] = 0.001f * static_cast<float>(n % 7 + 1);
  std::vector<std::span<const std::byte>> released;
  const FullyConnectedParams params = {
      .weight_dtype = DType::kI8,
      .in_channels = kWide,
      .out_channels = kMany,
      .in_stride = kWide,
      .out_stride = kMany,
      .max_rows = 2,
      .weights = reinterpret_cast<const std::byte*>(weights.data()),
      .scales = reinterpret_cast<const std::byte*>(scales.data()),
      .weights_file = {.context = &released, .release = [](void* context, std::span<const std::byte> bytes) {
                         static_cast<std::vector<std::span<const std::byte>>*>(context)->push_back(bytes);
                       }}};
  REQUIRE(InitializeXnnpack().ok());
  const auto memory = MemoryBlock::Allocate(FullyConnected::PersistentBytesBound(params)).value();
  const auto workspace = MemoryBlock::Allocate(std::max(FullyConnected::SetupBytes(params),
                                                        FullyConnected::WorkspaceBytes(params)))
                             .value();
  Arena arena(memory.bytes());
  FullyConnected layer;
  REQUIRE(layer.Create(params, arena, workspace.bytes()).ok());
  REQUIRE(released.size() == 3);
  const std::byte* next = params.weights;
  for (const auto bytes : released) {
    CHECK(bytes.data() == next);
    next += bytes.size();
  }
  CHECK(next == params.weights + weights.size());

  std::vector<float> in(2 * kWide + 32), out(2 * kMany);
  for (size_t i = 0; i < 2 * kWide; ++i) in[i] = static_cast<float>(i * 7 % 3) - 1.0f;
  REQUIRE(
      layer.Run({in.data(), 2, kWide, kWide}, {out.data(), 2, kMany, kMany}, workspace.bytes(), ThreadPool())
          .ok());
  for (int64_t m = 0; m < 2; ++m) {
    for (int64_t n = 0; n < kMany; ++n) {
      int64_t sum = 0;
      for (int64_t k = 0; k < kWide; ++k) {
        sum += static_cast<int64_t>(in[static_cast<size_t>(m * kWide + k)]) *
               weights[static_cast<size_t>(n * kWide + k)];
      }
      const double expected = static_cast<double>(sum) * double{scales[static_cast<size_t>(n)]};
      const double got = double{out[static_cast<size_t>(m * kMany + n)]};
      // -1 and 1 lie between two of 256 steps: off by up to half of one, as every product then is.
      double magnitude = 0;
      for (int64_t k = 0; k < kWide; ++k) magnitude += std::abs(weights[static_cast<size_t>(n * kWide + k)]);
      const double step = 2.0 / 255;
      if (!(std::abs(got - expected) <= magnitude * step * double{scales[static_cast<size_t>(n)]}))
        FAIL("row " << m << ", column " << n << ": " << got << " instead of " << expected);
    }
  }
}

// Two layers and the memory they took.
struct TwoLayers {
  TwoLayers(const FullyConnectedParams& first_params, const FullyConnectedParams& second_params)
      : memory(MemoryBlock::Allocate(size_t{1} << 20).value()),
        workspace(MemoryBlock::Allocate(size_t{1} << 16).value()),
        arena(memory.bytes()) {
    REQUIRE(InitializeXnnpack().ok());
    REQUIRE(first.Create(first_params, arena, workspace.bytes(), &packed).ok());
    const size_t before_bytes = arena.required_bytes();
    REQUIRE(second.Create(second_params, arena, workspace.bytes(), &packed).ok());
    second_bytes = arena.required_bytes() - before_bytes;
    packed.ForEachAdded([this](const PackedMatrixKey&, std::span<const std::byte>) { ++num_packed; });
  }

  MemoryBlock memory, workspace;
  Arena arena;
  PackedWeights packed;
  FullyConnected first, second;
  size_t second_bytes = 0;
  int num_packed = 0;
};

TEST_CASE("layers with the same weights and bias share one packed copy, others do not") {
  const DType dtype = GENERATE(DType::kF32, DType::kF16, DType::kI8, DType::kI4);
  Pcg32 random(1);
  const Weights weights = MakeWeights(dtype, random);
  const std::vector<float> bias(kOutChannels, 0.5f);
  const FullyConnectedParams prefill = {.weight_dtype = dtype,
                                        .in_channels = kInChannels,
                                        .out_channels = kOutChannels,
                                        .in_stride = kInChannels,
                                        .out_stride = kOutChannels,
                                        .max_rows = 7,
                                        .weights = weights.data.data(),
                                        .scales = weights.scales.data(),
                                        .bias = bias.data()};
  FullyConnectedParams decode = prefill;
  decode.max_rows = 1;
  decode.out_stride = 2 * kOutChannels;
  TwoLayers same(prefill, decode);
  CHECK(same.num_packed == 1);
  CHECK(same.second_bytes <= FullyConnected::Measure(decode, same.packed).own_bytes);
  std::vector<float> in(kInChannels + 32, 0.25f);  // XNNPACK reads past the end
  std::vector<float> first_out(kOutChannels), second_out(kOutChannels);
  REQUIRE(same.first
              .Run({in.data(), 1, kInChannels, kInChannels},
                   {first_out.data(), 1, kOutChannels, kOutChannels}, same.workspace.bytes(), ThreadPool())
              .ok());
  REQUIRE(same.second
              .Run({in.data(), 1, kInChannels, kInChannels},
                   {second_out.data(), 1, kOutChannels, 2 * kOutChannels}, same.workspace.bytes(),
                   ThreadPool())
              .ok());
  CHECK(first_out == second_out);

  decode.bias = nullptr;
  CHECK(TwoLayers(prefill, decode).num_packed == 2);
}

}  // namespace
}  // namespace earshot
