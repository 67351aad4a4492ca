// LimitMeter: every figure is the best of a few short runs, for a limit is what can be reached.
#include "platform/cli/machine_limits.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include "runtime/core/typed_bytes.h"
#include "runtime/kernels/peak.h"
#include "runtime/memory/arena.h"
#include "runtime/xnnpack/xnnpack_arena.h"

namespace earshot::cli {
namespace {

constexpr int kTries = 3;
constexpr size_t kMinReadBytes = size_t{32} << 10;

// Fits second-level caches, with rows and columns enough for any of XNNPACK's tiles.
constexpr int64_t kDenseRows = 240, kDenseChannels = 768;

template <class Work>
double Seconds(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

FullyConnectedParams DenseParams() {
  return {.weight_dtype = DType::kI8,
          .in_channels = kDenseChannels,
          .out_channels = kDenseChannels,
          .in_stride = kDenseChannels,
          .out_stride = kDenseChannels,
          .max_rows = kDenseRows};
}

constexpr auto kDenseElems = static_cast<size_t>(kDenseRows * kDenseChannels);
constexpr auto kDenseWeights = static_cast<size_t>(kDenseChannels * kDenseChannels);
constexpr size_t kDenseScalesBytes = static_cast<size_t>(kDenseChannels) * sizeof(float);
constexpr size_t kReadableTailBytes = 128;  // XNNPACK may read past the last row

size_t DenseBytes() {
  return FullyConnected::PersistentBytesBound(DenseParams()) +
         AlignUp(FullyConnected::WorkspaceBytes(DenseParams())) + AlignUp(kDenseWeights) +
         AlignUp(kDenseScalesBytes) + 2 * AlignUp(kDenseElems * sizeof(float) + kReadableTailBytes);
}

std::vector<size_t> ReadSizes(size_t max_bytes) {
  std::vector<size_t> sizes;
  for (size_t size = kMinReadBytes; size < max_bytes; size *= 8) sizes.push_back(size);
  sizes.push_back(max_bytes);
  return sizes;
}

}  // namespace

double MachineLimits::ReadBytesPerSecond(double size_bytes) const {
  const auto above = std::find_if(reads.begin(), reads.end(), [&](const ReadRate& read) {
    return static_cast<double>(read.size_bytes) >= size_bytes;
  });
  if (above == reads.begin()) return above->bytes_per_s;
  if (above == reads.end()) return reads.back().bytes_per_s;
  const ReadRate& below = above[-1];
  const double share =
      std::log(size_bytes / static_cast<double>(below.size_bytes)) /
      std::log(static_cast<double>(above->size_bytes) / static_cast<double>(below.size_bytes));
  return below.bytes_per_s + share * (above->bytes_per_s - below.bytes_per_s);
}

MachineLimits Higher(MachineLimits a, const MachineLimits& b) {
  a.f32_ops_per_s = std::max(a.f32_ops_per_s, b.f32_ops_per_s);
  if (b.int8_ops_per_s > a.int8_ops_per_s) {
    a.int8_ops_per_s = b.int8_ops_per_s;
    a.int8_source = b.int8_source;
  }
  for (size_t i = 0; i < a.reads.size(); ++i)
    a.reads[i].bytes_per_s = std::max(a.reads[i].bytes_per_s, b.reads[i].bytes_per_s);
  return a;
}

LimitMeter::LimitMeter(const ThreadPool& pool, MemoryBlock buffer, MemoryBlock dense_memory)
    : pool_(pool),
      buffer_(std::move(buffer)),
      dense_memory_(std::move(dense_memory)),
      read_sizes_(ReadSizes(buffer_.bytes().size())) {}

Result<std::unique_ptr<LimitMeter>> LimitMeter::Create(const ThreadPool& pool, size_t max_bytes) {
  EARSHOT_RETURN_IF_ERROR(InitializeXnnpack());
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock buffer, MemoryBlock::Allocate(std::max(max_bytes, kMinReadBytes)));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock dense_memory, MemoryBlock::Allocate(DenseBytes()));
  std::memset(buffer.bytes().data(), 1, buffer.bytes().size());  // untouched pages are all the same one
  std::unique_ptr<LimitMeter> meter(new LimitMeter(pool, std::move(buffer), std::move(dense_memory)));
  meter->dot_products_ = FindDotProducts();
  EARSHOT_RETURN_IF_ERROR(meter->CreateDense());
  return meter;
}

