// Dense layers with int8 weights: our kernels and XNNPACK's in turn, on one thread, products only (the rows
// are quantized before). Usage: dense_bench [runs]. Prints the median and spread of the rates and of their
// ratio. Many rows are in the second-level cache; the vocabulary of a single row comes from wherever 20 MB
// lie.
#include <time.h>
#include <xnnpack.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/kernels/dense_int8.h"

namespace earshot::bench {
namespace {

constexpr size_t kExtraRows = 15;    // of parameters: tiles of XNNPACK read them past the last row
constexpr int64_t kBlockRows = 128;  // that our kernels get at once, as in runtime/xnnpack/fully_connected.cc
constexpr double kOpsOfARun = 300e6;    // repeats make a run so long
constexpr size_t kReadableBytes = 128;  // behind the last row

double Now() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Shape {
  int64_t rows, in_channels, out_channels;
};

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::byte, Free>;

Memory Allocate(size_t bytes) {
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  std::memset(memory, 1, bytes);
  return Memory(memory);
}

class Layer {
 public:
  Layer(const Shape& shape, const kernels::DenseInt8Kernel& kernel)
      : shape_(shape),
        kernel_(kernel),
        weights_(static_cast<size_t>(shape.out_channels * shape.in_channels)),
        scales_(static_cast<size_t>(shape.out_channels), 0.01f),
        quantization_(static_cast<size_t>(shape.rows) + kExtraRows, {3, 0.02f}),
        in_(Allocate(static_cast<size_t>(shape.rows * shape.in_channels) + kReadableBytes)),
        out_(Allocate(static_cast<size_t>(shape.rows * shape.out_channels) * sizeof(float))),
        panels_(
            Allocate(kernels::PackedDenseInt8Bytes(kernel.layout, shape.out_channels, shape.in_channels))) {
    for (size_t i = 0; i < weights_.size(); ++i) weights_[i] = static_cast<int8_t>(i * 37 % 251 - 125);
    kernels::PackDenseInt8(
        kernel.layout,
        {.weights = {weights_.data(), shape.out_channels, shape.in_channels, shape.in_channels},
         .scales = scales_.data()},
        panels_.get());
    const auto in = static_cast<size_t>(shape.in_channels), out = static_cast<size_t>(shape.out_channels);
    xnn_create_fully_connected_nc_qd8_f32_qc8w(in, out, in, out, scales_.data(), weights_.data(), nullptr,
                                               -1e30f, 1e30f, 0, nullptr, nullptr, &op_);
    xnn_reshape_fully_connected_nc_qd8_f32_qc8w(op_, static_cast<size_t>(shape.rows), nullptr);
    xnn_setup_fully_connected_nc_qd8_f32_qc8w(
        op_, static_cast<const int8_t*>(static_cast<void*>(in_.get())), Out(),
        static_cast<const xnn_quantization_params*>(static_cast<const void*>(quantization_.data())));
  }
  ~Layer() { xnn_delete_operator(op_); }
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  void RunXnnpack() { xnn_run_operator(op_, nullptr); }
  void RunOurs() {
    for (int64_t row = 0; row < shape_.rows; row += kBlockRows) {
      const int64_t rows = std::min(kBlockRows, shape_.rows - row), k = shape_.in_channels;
      const auto* in = static_cast<const int8_t*>(static_cast<void*>(in_.get()));
      kernel_.multiply(
          {.layout = kernel_.layout,
           .in = {in + row * k, rows, k, k},
           .quantization = quantization_.data() + row,
           .panels = panels_.get(),
           .out = {Out() + row * shape_.out_channels, rows, shape_.out_channels, shape_.out_channels}});
    }
  }
  double ops() const {
    return 2.0 * static_cast<double>(shape_.rows * shape_.in_channels * shape_.out_channels);
  }

 private:
  float* Out() { return static_cast<float*>(static_cast<void*>(out_.get())); }

  Shape shape_;
  kernels::DenseInt8Kernel kernel_;
  std::vector<int8_t> weights_;
  std::vector<float> scales_;
  std::vector<kernels::RowQuantization> quantization_;
  Memory in_, out_, panels_;
  xnn_operator_t op_ = nullptr;
};

// Operations per second, times 1e-9.
template <class Run>
double Gops(double ops, const Run& run) {
  const int repeats = std::max(1, static_cast<int>(kOpsOfARun / ops));
  const double start = Now();
  for (int i = 0; i < repeats; ++i) run();
  return ops * repeats / (Now() - start) * 1e-9;
}

void Bench(const Shape& shape, const kernels::DenseInt8Kernel& kernel, int runs) {
  Layer layer(shape, kernel);
  std::vector<double> ours, theirs, ratios;
  for (int i = 0; i <= runs; ++i) {
    const double mine = Gops(layer.ops(), [&] { layer.RunOurs(); });
    const double other = Gops(layer.ops(), [&] { layer.RunXnnpack(); });
    if (i == 0) continue;  // warms caches
    ours.push_back(mine);
    theirs.push_back(other);
    ratios.push_back(mine / other);
  }
  for (auto* values : {&ours, &theirs, &ratios}) std::ranges::sort(*values);
  const size_t middle = ratios.size() / 2;
  std::printf("%5lld x %4lld x %5lld  ours %6.0f Gop/s  XNNPACK %6.0f Gop/s  ratio %.2f (%.2f .. %.2f)\n",
              static_cast<long long>(shape.rows), static_cast<long long>(shape.in_channels),
              static_cast<long long>(shape.out_channels), ours[middle], theirs[middle], ratios[middle],
              ratios.front(), ratios.back());
}

int Main(int argc, char** argv) {
  const kernels::DenseInt8Kernel kernel = kernels::DenseInt8KernelOfCpu(8);
  if (kernel.multiply == nullptr || xnn_initialize(nullptr) != xnn_status_success) {
    std::printf("XNNPACK's kernels serve this CPU\n");
    return 0;
  }
  std::printf("rows x inputs x outputs\n");
  for (const Shape& shape :
       {Shape{1, 384, 384}, Shape{1, 384, 1536}, Shape{1, 1536, 384}, Shape{1, 512, 2048},
        Shape{1, 384, 51864}, Shape{1, 512, 51865}, Shape{2, 384, 51864}, Shape{5, 384, 1536},
        Shape{8, 384, 1536}, Shape{8, 384, 51864}, Shape{128, 384, 1536}, Shape{128, 1536, 384},
        Shape{1500, 384, 384}, Shape{1500, 384, 1152}, Shape{1500, 512, 1536}, Shape{128, 512, 2048},
        Shape{128, 2048, 512}}) {
    Bench(shape, kernel, std::max(12, argc > 1 ? std::atoi(argv[1]) : 12));
  }
  return 0;
}

}  // namespace
}  // namespace earshot::bench

int main(int argc, char** argv) { return earshot::bench::Main(argc, argv); }
