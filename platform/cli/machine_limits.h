// What this machine can do at most with a number of threads, measured: the roofs that ops are compared with.
#ifndef EARSHOT_PLATFORM_CLI_MACHINE_LIMITS_H_
#define EARSHOT_PLATFORM_CLI_MACHINE_LIMITS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "platform/cpu/dot_products.h"
#include "platform/files/memory_block.h"
#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"
#include "runtime/xnnpack/fully_connected.h"

namespace earshot::cli {

// Reading a working set of this size over and over, all threads together.
struct ReadRate {
  size_t size_bytes = 0;
  double bytes_per_s = 0;
};

// Of all threads together. A multiply-add is two operations.
struct MachineLimits {
  double f32_ops_per_s = 0;
  double int8_ops_per_s = 0;
  const char* int8_source = "";  // what reached it: an instruction, or a dense layer
  std::vector<ReadRate> reads;   // by size, growing; not empty

  // Interpolated linearly over the logarithm of the size; constant beyond the sizes measured.
  double ReadBytesPerSecond(double size_bytes) const;
};

// Of each limit the higher one. Precondition: both come from one LimitMeter.
MachineLimits Higher(MachineLimits a, const MachineLimits& b);

// Measures the limits within a few milliseconds, again and again, since clocks change. f32: a loop of
// multiply-adds. int8: a loop of the processor's dot-product instruction or an int8 dense layer of XNNPACK in
// a shape that suits it, whichever is faster. Reads: sizes from 32 KiB in steps of 8, and `max_bytes`.
// Threads: those of the pool.
class LimitMeter {
 public:
  // Borrows the pool. Errors: kOutOfMemory, and those of FullyConnected.
  static Result<std::unique_ptr<LimitMeter>> Create(const ThreadPool& pool, size_t max_bytes);
  LimitMeter(const LimitMeter&) = delete;
  LimitMeter& operator=(const LimitMeter&) = delete;

  // Errors: those of FullyConnected.
  Result<MachineLimits> Measure();

 private:
  LimitMeter(const ThreadPool& pool, MemoryBlock buffer, MemoryBlock dense_memory);

  Status CreateDense();
  // `run` is a loop that returns how many multiply-adds it did.
  template <class Run>
  double OpsPerSecond(const Run& run);
  Result<double> DenseOpsPerSecond();
  double ReadBytesPerSecond(size_t size_bytes);

  ThreadPool pool_;
  MemoryBlock buffer_;        // max_bytes, to read
  MemoryBlock dense_memory_;  // of the dense layer, its weights, input, output and workspace
  DotProducts dot_products_;
  std::vector<size_t> read_sizes_;
  std::span<std::byte> workspace_;
  Matrix<float> dense_in_, dense_out_;
  FullyConnected dense_;
  std::atomic<uint32_t> sink_ = 0;  // results go here, so that no work is optimized away
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_MACHINE_LIMITS_H_