Status LimitMeter::CreateDense() {
  Arena arena(dense_memory_.bytes());
  FullyConnectedParams params = DenseParams();
  const size_t workspace_bytes = FullyConnected::WorkspaceBytes(params);
  workspace_ = {static_cast<std::byte*>(arena.Allocate(workspace_bytes)), workspace_bytes};
  const auto allocate_matrix = [&arena] {
    return static_cast<float*>(arena.Allocate(kDenseElems * sizeof(float) + kReadableTailBytes));
  };
  dense_in_ = {allocate_matrix(), kDenseRows, kDenseChannels, kDenseChannels};
  dense_out_ = {allocate_matrix(), kDenseRows, kDenseChannels, kDenseChannels};
  auto* weights = arena.AllocateArray<std::byte>(kDenseWeights);
  auto* scales = arena.AllocateArray<float>(kDenseChannels);
  for (size_t i = 0; i < kDenseElems; ++i) dense_in_.data[i] = static_cast<float>(i % 251) - 125.0f;
  for (size_t i = 0; i < kDenseWeights; ++i)
    weights[i] = std::bit_cast<std::byte>(static_cast<int8_t>(i % 127));
  std::fill_n(scales, kDenseChannels, 0.01f);
  params.weights = weights;
  params.scales = reinterpret_cast<const std::byte*>(scales);
  return dense_.Create(params, arena, workspace_);
}

template <class Run>
double LimitMeter::OpsPerSecond(const Run& run) {
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    std::atomic<int64_t> multiply_adds = 0;
    const double seconds = Seconds(
        [&] { pool_.ParallelFor(pool_.num_threads(), [&](size_t, size_t) { multiply_adds += run(); }); });
    best = std::max(best, 2 * static_cast<double>(multiply_adds) / seconds);
  }
  return best;
}

Result<double> LimitMeter::DenseOpsPerSecond() {
  constexpr double kOps = 2.0 * kDenseRows * kDenseWeights;
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    Status status;
    const double seconds = Seconds([&] { status = dense_.Run(dense_in_, dense_out_, workspace_, pool_); });
    EARSHOT_RETURN_IF_ERROR(status);
    best = std::max(best, kOps / seconds);
  }
  return best;
}

double LimitMeter::ReadBytesPerSecond(size_t size_bytes) {
  constexpr size_t kEnoughBytes = size_t{4} << 20;  // to make the start of the threads small beside
  const size_t num_threads = pool_.num_threads();
  const size_t repeats = (kEnoughBytes + size_bytes - 1) / size_bytes;
  const size_t words = size_bytes / sizeof(uint32_t) / num_threads;
  const auto* data = ElementsAt<const uint32_t>(buffer_.bytes().data());
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    const double seconds = Seconds([&] {
      pool_.ParallelFor(num_threads, [&](size_t task, size_t) {
        for (size_t r = 0; r < repeats; ++r) sink_ += kernels::SumWords({data + task * words, words});
      });
    });
    best = std::max(best, static_cast<double>(repeats * num_threads * words * sizeof(uint32_t)) / seconds);
  }
  return best;
}

Result<MachineLimits> LimitMeter::Measure() {
  constexpr int64_t kRounds = 200'000;  // about half a millisecond
  MachineLimits limits;
  limits.f32_ops_per_s = OpsPerSecond([this] {
    float result = 0;
    const int64_t multiply_adds = kernels::MultiplyAddsF32(kRounds, &result);
    sink_ += std::bit_cast<uint32_t>(result);
    return multiply_adds;
  });
  EARSHOT_ASSIGN_OR_RETURN(limits.int8_ops_per_s, DenseOpsPerSecond());
  limits.int8_source = "a dense layer";
  if (dot_products_.run != nullptr) {
    const double ops_per_s = OpsPerSecond([this] {
      int32_t result = 0;
      const int64_t multiply_adds = dot_products_.run(kRounds, &result);
      sink_ += std::bit_cast<uint32_t>(result);
      return multiply_adds;
    });
    if (ops_per_s > limits.int8_ops_per_s) {
      limits.int8_ops_per_s = ops_per_s;
      limits.int8_source = dot_products_.instruction;
    }
  }
  for (const size_t size : read_sizes_) limits.reads.push_back({size, ReadBytesPerSecond(size)});
  return limits;
}

}  // namespace earshot::cli
