// The layout of packed weights, found by packing.
#include "runtime/xnnpack/packed_layout.h"

#include <xnnpack.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "runtime/core/xxh64.h"
#include "runtime/xnnpack/fully_connected.h"
#include "runtime/xnnpack/xnnpack_arena.h"

namespace earshot {
namespace {

// Two blocks of int4 weights; more than any group of inputs. As many outputs as the widest tile, and too few
// for any: XNNPACK has kernels of their own for these.
constexpr int64_t kInChannels = 64;
constexpr std::array<int64_t, 2> kOutChannels = {64, 3};
constexpr size_t kMaxWeights = 64 * 64;

// Weights and scales that differ from their neighbours, and are sound numbers of every type.
struct Sample {
  Sample() {
    for (size_t i = 0; i < kMaxWeights; ++i) {
      floats[i] = static_cast<float>(i * 37 % 251) - 125.0f;
      bytes[i] = static_cast<uint8_t>(i * 37 % 251);
      bfloat16_scales[i % bfloat16_scales.size()] = static_cast<uint16_t>(0x3F80 + i % 128);
    }
    for (size_t i = 0; i < scales.size(); ++i) scales[i] = bias[i] = 1.0f + static_cast<float>(i);
  }
  const void* WeightsOf(DType dtype) const {
    return dtype == DType::kF32 ? static_cast<const void*>(floats.data()) : bytes.data();
  }
  const void* ScalesOf(DType dtype) const {
    return dtype == DType::kI8 ? static_cast<const void*>(scales.data()) : bfloat16_scales.data();
  }

  std::array<float, kMaxWeights> floats;
  std::array<uint8_t, kMaxWeights> bytes;
  std::array<float, 64> scales, bias;
  std::array<uint16_t, kMaxWeights / kI4BlockElems> bfloat16_scales;
};

// coarse: of the leading 4 bits, or nullptr.
Status AddLayer(const Sample& sample, DType dtype, const CoarseColumns* coarse, int64_t out_channels,
                Xxh64& hash) {
  alignas(kArenaAlignment) std::array<std::byte, 48 << 10> memory;
  Arena arena(memory);
  FullyConnectedParams params = {.weight_dtype = dtype,
                                 .in_channels = kInChannels,
                                 .out_channels = out_channels,
                                 .in_stride = kInChannels,
                                 .out_stride = out_channels,
                                 .max_rows = 1,
                                 .weights = static_cast<const std::byte*>(sample.WeightsOf(dtype)),
                                 .scales = static_cast<const std::byte*>(sample.ScalesOf(dtype)),
                                 .bias = coarse != nullptr ? nullptr : sample.bias.data(),
                                 .coarse = coarse};
  PackedWeights packed;
  FullyConnected layer;
  const size_t workspace_bytes = FullyConnected::SetupBytes(params);
  auto* workspace = static_cast<std::byte*>(arena.Allocate(workspace_bytes));
  EARSHOT_RETURN_IF_ERROR(layer.Create(params, arena, {workspace, workspace_bytes}, &packed));
  packed.ForEachAdded(
      [&hash](const PackedMatrixKey&, std::span<const std::byte> bytes) { hash.Update(bytes); });
  return Status::Ok();
}

Result<uint64_t> FindLayoutId() {
  EARSHOT_RETURN_IF_ERROR(InitializeXnnpack());
  Xxh64 hash;
  hash.Update({static_cast<const std::byte*>(xnn_experimental_get_build_identifier_data()),
               xnn_experimental_get_build_identifier_size()});
  const Sample sample;
  for (const DType dtype : {DType::kF32, DType::kI8, DType::kI4}) {
    for (const int64_t out_channels : kOutChannels)
      EARSHOT_RETURN_IF_ERROR(AddLayer(sample, dtype, nullptr, out_channels, hash));
  }
  const CoarseColumns columns = {.mean = sample.bias.data(), .inverse = sample.scales.data()};
  for (const int64_t out_channels : kOutChannels)
    EARSHOT_RETURN_IF_ERROR(AddLayer(sample, DType::kI8, &columns, out_channels, hash));
  return hash.Digest();
}

}  // namespace

Result<uint64_t> PackedLayoutId() {
  static const Result<uint64_t> id = FindLayoutId();
  return id;
}

}  // namespace earshot
